"""Room held back on the disk of the state folder, so that a run can still go back when the disk is full.

Letting held requests go on, recording a result and writing the routes need a few kilobytes: without them a
full disk would stop the way back half way, with requests waiting."""

from __future__ import annotations

import os
from pathlib import Path

from lastgood.records.files import not_written

RESERVED_BYTES = 4 * 1024 * 1024


class Reserve:
    def __init__(self, file: Path) -> None:
        self._file = file

    def keep(self) -> None:
        """Hold the room back, where it is not held already. Raises DiskFull."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVED_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._file.unlink(missing_ok=True)
            raise not_written(self._file, error) from error

    def give(self) -> bool:
        """Free the room; False when there was none."""
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        return True

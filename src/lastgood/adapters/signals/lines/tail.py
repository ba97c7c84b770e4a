"""Tail: new bytes of a file that is rotated, truncated, removed and made anew while it is read.

A file that is renamed is read to its end before the one that took its name. A file that was emptied and has
grown past where we were is told by the bytes before that place: they are not what was read there.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MARK_BYTES = 256
_QUIET_LOOKS = 3  # without a file of this name, before it counts as missing: rotation takes a moment


class Tail:
    def __init__(self, path: Path, at_end: bool) -> None:
        self._path = path
        self._descriptor = -1
        self._place = 0
        self._mark = b""  # the last bytes that were read
        self._quiet = 0
        self._left = False  # another file has the name: one more look at this one
        self.anew = 0  # times that a file was begun at its start: what was half read is lost
        self.missing = ""
        self._open(at_end)

    def read(self, most_bytes: int) -> bytes:
        """What is new, empty when nothing is; then `missing` may say why."""
        if self._descriptor < 0 and not self._open(at_end=False):
            return b""
        try:
            self._notice_truncation()
            part = os.pread(self._descriptor, most_bytes, self._place)
        except OSError as error:
            self.missing = f"{self._path} cannot be read: {error.strerror}"
            self.close()
            return b""
        if part:
            self._place += len(part)
            self._mark = (self._mark + part)[-_MARK_BYTES:]
            self._quiet, self.missing = 0, ""
            return part
        self._look_for_another()
        return b""

    def skip_to_end(self) -> int:
        """Bytes that were passed over."""
        size = os.fstat(self._descriptor).st_size if self._descriptor >= 0 else 0
        skipped = max(0, size - self._place)
        self._go_to(self._place + skipped)
        return skipped

    def back_from_end(self, most_bytes: int) -> None:
        """Go on at most so far before the end of the file."""
        if self._descriptor >= 0:
            self._go_to(max(0, os.fstat(self._descriptor).st_size - most_bytes))

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _open(self, at_end: bool) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.missing = f"{self._path} cannot be read: {error.strerror}"
            return False
        self._descriptor, self._left, self._quiet = descriptor, False, 0
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            self.missing = f"{self._path} is no file"
            return False
        self.missing = ""
        self._go_to(status.st_size if at_end else 0)
        self.anew += 0 if at_end else 1
        return True

    def _go_to(self, place: int) -> None:
        self._place = place
        start = max(0, place - _MARK_BYTES)
        self._mark = os.pread(self._descriptor, place - start, start) if place else b""

    def _notice_truncation(self) -> None:
        size = os.fstat(self._descriptor).st_size
        before = os.pread(self._descriptor, len(self._mark), self._place - len(self._mark))
        if size < self._place or before != self._mark:
            self._place, self._mark = 0, b""
            self.anew += 1

    def _look_for_another(self) -> None:
        try:
            there, here = self._path.stat(), os.fstat(self._descriptor)
        except OSError:  # renamed, and none made yet; or removed
            self._quiet += 1
            if self._quiet > _QUIET_LOOKS:
                self.missing = f"{self._path} is not there any more"
            return
        self._quiet, self.missing = 0, ""
        if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
            return
        if self._left:
            self.close()
            self._open(at_end=False)
        self._left = True

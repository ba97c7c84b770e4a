"""Scratch folders: room for work that is thrown away, also when its process was killed.

Each is locked while its process lives; whoever makes the next one removes those that nobody holds."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastgood.records.files import is_locked, not_written


class ScratchFolders:
    """folder/NAME/ and beside it folder/NAME.lock, which is taken before the folder is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def __call__(self, purpose: str) -> Iterator[Path]:
        """A new empty folder, gone afterwards. Raises DiskFull, ActionFailed."""
        name = f"{purpose}-{secrets.token_hex(4)}"
        lock, place = self._folder / f"{name}.lock", self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._sweep()
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            place.mkdir()
        except OSError as error:
            raise not_written(place, error) from error
        try:
            yield place
        finally:
            _remove(place)
            lock.unlink(missing_ok=True)
            os.close(descriptor)

    def _sweep(self) -> None:
        for lock in self._folder.glob("*.lock"):
            # a lock that was just made looks free until it is taken, but its folder comes after that
            if not is_locked(lock) and (self._folder / lock.stem).exists():
                _remove(self._folder / lock.stem)
                lock.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    """Also where folders in it are read-only, as a release's are."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            inside = Path(parent, name)
            if not inside.is_symlink():
                inside.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)

"""Small files that are whole or absent, and locks that a process's death releases."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from lastgood.domain.errors import ActionFailed, DiskFull, LastgoodError

LOCK_PATIENCE = timedelta(milliseconds=300)
"""How long a lock is asked for before it counts as taken: whoever only looks holds it for an instant."""


def write_whole(file: Path, text: str) -> None:
    """Replace the file: after a crash the old text or the new one is there, and the new one once this
    returned. Raises DiskFull, ActionFailed."""
    aside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with aside.open("w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(file)
        sync_folder(file.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise not_written(file, error) from error


def percent_encoded(text: str, safe: str = "") -> str:
    """As urllib.parse.quote does, whose import alone takes longer than all that a command looks at."""
    plain = frozenset(f"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~{safe}".encode())
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in os.fsencode(text))


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_locked(file: Path) -> bool:
    """Whether a process holds the lock now. A file that is not there is not locked, and is not made."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(file: Path, taken: Callable[[], LastgoodError]) -> Iterator[None]:
    """Hold the file's lock, until the block or the process ends. Raises `taken()` when another holds it.

    The file stays: removing it would let two processes lock two files of one name.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise not_written(file, error) from error
    try:
        until = time.monotonic() + LOCK_PATIENCE.total_seconds()
        while not _take(descriptor):
            if time.monotonic() > until:
                raise taken()
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def not_written(file: Path, error: OSError) -> ActionFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"There is no room to write {file}.",
            "What was there before is untouched.",
            "Free some room on that disk and run the command again.",
        )
    return ActionFailed(
        f"{file} could not be written ({error.strerror or error}).",
        "What was there before is untouched.",
        f"See that this user may write in {file.parent}, then run the command again.",
    )

"""Shortcuts: what was worked out once, kept so that the next command need not work it out again.

They are only ever an optimisation: one that is damaged, that another user owns or could have written, or that
cannot be written, is as if it were not there. The file is the SHA-256 of its second line, then that line.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import TypeVar

from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import LastgoodError

T = TypeVar("T")
_LARGEST_BYTES = 50_000_000


def read_shortcut(kind: type[T], file: Path) -> T | None:
    """The value that was kept there; None whenever there is the least doubt."""
    try:
        checksum, _, text = _read_private(file).partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != checksum:
            return None
        return loads(kind, text.decode("ascii"))
    except (OSError, ValueError, LastgoodError):
        return None


def write_shortcut(file: Path, value: object) -> None:
    """Whole or not at all, and only where it would be believed."""
    if not _is_private_folder(file.parent):
        return
    text = dumps(value).encode()
    aside = file.with_name(f".{file.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
        aside.replace(file)
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)  # of a full disk


def _read_private(file: Path) -> bytes:
    """Raises OSError also when another user owns the file or could write it: it decides what is run."""
    if not _is_private_folder(file.parent):
        raise PermissionError(f"{file.parent} is not this user's alone")
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or not _is_private(status):
            raise PermissionError(f"{file} is not this user's alone")
        return stream.read(_LARGEST_BYTES)


def _is_private_folder(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and _is_private(status)


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022

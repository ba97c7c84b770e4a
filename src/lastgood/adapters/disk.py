"""Files and folders that survive a crash: copy, flush, exchange, and a full disk said plainly."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lastgood.domain.errors import ActionFailed, DiskFull

_FICLONE = 0x40049409  # linux/fs.h
_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_LINKED = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP}
_NOT_SUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(file: Path) -> None:
    """Make the content of a file durable."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(file: Path, content: bytes) -> None:
    """Replace a small file in one step: the old content or the new, never a part."""
    aside = file.with_name(f".{file.name}.lastgood-new")
    with aside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(file)
    sync_folder(file.parent)


def copy_file(source: Path, target: Path) -> None:
    """Copy content, mode and times into a new file, by reflink where the file system can; durable."""
    with source.open("rb") as reading, target.open("xb") as writing:
        try:
            fcntl.ioctl(writing.fileno(), _FICLONE, reading.fileno())
        except OSError as error:
            if error.errno in _FULL:
                raise
            shutil.copyfileobj(reading, writing, 1 << 20)
        writing.flush()
        copy_attributes(os.fstat(reading.fileno()), target)
        os.fsync(writing.fileno())


def link_or_copy(source: Path, target: Path) -> None:
    """A second name of the same file, at no cost; a copy where the file system or its owner refuses one."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NOT_LINKED:
            raise
        copy_file(source, target)


def copy_attributes(status: os.stat_result, target: Path) -> None:
    """Give a file or folder the mode, the times and, where we may, the owner that `status` holds."""
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):  # an ordinary user gives nothing away: the copy stays theirs
            os.chown(target, status.st_uid, status.st_gid)
    target.chmod(status.st_mode & 0o7777)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def exchange(first: Path, second: Path) -> bool:
    """Swap two names of one file system in a single instant. False where the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(first), None, str(second))


def remove(path: Path) -> None:
    """Remove a file, link or whole folder. What is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def disk_full(what: str, where: Path | str) -> DiskFull:
    return DiskFull(
        f"There is no room left at {where} for {what}.",
        "What was there before is untouched, and what was begun was given up.",
        "Free space there, or move it to a larger disk, then run the command again.",
    )


@contextmanager
def translated(kind: type[ActionFailed], what: str, where: Path) -> Iterator[None]:
    """Turn the errors of files and of SQLite into errors that a person reads.

    `what` completes "there is no room for ..." and "... did not succeed"."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(what, where) from error
        raise _failed(kind, what, where, error) from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"):
            raise disk_full(what, where) from error
        raise _failed(kind, what, where, error) from error


def _failed(kind: type[ActionFailed], what: str, where: Path, error: Exception) -> ActionFailed:
    return kind(
        f"{what[:1].upper()}{what[1:]} did not succeed at {where}: {error}.",
        "What was there before is untouched.",
        "Look at the path, its permissions and what else uses it, then run the command again.",
    )

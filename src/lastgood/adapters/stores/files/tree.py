"""A folder as the store `files` sees it: which entries count, what is in them, how they are copied."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from lastgood.adapters.disk import copy_attributes, copy_file, sync_folder
from lastgood.domain.errors import StoreFailed
from lastgood.domain.release import FileEntry

OWN_PREFIX = ".lastgood-"  # names that a switch inside the folder uses
_TRIES = 5


def walk(folder: Path, exclude: Sequence[str]) -> Iterator[tuple[str, os.stat_result]]:
    """(relative path, status) of every file, link and folder that counts, parents first.

    Sockets, pipes and devices hold no data and are left out, as is what vanishes while it is looked at."""
    pending = [""]
    while pending:
        parent = pending.pop()
        for name in sorted(child.name for child in (folder / parent).iterdir()):
            path = f"{parent}/{name}" if parent else name
            if is_excluded(path, exclude):
                continue
            try:
                status = (folder / path).lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)
            elif not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                continue
            yield path, status


def is_excluded(path: str, exclude: Sequence[str]) -> bool:
    """A pattern without a slash matches a name anywhere, one with a slash the path from the folder; what
    is inside a matched folder is excluded with it."""
    parts = path.split("/")
    name = parts[-1]
    if len(parts) == 1 and name.startswith(OWN_PREFIX):
        return True
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in exclude)


def entry(folder: Path, path: str, status: os.stat_result) -> FileEntry:
    """The entry with its digest: reads the whole file."""
    place, mode = folder / path, stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return FileEntry(path, "folder", mode, 0, "")
    if stat.S_ISLNK(status.st_mode):
        target = os.fsencode(place.readlink())
        return FileEntry(path, "link", 0o777, len(target), hashlib.sha256(target).hexdigest())
    with place.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileEntry(path, "file", mode, status.st_size, digest)


def copy_tree(
    source: Path,
    target: Path,
    exclude: Sequence[str],
    copy_one: Callable[[Path, Path], None] = copy_file,
) -> None:
    """Copy what counts into the new folder `target`, beside running writers: each file as it was at one
    instant. Raises StoreFailed for a file that changes faster than it can be copied."""
    target.mkdir()
    folders = [(target, source.stat())]
    for path, status in walk(source, exclude):
        place = target / path
        if stat.S_ISDIR(status.st_mode):
            place.mkdir()
            folders.append((place, status))
        elif stat.S_ISLNK(status.st_mode):
            place.symlink_to((source / path).readlink())
        else:
            _copy_at_one_instant(source / path, place, copy_one)
    for place, status in reversed(folders):
        sync_folder(place)
        copy_attributes(status, place)


def _copy_at_one_instant(source: Path, target: Path, copy_one: Callable[[Path, Path], None]) -> None:
    for _ in range(_TRIES):
        try:
            before = source.stat()
            copy_one(source, target)
            after = source.stat()
        except FileNotFoundError:  # removed by its writer meanwhile: then it does not belong to the copy
            target.unlink(missing_ok=True)
            return
        if _version(before) == _version(after):
            return
        target.unlink()
    raise StoreFailed(
        f"The file {source} changed during each of {_TRIES} tries to copy it.",
        "The copy was given up.",
        "Add it to `exclude` when it is no data (a log), or hold the writers.",
    )


def _version(status: os.stat_result) -> tuple[int, int, int]:
    # not the change time: making a hard link sets it
    return status.st_ino, status.st_size, status.st_mtime_ns

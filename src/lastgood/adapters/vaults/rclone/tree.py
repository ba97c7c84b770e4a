"""A folder as a list of entries with their digests: read from disk, and laid out again."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lastgood.adapters.disk import copy_file


@dataclass(frozen=True, slots=True)
class Entry:
    """`digest` is the SHA-256 of a file's content, `target` where a link points; times in nanoseconds."""

    path: str
    kind: str  # file link folder
    mode: int
    modified_nanoseconds: int
    size: int = 0
    digest: str = ""
    target: str = ""


def read_tree(folder: Path) -> list[Entry]:
    """Every file (read whole), link and folder under it, sorted by path. Sockets, pipes and devices hold
    no data and are left out, as is what vanishes while it is looked at."""
    found = []
    pending = [folder]
    while pending:
        for place in pending.pop().iterdir():
            try:
                entry = _entry(place, str(place.relative_to(folder)))
            except FileNotFoundError:
                continue
            if entry is not None:
                found.append(entry)
                if entry.kind == "folder":
                    pending.append(place)
    return sorted(found, key=lambda entry: entry.path)


def digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lay_tree(entries: Iterable[Entry], objects: Mapping[str, Path], folder: Path) -> None:
    """Build the folder from the entries; `objects` maps a digest to a file with that content."""
    ordered = sorted(entries, key=lambda entry: entry.path)
    for entry in ordered:
        place = folder / entry.path
        if entry.kind == "folder":
            place.mkdir(mode=0o700)
        elif entry.kind == "link":
            place.symlink_to(entry.target)
        else:
            copy_file(objects[entry.digest], place)
            _set(entry, place)
    for entry in reversed(ordered):
        if entry.kind == "folder":
            _set(entry, folder / entry.path)


def write_tree(entries: Iterable[Entry]) -> bytes:
    """As JSON: ASCII, so that names that are no text survive."""
    return json.dumps([asdict(entry) for entry in entries], sort_keys=True).encode()


def parse_tree(content: bytes) -> list[Entry]:
    return [Entry(**fields) for fields in json.loads(content)]


def _entry(place: Path, path: str) -> Entry | None:
    status = place.lstat()
    mode, modified = stat.S_IMODE(status.st_mode), status.st_mtime_ns
    if stat.S_ISDIR(status.st_mode):
        return Entry(path, "folder", mode, modified)
    if stat.S_ISLNK(status.st_mode):
        return Entry(path, "link", mode, modified, target=str(place.readlink()))
    if stat.S_ISREG(status.st_mode):
        return Entry(path, "file", mode, modified, status.st_size, digest_of(place))
    return None


def _set(entry: Entry, place: Path) -> None:
    place.chmod(entry.mode)
    os.utime(place, ns=(entry.modified_nanoseconds, entry.modified_nanoseconds))

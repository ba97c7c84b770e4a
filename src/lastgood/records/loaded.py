"""The system as it was last loaded, kept in the state folder so that looking at it takes no parser.

A shortcut (shortcut.py). It is believed when the documents, byte for byte, and this very lastgood are those
it was made from, and when every path still leads where it led; otherwise the documents are loaded. Where the
state folder is stands in the documents: the place is guessed from the one line that may name it, and a wrong
guess finds nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lastgood.domain.system import System
from lastgood.records.shortcut import read_shortcut, write_shortcut

FILE = "loaded.json"
_STATE_LINE = re.compile(rb"""^state:[ \t]*(["']?)([^"'#\r\n]+?)\1[ \t]*(?:#.*)?\r?$""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a system was loaded from: the documents' digests by file name, and the mark of the program."""

    folder: Path
    documents: Mapping[str, str]
    program: str
    state: Path  # where the documents seem to say that the state folder is


@dataclass(frozen=True, slots=True)
class _Loaded:
    """`resolved` maps each path that was followed to where it led."""

    folder: Path
    documents: Mapping[str, str]
    program: str
    resolved: Mapping[str, str]
    system: System


def origin_of(folder: Path, program: str) -> Origin | None:
    """None when there are no documents that could be read."""
    folder = folder.resolve()
    try:
        # each name ending so counts: one more file can make documents invalid
        files = {
            path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".yml", ".yaml")
        }
    except OSError:
        return None
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return Origin(folder, digests, program, _seeming_state(folder, files.get("system.yml", b"")))


def recall(origin: Origin) -> System | None:
    """The system of these documents; None whenever there is the least doubt."""
    loaded = read_shortcut(_Loaded, origin.state / FILE)
    if loaded is None:
        return None
    same = (loaded.folder, loaded.documents, loaded.program, loaded.system.state) == (
        origin.folder,
        origin.documents,
        origin.program,
        origin.state,
    )
    if not same or any(os.path.realpath(path) != led for path, led in loaded.resolved.items()):
        return None
    return loaded.system


def keep(origin: Origin, system: System, resolved: Mapping[str, str]) -> None:
    """Keep it where `recall` looks, when that place is there."""
    if system.state == origin.state:
        loaded = _Loaded(origin.folder, origin.documents, origin.program, resolved, system)
        write_shortcut(system.state / FILE, loaded)


def program_mark(package: Path, version: str) -> str:
    """Tells this lastgood from every other: its version, and size and time of each of its files."""
    mark = hashlib.sha256(version.encode())
    for path, status in _sources(str(package)):
        mark.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return mark.hexdigest()


def _sources(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                yield entry.path, entry.stat()
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)


def _seeming_state(folder: Path, text: bytes) -> Path:
    line = _STATE_LINE.search(text)
    named = os.fsdecode(line.group(2)) if line else ".state"
    joined = folder / named
    return joined.parent.resolve() / joined.name

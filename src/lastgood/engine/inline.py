"""The break-glass engine: a journal of results, one line a step, appended and flushed to disk."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastgood.domain.errors import ActionFailed, DiskFull
from lastgood.ports.engine import StepBody, Walk

END = "end"
"""Path under which the walk's own result is recorded; step paths are numbers."""


class InlineEngine:
    name = "inline"

    def execute(self, run_id: str, folder: Path, walk: Walk) -> str:
        with _open_journal(folder / "journal.jsonl") as journal:
            if END not in journal.results:
                journal.record(END, walk(journal.step))
            return journal.results[END]


class _Journal:
    """`results` holds what is durable: path -> result."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file = file
        self._descriptor = descriptor
        self.results, whole_bytes = _read(file)
        # what a crash tore is cut off, so that the next line stands on its own
        os.ftruncate(descriptor, whole_bytes)

    def step(self, path: str, body: StepBody) -> str:
        if path not in self.results:
            self.record(path, body())
        return self.results[path]

    def record(self, path: str, result: str) -> None:
        line = _line(path, result)
        begin = os.fstat(self._descriptor).st_size
        try:
            os.lseek(self._descriptor, begin, os.SEEK_SET)
            written = 0
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, begin)
            raise _not_recorded(self._file, path, error) from error
        self.results[path] = result


@contextmanager
def _open_journal(file: Path) -> Iterator[_Journal]:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        _flush_name(file.parent)
    except OSError as error:
        raise _not_recorded(file, "the start", error) from error
    try:
        yield _Journal(file, descriptor)
    finally:
        os.close(descriptor)


def _read(file: Path) -> tuple[dict[str, str], int]:
    """The recorded results, and how many bytes are whole lines. Only the last line may be torn."""
    results: dict[str, str] = {}
    whole_bytes = 0
    lines = file.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        entry = _parsed(line)
        if entry is None:
            if number == len(lines):
                break
            raise ActionFailed(
                f"Line {number} of the journal {file} is damaged.",
                "What its step came to is not known; nothing was run.",
                "Look at what the run was working on, then start a new run: its steps look first at what is "
                "already done.",
            )
        path, result = entry
        results.setdefault(path, result)
        whole_bytes += len(line)
    return results, whole_bytes


def _parsed(line: bytes) -> tuple[str, str] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
        path, result, checksum = entry["path"], entry["result"], entry["crc"]
    except (ValueError, KeyError, TypeError):
        return None
    return (path, result) if checksum == _checksum(path, result) else None


def _line(path: str, result: str) -> bytes:
    entry = {"path": path, "result": result, "crc": _checksum(path, result)}
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _checksum(path: str, result: str) -> int:
    return zlib.crc32(f"{path}\0{result}".encode("utf-8", "surrogatepass"))


def _flush_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_recorded(file: Path, path: str, error: OSError) -> ActionFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"There is no room to record the result of step {path} in {file}.",
            "The step is done but unrecorded; the run goes on from it when it is resumed.",
            "Free some room on that disk and run the command again.",
        )
    return ActionFailed(
        f"The result of step {path} could not be recorded in {file} ({error.strerror or error}).",
        "The step may be done but unrecorded; the run goes on from it when it is resumed.",
        "See that this user may write there, then run the command again.",
    )

"""The only place that starts processes: argument tuples, no shell, a named limit, secrets never in argv."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lastgood.domain.errors import ActionFailed, ToolMissing


@dataclass(frozen=True, slots=True)
class Completed:
    command: tuple[str, ...]
    exit_code: int
    output: bytes
    errors: bytes

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        return self.errors.decode("utf-8", "replace").strip()


def run(
    command: Sequence[str],
    *,
    limit: timedelta,
    environment: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    folder: Path | None = None,
    given: bytes = b"",
    output_file: Path | None = None,
) -> Completed:
    """Run to the end and return whatever exit code came. `environment` is added to this process's own;
    `secrets` too, and their values are masked in what is returned. On `limit` the whole process group is
    killed and ActionFailed raised. Raises ToolMissing when the program is not there."""
    hidden = dict(secrets or {})
    try:
        with subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=output_file.open("wb") if output_file else subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, **(environment or {}), **hidden},
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(given, timeout=limit.total_seconds())
            except subprocess.TimeoutExpired:
                _kill_group(process.pid)
                process.communicate()
                raise _not_finished(command[0], limit) from None
            except BaseException:
                _kill_group(process.pid)
                raise
    except FileNotFoundError as error:
        if folder is not None and not folder.is_dir():
            raise
        raise ToolMissing(
            f"The program `{command[0]}` is not on this machine.",
            "Nothing was changed.",
            f"Install it, or correct its path ({error.filename}).",
        ) from error
    return Completed(
        tuple(command), process.returncode, _mask(output or b"", hidden), _mask(errors or b"", hidden)
    )


def run_telling(
    command: Sequence[str],
    tell: Callable[[str], None],
    *,
    limit: timedelta,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> int:
    """Run to the end and tell each line that it prints, on either stream, as it comes; its exit code. On
    `limit`, and when `tell` raises, the whole process group is killed; the limit raises ActionFailed."""
    overdue = threading.Event()
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    ) as process:

        def end() -> None:
            overdue.set()
            _kill_group(process.pid)

        watch = threading.Timer(limit.total_seconds(), end)
        watch.start()
        try:
            for line in process.stdout or ():
                tell(line.decode("utf-8", "replace").rstrip("\n"))
            process.wait()
        except BaseException:
            _kill_group(process.pid)
            raise
        finally:
            watch.cancel()
    if overdue.is_set():
        raise _not_finished(command[0], limit)
    return process.returncode


def spawn_detached(command: Sequence[str], *, given: bytes, folder: Path) -> int:
    """Start a process that outlives this one: its own session, no inherited descriptors but the pipe that
    gives it `given` on standard input. Returns its pid."""
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,
        close_fds=True,
    )
    if process.stdin is not None:
        process.stdin.write(given)
        process.stdin.close()
    process.returncode = 0  # not waited for: it is re-adopted by its record, not by this object
    return process.pid


def _not_finished(program: str, limit: timedelta) -> ActionFailed:
    return ActionFailed(
        f"`{program}` did not finish within {limit.total_seconds():g} s and was ended.",
        "What it was doing is not done.",
        "Look whether what it talks to answers, then run the command again.",
    )


class Followed:
    """A process that goes on, and whose output is read as it comes. What is not read waits in the pipe, and
    the process with it: nothing piles up here."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read(self, most_bytes: int, within: timedelta) -> bytes | None:
        """What came; empty when nothing came within so long, None when it has ended and all was read."""
        stream = self._process.stdout
        if stream is None or stream.closed:
            return None
        if not select.select([stream], [], [], within.total_seconds())[0]:
            return b""
        return os.read(stream.fileno(), most_bytes) or None

    def close(self) -> None:
        """End the process and all of its group. May be called twice."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def follow(command: Sequence[str], *, folder: Path | None = None) -> Followed:
    """Start a process to read from for as long as it runs; its errors come with its output. Close it.
    Raises ToolMissing when the program is not there."""
    try:
        return Followed(
            subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
            )
        )
    except FileNotFoundError as error:
        raise ToolMissing(
            f"The program `{command[0]}` is not on this machine.",
            "Nothing was changed.",
            f"Install it, or correct its path ({error.filename}).",
        ) from error


def _kill_group(pid: int) -> None:
    """It may have ended by itself just now: an error here would hide the Ctrl-C that brought us."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _mask(text: bytes, secrets: Mapping[str, str]) -> bytes:
    for value in secrets.values():
        if len(value) >= 4:
            text = text.replace(value.encode(), b"***")
    return text

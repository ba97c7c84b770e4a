"""Signal `exit`: ends of an instance's main process, crash loops with them."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path

from lastgood.domain.errors import ActionFailed
from lastgood.domain.signal import Reading
from lastgood.ports.runtime import Instance, Runtime

_TAIL_BYTES = 2048
_LAST_LINE_CHARACTERS = 200


class ExitSource:
    """Counts the exits that the runtime counted since `open`. An instance that is not there gives nothing."""

    name = "exits"

    def __init__(self, runtime: Runtime, instance_id: str) -> None:
        self._runtime, self._instance_id = runtime, instance_id
        self._seen: int | None = None

    def open(self) -> None:
        instance = self._find()
        self._seen = instance.exits if instance else 0

    def read(self, now: datetime) -> tuple[Reading, ...]:
        instance = self._find()
        if self._seen is None or instance is None:
            return ()
        new = instance.exits - self._seen
        self._seen = instance.exits  # fewer than before: it was started anew, and counts from there
        if new <= 0:
            return ()
        return (Reading("process", "exit", self._instance_id, now, new, new, _detail(instance)),)

    def close(self) -> None:
        self._seen = None

    def _find(self) -> Instance | None:
        try:
            return self._runtime.find(self._instance_id)
        except ActionFailed:  # a runtime that does not answer says nothing about the instance
            return None


def _detail(instance: Instance) -> str:
    line = _last_line(instance.output)
    return f"{exit_in_words(instance.last_exit)}" + (f"; its last output: {line}" if line else "")


def exit_in_words(code: int | None) -> str:
    """`code` as in Instance.last_exit: negative for a signal, None when nobody saw it."""
    if code is None:
        return "the process ended unseen"
    if code >= 0:
        return f"the process ended with exit code {code}"
    try:
        return f"the process was ended by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"the process was ended by signal {-code}"


def _last_line(output: Path | None) -> str:
    if output is None:
        return ""
    try:
        with output.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:  # the detail is a help, not the reading
        return ""
    return lines[-1][:_LAST_LINE_CHARACTERS] if lines else ""

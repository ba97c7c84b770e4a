"""Engine: walks a function of recorded steps to its end, whatever happens to the process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

StepBody = Callable[[], str]
"""Does one step and returns its result as JSON; returns errors as data and raises nothing."""

RecordedStep = Callable[[str, StepBody], str]
"""(path, body) -> the body's result: run at least once, recorded once, given back unchanged afterwards."""

Walk = Callable[[RecordedStep], str]
"""The deterministic part: calls recorded steps in an order that depends only on their results."""


class Engine(Protocol):
    name: str

    def execute(self, run_id: str, folder: Path, walk: Walk) -> str:
        """Walk to the end and return the walk's result; the same call after a crash goes on where it was.

        `folder` is the run's own and holds the engine's records. The caller holds the run's lock.
        """

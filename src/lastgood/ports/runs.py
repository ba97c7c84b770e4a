"""Runs: what is known of every durable execution, whether its process lives or not."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lastgood.domain.plan import Plan
from lastgood.domain.run import Run, RunState, RunSummary, StepRecord, Word


class Runs(Protocol):
    """Raises UsageError for a run id that is not known, ActionFailed where a record is damaged."""

    def create(self, run_id: str, plan: Plan, engine: str, created_at: datetime, waiting: bool) -> Path:
        """Record the run before anything of it is done: its own folder. The same call again is no error."""

    def folder(self, run_id: str) -> Path: ...

    def load(self, run_id: str) -> Run:
        """As it is now: without an end it is RUNNING while a process holds its lock, else INTERRUPTED."""

    def list(self) -> tuple[Run, ...]:
        """All, newest first, whole: slow. One that cannot be read is FAILED and says why."""

    def summaries(self, only_unfinished: bool = False) -> tuple[RunSummary, ...]:
        """The same without plans and steps, or only those without an end: quick."""

    def record_step(self, run_id: str, record: StepRecord) -> None:
        """For display; the engine's own record decides. A path that is there already is not written again."""

    def finish(
        self, run_id: str, state: RunState, says: str, way_back: str, mend: str, at: datetime
    ) -> None: ...

    def lock(self, run_id: str) -> AbstractContextManager[None]:
        """Held while the run is walked. Raises Busy when another process walks it."""

    def request_stop(self, run_id: str) -> None:
        """Ask the run to stop after the step it is in."""

    def stop_requested(self, run_id: str) -> bool: ...

    def ask(self, run_id: str, question: str) -> None:
        """What the run asks a person while it goes on; "" when it asks nothing any more."""

    def say(self, run_id: str, word: Word) -> None:
        """A person speaks to the run."""

    def words(self, run_id: str) -> tuple[Word, ...]:
        """What was said to it, in order."""

    def approve(self, run_id: str, who: str, note: str, at: datetime) -> None:
        """A person agreed: the run no longer waits. Raises Refused when it was not waiting."""

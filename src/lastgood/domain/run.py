"""Runs: one durable execution of a plan, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lastgood.domain.plan import Plan


class StepEnd(StrEnum):
    DONE = "done"
    FAILED = "failed"  # an error
    BAD = "bad"  # the verdict on the release
    UNDECIDED = "undecided"
    STOPPED = "stopped"  # a person cancelled the run
    PAUSED = "paused"  # bad, but a trigger's guard leaves it to a person


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step came to: recorded once, given back unchanged when the run resumes.

    `way_back` chooses among the plan's ways back (a data policy) when the end is not DONE.
    """

    end: StepEnd
    started_at: datetime
    finished_at: datetime
    says: str = ""  # one plain sentence
    figures: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    way_back: str = ""
    was_already_done: bool = False
    mend: str = ""
    remarks: tuple[str, ...] = ()  # sentences to be said at the end of the run, too


class RunState(StrEnum):
    WAITING = "waiting for approval"
    RUNNING = "running"
    INTERRUPTED = "interrupted"  # its process is gone; it resumes
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled back"  # the release was bad and the way back succeeded
    UNDECIDED = "undecided"  # insufficient data; the way back succeeded
    UNDONE = "undone"  # a step failed and the way back succeeded
    CANCELLED = "cancelled"
    PAUSED = "paused"  # everything stays as it is until a person decides
    FAILED = "failed"  # needs a person


EXIT_CODES: Mapping[RunState, int] = {
    RunState.WAITING: 5,
    RunState.RUNNING: 130,
    RunState.INTERRUPTED: 130,
    RunState.SUCCEEDED: 0,
    RunState.ROLLED_BACK: 3,
    RunState.UNDECIDED: 6,
    RunState.UNDONE: 4,
    RunState.CANCELLED: 5,
    RunState.PAUSED: 4,
    RunState.FAILED: 4,
}


class WordKind(StrEnum):
    """What a person may say to a run that goes on."""

    PAUSE = "pause"  # no more traffic, no promotion, until
    CONTINUE = "continue"
    APPROVE = "approve"  # the answer to what the run asks: go on
    PROMOTE = "promote"  # go on to the end without further watching


@dataclass(frozen=True, slots=True)
class Word:
    kind: WordKind
    who: str
    note: str
    at: datetime

    def by(self) -> str:
        """Who said it, and why."""
        return f"{self.who}: {self.note}" if self.note else self.who


@dataclass(frozen=True, slots=True)
class StepRecord:
    """`path` is `INDEX` in the plan and `back.INDEX` in its way back."""

    path: str
    kind: str
    does: str
    result: StepResult


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    plan: Plan
    state: RunState
    created_at: datetime
    engine: str
    steps: tuple[StepRecord, ...] = ()
    finished_at: datetime | None = None
    says: str = ""
    way_back: str = ""  # which of the plan's ways back was taken
    mend: str = ""
    asks: str = ""  # what it asks a person while it goes on
    words: tuple[Word, ...] = ()  # what people said to it meanwhile, in order

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.state]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run without its plan and its steps: what a list shows."""

    id: str
    kind: str
    title: str
    subjects: tuple[str, ...]
    state: RunState
    created_at: datetime
    engine: str
    finished_at: datetime | None = None
    says: str = ""
    asks: str = ""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.state]

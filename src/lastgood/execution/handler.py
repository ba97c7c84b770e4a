"""What every kind of step is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lastgood.domain.errors import LastgoodError
from lastgood.domain.plan import Step
from lastgood.domain.run import StepEnd, Word
from lastgood.execution.workplace import Progress, Workplace

CANCELLED = "A person cancelled the run."


class Cancelled(LastgoodError):
    """Raised inside a long step when a person cancelled the run: it says nothing against the release."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a step has to say of itself: one sentence, figures with their unit in the name, and facts."""

    says: str
    figures: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    end: StepEnd = StepEnd.DONE
    way_back: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One step of one run, with the workplace it is done in.

    `key` is RUN/PATH: the idempotency key of everything that the step records. `folder` is the run's own.
    """

    workplace: Workplace
    run_id: str
    path: str
    step: Step
    folder: Path
    stop_requested: Callable[[], bool]
    words: Callable[[], tuple[Word, ...]] = tuple  # what people said to the run; nothing counts on a way back

    @property
    def key(self) -> str:
        return f"{self.run_id}/{self.path}"

    def midway(self) -> None:
        """An instant at which a kill hurts most; every handler has at least one."""
        self.workplace.checkpoint(f"{self.path}:middle")

    def say(self, text: str) -> None:
        """Tell whoever looks on how it goes."""
        self.workplace.progress(Progress(self.run_id, self.path, self.step, text))

    def tell(self, text: str) -> None:
        """The same, and it stays to be read."""
        self.workplace.progress(Progress(self.run_id, self.path, self.step, text, stays=True))

    def text(self, name: str) -> str:
        value = self.step.arguments.get(name, "")
        if not isinstance(value, str):
            raise LastgoodError(f"Step {self.step.kind} has no text in `{name}`: {value!r}.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.step.arguments.get(name, ())
        if not isinstance(value, (list, tuple)):
            raise LastgoodError(f"Step {self.step.kind} has no list in `{name}`: {value!r}.")
        return tuple(str(item) for item in value)

    def number(self, name: str) -> float:
        value = self.step.arguments.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise LastgoodError(f"Step {self.step.kind} has no number in `{name}`: {value!r}.")
        return value

    def flag(self, name: str) -> bool:
        return self.step.arguments.get(name) is True

    def weights(self, name: str) -> Mapping[str, int]:
        value = self.step.arguments.get(name, {})
        if not isinstance(value, Mapping):
            raise LastgoodError(f"Step {self.step.kind} has no weights in `{name}`: {value!r}.")
        return {str(instance): int(weight) for instance, weight in value.items()}


@dataclass(frozen=True, slots=True)
class Handler:
    """`already_done` looks whether the effect is there (None: it is not); `perform` brings it about;
    `verify` raises ActionFailed when it is not there afterwards."""

    kind: str
    perform: Callable[[Job], Said]
    already_done: Callable[[Job], Said | None] = lambda job: None
    verify: Callable[[Job], None] = lambda job: None

"""Plans: what would run, as data that can be printed, stored, resumed and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

PLAN_VERSION = 1


@dataclass(frozen=True, slots=True)
class Step:
    """`kind` names the handler in execution/steps; `arguments` are JSON values and hold no secret.

    `does`, `undone_by` and `verified_by` are plain sentences; `command` is what a person would type to
    do the same by hand where there is such a thing (it stands in the runbook).
    """

    kind: str
    arguments: Mapping[str, object]
    does: str
    undone_by: str = ""
    verified_by: str = ""
    limit: timedelta = timedelta(minutes=10)
    expected: timedelta = timedelta(seconds=1)
    loses: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """`subjects` are the services and stores whose leases a run of it holds. `ways_back` maps a data
    policy to the prepared plan that undoes this one; it is what runs when a step fails. From step
    `commits_at` on there is no way back: what is left is tidying up, and a failure there needs a person."""

    kind: str  # deploy rollback backup restore recover start stop
    title: str
    subjects: tuple[str, ...]
    steps: tuple[Step, ...]
    ways_back: Mapping[str, Plan] = field(default_factory=dict)
    downtime: timedelta = timedelta(0)
    loses: tuple[str, ...] = ()  # plain sentences; empty: nothing is lost
    needs_approval: str = ""  # why a person must agree first
    commits_at: int | None = None
    version: int = PLAN_VERSION

    @property
    def expected(self) -> timedelta:
        return sum((step.expected for step in self.steps), timedelta(0))

    def part_of(self, path: str) -> tuple[Plan, int]:
        """The plan that a step's path (`3`, or `keep.1` in a way back) leads to, and its index there."""
        *names, index = path.split(".")
        plan = self
        for name in names:
            plan = plan.ways_back[name]
        return plan, int(index)

    def left_from(self, index: int) -> timedelta:
        """What the steps from that one on are expected to take."""
        return sum((step.expected for step in self.steps[index:]), timedelta(0))

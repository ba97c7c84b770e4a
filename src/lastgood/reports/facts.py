"""Facts: everything that a report is made from. The same facts give the same pages, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lastgood.domain.event import DrillFinished
from lastgood.domain.gate import Gate
from lastgood.domain.history import History
from lastgood.domain.plan import Plan
from lastgood.domain.system import Service, System
from lastgood.reports.commands import Command


class Kind(StrEnum):
    """Of prepared plans, in the order in which pages show them."""

    DEPLOY = "deploy"
    ROLLBACK_KEEP = "rollback, data kept"
    ROLLBACK_REWIND = "rollback, data rewound"
    BACKUP = "backup"
    RESTORE = "restore"
    START = "start"
    RECOVER = "recover"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan as planning makes it for this system now, or why it makes none and what to do. `of` is the
    service, the vault or the system."""

    kind: Kind
    of: str
    command: Command
    plan: Plan | None
    refused: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """`commands` are those that this version of the software has."""

    system: System
    history: History
    prepared: tuple[Prepared, ...]
    gates: tuple[Gate, ...]
    commands: frozenset[str]
    now: datetime

    def plans(self, *kinds: Kind) -> tuple[Prepared, ...]:
        return tuple(one for one in self.prepared if one.kind in kinds)

    @property
    def evidence_as_of(self) -> datetime | None:
        """When the last thing happened that the pages' figures come from."""
        return max(_moments(self.history), default=None)

    def service_option(self, service: Service | str) -> str:
        """The name where a command needs it: there are several services."""
        name = service if isinstance(service, str) else service.name
        return name if len(self.system.services) > 1 else ""


class Standing(StrEnum):
    """How far a promise is proven."""

    NEVER = "never rehearsed"
    PASSED = "rehearsed, passed"
    FAILED = "rehearsed, failed"
    OVERDUE = "rehearsed too long ago"


def standing(facts: Facts, kind: str) -> Standing:
    last = last_drill(facts.history, kind)
    if last is None:
        return Standing.NEVER
    at, drill = last
    if not drill.passed:
        return Standing.FAILED
    return (
        Standing.OVERDUE if overdue(at, facts.now, facts.system.continuity.drill_every) else Standing.PASSED
    )


def overdue(at: datetime, now: datetime, every: timedelta) -> bool:
    return now - at > every


def last_drill(history: History, kind: str) -> tuple[datetime, DrillFinished] | None:
    return next(((at, drill) for at, drill in reversed(history.drills) if drill.kind == kind), None)


def _moments(history: History) -> Iterable[datetime]:
    yield from (release.recorded_at for release in history.releases.values())
    yield from (switch.at for switches in history.switches.values() for switch in switches)
    yield from (point.at for point in history.points)
    yield from (backup.verified_at for backup in history.backups.values() if backup.verified_at)
    for dated in (history.verdicts, history.replaced, history.finished, history.drills, history.recoveries):
        yield from (at for at, _ in dated)

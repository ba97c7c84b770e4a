"""Events: what the ledger holds. The history is a fold over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lastgood.domain.point import Backup, RecoveryPoint
from lastgood.domain.release import Release, ReleaseState
from lastgood.domain.run import RunState
from lastgood.domain.signal import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class ReleaseRecorded:
    release: Release


@dataclass(frozen=True, slots=True)
class ReleaseKept:
    """The artifact stands in a vault."""

    release_id: str
    vault: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class ReleaseJudged:
    release_id: str
    state: ReleaseState
    reason: str


@dataclass(frozen=True, slots=True)
class ReleasePinned:
    release_id: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class ServiceSwitched:
    """From now on this instance of this release is what the service is."""

    service: str
    release_id: str
    instance_id: str
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class BackupTaken:
    backup: Backup
    point_id: str


@dataclass(frozen=True, slots=True)
class BackupVerified:
    backup_id: str
    how: str  # restore | read


@dataclass(frozen=True, slots=True)
class PointRecorded:
    point: RecoveryPoint


@dataclass(frozen=True, slots=True)
class CapsuleKept:
    point_id: str
    vault: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class VerdictGiven:
    """`action`: what was done on it (deciding/trigger.py); "" in older records."""

    run_id: str
    service: str
    release_id: str
    verdict: Verdict
    action: str = ""

    @property
    def failed_it(self) -> bool:
        """Whether the release was failed: not where it went on all the same."""
        return self.verdict.outcome is Outcome.FAILED and self.action not in ("notify", "override")


@dataclass(frozen=True, slots=True)
class PersonDecided:
    """A person spoke to a run or past a guard: `what` is a word (domain/run.py), `now`, `cancel`."""

    run_id: str
    what: str
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class DataReplaced:
    """A store went back to a backup; what was there stands in `kept_as`; `lost` counts by table."""

    run_id: str
    store: str
    backup_id: str
    kept_as: str
    lost: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunStarted:
    run_id: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """`way_back`: which of its plan's ways back was taken; "" when none was."""

    run_id: str
    state: RunState
    says: str
    seconds: float
    way_back: str = ""


@dataclass(frozen=True, slots=True)
class DrillCheck:
    name: str
    passed: bool
    says: str


@dataclass(frozen=True, slots=True)
class DrillFinished:
    """`rpo_seconds`: age of the restored data at the assumed failure; None where none was."""

    kind: str  # rollback | recovery
    passed: bool
    checks: tuple[DrillCheck, ...]
    rto_seconds: float
    rpo_seconds: float | None
    point_id: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SystemRecovered:
    """`rto_seconds`: from the command to proven serving. `rpo_seconds`: age of the restored data when the
    recovery began; None where nothing was restored."""

    run_id: str
    vault: str
    point_id: str
    rto_seconds: float | None = None
    rpo_seconds: float | None = None


Event = (
    ReleaseRecorded
    | ReleaseKept
    | ReleaseJudged
    | ReleasePinned
    | ServiceSwitched
    | BackupTaken
    | BackupVerified
    | PointRecorded
    | CapsuleKept
    | VerdictGiven
    | PersonDecided
    | DataReplaced
    | RunStarted
    | RunFinished
    | DrillFinished
    | SystemRecovered
)


@dataclass(frozen=True, slots=True)
class Dated:
    at: datetime
    event: Event

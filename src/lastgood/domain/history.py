"""History: what the ledger's events add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from lastgood.domain.errors import UsageError
from lastgood.domain.event import (
    BackupTaken,
    BackupVerified,
    CapsuleKept,
    DataReplaced,
    Dated,
    DrillFinished,
    PersonDecided,
    PointRecorded,
    ReleaseJudged,
    ReleaseKept,
    ReleasePinned,
    ReleaseRecorded,
    RunFinished,
    ServiceSwitched,
    SystemRecovered,
    VerdictGiven,
)
from lastgood.domain.point import Backup, RecoveryPoint
from lastgood.domain.release import Release, ReleaseState


@dataclass(frozen=True, slots=True)
class Switch:
    at: datetime
    release_id: str
    instance_id: str
    rolled_back: bool


@dataclass(frozen=True, slots=True)
class History:
    releases: Mapping[str, Release] = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # release -> vault -> snapshot
    switches: Mapping[str, tuple[Switch, ...]] = field(default_factory=dict)  # service -> oldest first
    points: tuple[RecoveryPoint, ...] = ()  # oldest first
    backups: Mapping[str, Backup] = field(default_factory=dict)
    taken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # point -> backups taken for it
    verdicts: tuple[tuple[datetime, VerdictGiven], ...] = ()
    replaced: tuple[tuple[datetime, DataReplaced], ...] = ()
    finished: tuple[tuple[datetime, RunFinished], ...] = ()
    drills: tuple[tuple[datetime, DrillFinished], ...] = ()
    recoveries: tuple[tuple[datetime, SystemRecovered], ...] = ()
    decisions: tuple[tuple[datetime, PersonDecided], ...] = ()

    def current(self, service: str) -> Switch | None:
        switches = self.switches.get(service, ())
        return switches[-1] if switches else None

    def release(self, text: str, service: str | None = None) -> Release:
        """By id, by the beginning of an id or its digest part, or by label (the newest of that label).

        Raises UsageError when none or several fit."""
        known = [release for release in self.releases.values() if service in (None, release.service)]
        exact = [release for release in known if text in (release.id, release.label)]
        found = exact[-1:] or [
            release
            for release in known
            if release.id.startswith(text) or release.id.rpartition("-")[2].startswith(text)
        ]
        if len(found) == 1:
            return found[0]
        names = ", ".join(f"{release.label} ({release.id})" for release in (found or known)[-8:])
        raise UsageError(
            f"{'Several releases fit' if found else 'There is no release'} {text!r}.",
            "",
            f"Name one of: {names or 'none is recorded yet; run `lastgood deploy`'}.",
        )

    def point(self, text: str) -> RecoveryPoint:
        """By id or its beginning; `latest` is the newest. Raises UsageError."""
        found = [point for point in self.points if text == point.id] or [
            point for point in self.points if point.id.startswith(text)
        ]
        if text == "latest":
            found = list(self.points[-1:])
        if len(found) == 1:
            return self.with_verification(found[0])
        names = ", ".join(point.id for point in (found or list(self.points))[-8:])
        raise UsageError(
            f"{'Several recovery points fit' if found else 'There is no recovery point'} {text!r}.",
            "",
            f"Name one of: {names or 'none is recorded yet; run `lastgood backup`'}.",
        )

    def with_verification(self, point: RecoveryPoint) -> RecoveryPoint:
        return replace(point, backups=tuple(self.backups.get(backup.id, backup) for backup in point.backups))

    def rollbacks_since(self, service: str, moment: datetime) -> int:
        return sum(
            1 for switch in self.switches.get(service, ()) if switch.rolled_back and switch.at >= moment
        )


def fold(events: Iterable[Dated], before: History | None = None) -> History:
    """The history after these events, in their order; `before` is what those before them add up to."""
    known = before or History()
    releases = dict(known.releases)
    kept = {release: dict(vaults) for release, vaults in known.kept.items()}
    switches = {service: list(found) for service, found in known.switches.items()}
    points = {point.id: point for point in known.points}
    backups = dict(known.backups)
    taken = {point: list(ids) for point, ids in known.taken.items()}
    verdicts = list(known.verdicts)
    replaced = list(known.replaced)
    finished = list(known.finished)
    drills = list(known.drills)
    recoveries = list(known.recoveries)
    decisions = list(known.decisions)
    for dated in events:
        match dated.event:
            case ReleaseRecorded(release):
                releases.setdefault(release.id, release)
            case ReleaseKept(release_id, vault, snapshot):
                kept.setdefault(release_id, {})[vault] = snapshot
            case ReleaseJudged(release_id, state, reason):
                if release_id in releases:
                    releases[release_id] = replace(releases[release_id], state=state, reason=reason)
            case ReleasePinned(release_id, pinned):
                if release_id in releases:
                    releases[release_id] = replace(releases[release_id], pinned=pinned)
            case ServiceSwitched(service, release_id, instance_id, rolled_back):
                switches.setdefault(service, []).append(
                    Switch(dated.at, release_id, instance_id, rolled_back)
                )
            case BackupTaken(backup, point_id):
                backups[backup.id] = backup
                taken.setdefault(point_id, []).append(backup.id)
            case BackupVerified(backup_id, _):
                if backup_id in backups:
                    backups[backup_id] = replace(backups[backup_id], verified_at=dated.at)
            case PointRecorded(point):
                points[point.id] = point
            case CapsuleKept(point_id, vault, snapshot):
                if point_id in points:
                    old = points[point_id]
                    points[point_id] = replace(old, capsules={**old.capsules, vault: snapshot})
            case VerdictGiven():
                verdicts.append((dated.at, dated.event))
            case DataReplaced():
                replaced.append((dated.at, dated.event))
            case RunFinished():
                finished.append((dated.at, dated.event))
            case DrillFinished():
                drills.append((dated.at, dated.event))
            case SystemRecovered():
                recoveries.append((dated.at, dated.event))
            case PersonDecided():
                decisions.append((dated.at, dated.event))
            case _:
                pass
    return History(
        releases,
        kept,
        {service: tuple(found) for service, found in switches.items()},
        tuple(points.values()),
        backups,
        {point: tuple(ids) for point, ids in taken.items()},
        tuple(verdicts),
        tuple(replaced),
        tuple(finished),
        tuple(drills),
        tuple(recoveries),
        tuple(decisions),
    )


def last_good(history: History, service: str, without: str = "") -> Release | None:
    """The newest release that the service was on, is good (or retired after having been good), and is not
    `without`."""
    for switch in reversed(history.switches.get(service, ())):
        release = history.releases.get(switch.release_id)
        if (
            release is not None
            and release.id != without
            and release.state in (ReleaseState.GOOD, ReleaseState.RETIRED)
        ):
            return release
    return None

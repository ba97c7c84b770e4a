"""The three quality gates: what the evidence of this system says about itself.

A gate is missed when something is known to be wrong, and has insufficient data when nothing is known to be
wrong but too little was proven lately. Lately is `drill_every` of business-continuity.yml.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lastgood.deciding.reckoning import reckon
from lastgood.domain.gate import Gate, GateState, VersionSeen
from lastgood.domain.history import History
from lastgood.domain.point import Backup
from lastgood.domain.run import RunState
from lastgood.domain.system import System

ROLLBACK_RELIABILITY = "rollback reliability"
BACKUP_COVERAGE = "backup coverage"
VERSION_ACCURACY = "version accuracy"

_WENT_BACK = (RunState.ROLLED_BACK, RunState.UNDECIDED, RunState.UNDONE)

_Said = tuple[GateState, str, str]
"""State of one fact, the sentence about it, and what mends it."""


def gates(system: System, history: History, seen: Sequence[VersionSeen], now: datetime) -> tuple[Gate, ...]:
    return (
        _gate(ROLLBACK_RELIABILITY, (*_rollbacks(system, history, now), *_false_alarms(history))),
        _gate(BACKUP_COVERAGE, tuple(_backups(system, history, now))),
        _gate(VERSION_ACCURACY, tuple(said for one in seen for said in _version(one))),
    )


def _gate(name: str, said: tuple[_Said, ...]) -> Gate:
    """The worst of its facts."""
    states = {state for state, _, _ in said} or {GateState.INSUFFICIENT}
    state = next(
        state for state in (GateState.MISSED, GateState.INSUFFICIENT, GateState.PASSED) if state in states
    )
    evidence = tuple(sentence for _, sentence, _ in said) or ("There is nothing to look at.",)
    return Gate(name, state, evidence, tuple(dict.fromkeys(mend for _, _, mend in said if mend)))


# --- rollback reliability ------------------------------------------------------------------------


def _rollbacks(system: System, history: History, now: datetime) -> Iterator[_Said]:
    tries = sorted((*_drilled(history), *_done(history)))
    if not tries:
        yield (
            GateState.INSUFFICIENT,
            "No way back was ever taken or rehearsed.",
            "Run `lastgood drill rollback`.",
        )
        return
    good = [at for at, went_well, _ in tries if went_well]
    at, went_well, what = tries[-1]
    counted = f"{len(good)} of {len(tries)} ways back succeeded, drills among them."
    if not went_well:
        yield (
            GateState.MISSED,
            f"{counted} The last one did not: {what} ({at:%Y-%m-%d %H:%M} UTC).",
            ("Mend what it says, then run `lastgood drill rollback`."),
        )
    elif now - at > system.continuity.drill_every:
        yield (
            GateState.INSUFFICIENT,
            f"{counted} The last one is from {at:%Y-%m-%d}: {what}.",
            ("Run `lastgood drill rollback`."),
        )
    else:
        yield GateState.PASSED, f"{counted} The last one: {what} ({at:%Y-%m-%d %H:%M} UTC).", ""


def _false_alarms(history: History) -> Iterator[_Said]:
    """Promised and realised, once there is something to reckon with."""
    found = reckon(history)
    if not found.deploys:
        return
    if found.broken:
        yield (
            GateState.MISSED,
            f"More false alarms than promised: {found.in_words()}",
            "Lower `false_alarm`, or raise `latency_margin` or `slow_after`, in rollback-detection.yml.",
        )
    else:
        yield GateState.PASSED, found.in_words(), ""


def _drilled(history: History) -> Iterator[tuple[datetime, bool, str]]:
    for at, drill in history.drills:
        if drill.kind == "rollback":
            failed = [check.says for check in drill.checks if not check.passed]
            yield at, drill.passed, "a drill" if drill.passed else f"a drill: {' '.join(failed)}"


def _done(history: History) -> Iterator[tuple[datetime, bool, str]]:
    """Real ways back: of deploys that went bad, and rollbacks by hand. A deploy that failed without taking
    its way back says nothing about it."""
    for at, run in history.finished:
        kind, said = run.run_id.partition("-")[0], f"{run.run_id} {run.state.value}"
        if kind == "rollback" and run.state in (RunState.SUCCEEDED, RunState.UNDONE, RunState.FAILED):
            yield at, run.state is RunState.SUCCEEDED, said
        elif kind == "deploy" and (run.state in _WENT_BACK or run.way_back):
            yield at, run.state is not RunState.FAILED, said


# --- backup coverage -----------------------------------------------------------------------------


def _backups(system: System, history: History, now: datetime) -> Iterator[_Said]:
    for store in system.stores:
        yield _store(system, history, store.name, now)


def _store(system: System, history: History, store: str, now: datetime) -> _Said:
    found = [backup for backup in history.backups.values() if backup.store == store]
    newest = newest_backups(history, store)
    if not newest:
        return GateState.MISSED, f"{store}: no backup.", "Run `lastgood backup`."
    at = max(backup.marker.at for backup in newest)
    said = f"{store}: backed up {at:%Y-%m-%d %H:%M} UTC into {', '.join(sorted({b.vault for b in newest}))}"
    wanted = system.replication.minimum_vaults
    if len({backup.vault for backup in newest}) < wanted:
        return (
            GateState.MISSED,
            f"{said}; {wanted} vaults are asked for.",
            (
                "Add a vault in system.yml, or lower `minimum_vaults` in data-replication.yml; "
                "then run `lastgood backup`."
            ),
        )
    oldest = oldest_allowed(system, store)
    if oldest is not None and now - at > oldest:
        return (
            GateState.MISSED,
            f"{said}; older than {_hours(oldest)}, which is promised.",
            ("Run `lastgood backup`, and schedule it."),
        )
    verified = [backup.verified_at for backup in found if backup.verified_at is not None]
    if not verified:
        return (
            GateState.INSUFFICIENT,
            f"{said}; no backup of it was ever restored to prove it.",
            ("Run `lastgood drill recovery`."),
        )
    if now - max(verified) > system.continuity.drill_every:
        return (
            GateState.INSUFFICIENT,
            f"{said}; last proven by a restore on {max(verified):%Y-%m-%d}.",
            ("Run `lastgood drill recovery`."),
        )
    return GateState.PASSED, f"{said}; last proven by a restore on {max(verified):%Y-%m-%d %H:%M} UTC.", ""


def newest_backups(history: History, store: str) -> tuple[Backup, ...]:
    """Of the newest recovery point that holds the store: one for each vault."""
    for point in reversed(history.points):
        found = tuple(backup for backup in point.backups if backup.store == store)
        if found:
            return found
    return ()


def oldest_allowed(system: System, store: str) -> timedelta | None:
    """The tightest promise about this store: a lag limit, or the RPO of an activity that needs it."""
    using = {service.name for service in system.services if not service.stores or store in service.stores}
    promised = [
        activity.objective.rpo for activity in system.continuity.activities if using & set(activity.services)
    ]
    if store in system.replication.lag_limits:
        promised.append(system.replication.lag_limits[store])
    return min(promised, default=None)


def _hours(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return f"{hours:g} h" if hours >= 1 else f"{length.total_seconds() / 60:g} min"


# --- version accuracy ----------------------------------------------------------------------------


def _version(seen: VersionSeen) -> Iterator[_Said]:
    name = seen.service
    if not seen.recorded:
        yield GateState.INSUFFICIENT, f"{name}: never deployed.", "Run `lastgood deploy`."
        return
    told = f"{seen.label} ({seen.recorded})"
    if not seen.running:
        yield GateState.MISSED, f"{name}: should be on {told}, but does not run.", "Run `lastgood up`."
    elif seen.running != seen.recorded:
        yield (
            GateState.MISSED,
            f"{name}: should be on {told}, but {seen.running} runs.",
            "Run `lastgood rollback`.",
        )
    else:
        yield GateState.PASSED, f"{name}: runs {told}, as recorded.", ""
    if seen.intact is False:
        yield (
            GateState.MISSED,
            f"{name}: the artifact of {told} on this machine is not what was recorded.",
            ("Run `lastgood deploy` from the source."),
        )
    elif seen.intact is None:
        yield (
            GateState.INSUFFICIENT,
            f"{name}: the artifact of {told} is not on this machine.",
            ("Run `lastgood up`: it is fetched from a vault."),
        )
    else:
        yield GateState.PASSED, f"{name}: every byte of its artifact is what was recorded.", ""
    if not seen.vaults:
        yield (
            GateState.MISSED,
            f"{name}: the artifact of {told} is in no vault.",
            "Run `lastgood deploy` again.",
        )
    if seen.drift:
        yield (
            GateState.MISSED,
            (f"{name}: system.yml has another {', '.join(seen.drift)} today than {told} was released with."),
            "Deploy with it, or take the change in system.yml back: else the next deploy brings it.",
        )

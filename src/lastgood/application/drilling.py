"""Drills: rehearse in a sandbox, check, measure, record. `drill_recovery` here, the other in
drill_rollback.py."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lastgood.application.keys import vault_named
from lastgood.application.recovering import Found, RecoverRequest, Recovery, recover
from lastgood.application.sandbox import DrillTools, LoadRequest, Sandbox, refuse_live_places, sandbox
from lastgood.domain.errors import ArtifactChanged, LastgoodError, Refused, UsageError
from lastgood.domain.event import BackupVerified, DrillCheck, DrillFinished
from lastgood.domain.point import Backup
from lastgood.domain.run import RunState, StepEnd, StepRecord
from lastgood.execution.workplace import Workplace
from lastgood.planning.drill import SUCCESS, missed, promised


@dataclass(frozen=True, slots=True)
class DrillRequest:
    """`vault`: which one is drilled, by name. `key`: another copy of its key than the vault's own file (the
    one on paper, say). `allowed`: fixed places that a release may share with the live system. `service` and
    `load` only for the rollback drill: what is made bad, and the requests that people would send."""

    vault: str | None = None
    key: Path | None = None
    parent: Path | None = None
    allowed: tuple[str, ...] = ()
    service: str | None = None
    load: LoadRequest | None = None
    per_second: float = 40.0


@dataclass(frozen=True, slots=True)
class Drilled:
    """`missed`: promises that were not kept, as sentences."""

    drill_id: str
    finished: DrillFinished
    missed: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        if not self.finished.passed:
            return 4
        return 7 if self.missed else 0

    @property
    def last_line(self) -> str:
        """The line of success, only when every check passed and every promise was kept."""
        return SUCCESS[self.finished.kind] if self.exit_code == 0 else ""


@dataclass(slots=True)
class Findings:
    """The checks so far, in order."""

    tools: DrillTools
    checks: list[DrillCheck] = field(default_factory=list)

    def check(self, name: str, passed: bool, says: str) -> bool:
        self.checks.append(DrillCheck(name, passed, says))
        self.tools.say(f"  {'ok  ' if passed else 'FAIL'} {name}: {says}")
        return passed

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)


@dataclass(slots=True)
class Rebuilt:
    """A system that was recovered into a sandbox: `workplace` is its own."""

    found: Found
    recovery: Recovery
    workplace: Workplace


def drill_recovery(tools: DrillTools, live: Workplace, request: DrillRequest) -> Drilled:
    """Raises Refused when the sandbox would not be apart from the live system, Busy when a drill goes on."""
    drill_id = new_drill_id(live, "recovery")
    findings = Findings(tools)
    with sandbox(tools, live, drill_id, request.parent) as place:
        rebuilt = rebuild(place, live, request, findings)
        if rebuilt is not None:
            check_rebuilt(live, rebuilt, findings)
        return finish_recovery(live, drill_id, rebuilt, findings)


def new_drill_id(live: Workplace, kind: str) -> str:
    return f"drill-{kind}-{live.clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def rebuild(place: Sandbox, live: Workplace, request: DrillRequest, findings: Findings) -> Rebuilt | None:
    """Recover into the sandbox; None, with a failed check, when that did not succeed."""
    vault = vault_named(live.system, request.vault or _first_vault(live))
    seen: list[Found] = []

    def agree(found: Found) -> bool:
        refuse_live_places(live, found, request.allowed)
        seen.append(found)
        return True

    ground = place.ground(frozenset(one.name for one in live.system.vaults))
    asked = RecoverRequest(
        str(vault.part.options.get("location")),
        request.key or vault.key_file,
        place.documents,
        system=live.system.name,
        part=vault.part,
    )
    place.tools.say(f"Recovering {live.system.name} from vault {vault.name} into {place.folder}")
    try:
        recovery = recover(ground, asked, agree)
    except (Refused, UsageError):
        raise
    except LastgoodError as error:
        findings.check("recovered", False, f"{error.happened} {error.means}".strip())
        return None
    run = recovery.run
    if not findings.check("recovered", run.state is RunState.SUCCEEDED, run.says):
        return None
    return Rebuilt(seen[-1], recovery, ground.open_workplace(seen[-1].system))


def _first_vault(live: Workplace) -> str:
    if not live.system.vaults:
        raise UsageError("This system has no vault.", "There is nothing to recover from.", "Add one.")
    return live.system.vaults[0].name


def check_rebuilt(live: Workplace, rebuilt: Rebuilt, findings: Findings) -> None:
    _check_documents(live, rebuilt, findings)
    _check_artifacts(rebuilt, findings)
    for store in rebuilt.found.points:
        _check_store(rebuilt, store, findings)
    never = [store.name for store in rebuilt.found.system.stores if store.name not in rebuilt.found.points]
    if never:
        findings.check("every store", False, f"{', '.join(never)} was never backed up in this vault.")
    _check_invariants(live, rebuilt, findings)
    check_serving(rebuilt.workplace, rebuilt, findings)
    _check_ledger(rebuilt, findings)


def _check_documents(live: Workplace, rebuilt: Rebuilt, findings: Findings) -> None:
    placed = {name: _digest(content) for name, content in rebuilt.workplace.documents().items()}
    recorded = dict(rebuilt.found.document_digests)
    now = {name: _digest(content) for name, content in live.documents().items()}
    changed = sorted(name for name in now.keys() | placed.keys() if now.get(name) != placed.get(name))
    since = (
        f"; changed in the live system since: {', '.join(changed)}" if changed else ", and as they are now"
    )
    findings.check("documents", placed == recorded, f"{len(placed)} are back as they were kept{since}.")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_artifacts(rebuilt: Rebuilt, findings: Findings) -> None:
    for service, release in rebuilt.found.releases.items():
        try:
            rebuilt.workplace.shelf.prove(release.artifact_digest)
        except ArtifactChanged as error:
            findings.check(f"artifact of {service}", False, error.happened)
        else:
            says = f"{release.label}, every byte as recorded ({release.artifact_digest[:12]})."
            findings.check(f"artifact of {service}", True, says)


def _check_store(rebuilt: Rebuilt, store: str, findings: Findings) -> None:
    """The copy that was switched in against the marker that was set when it was backed up."""
    backup = backup_used(rebuilt, store)
    fetched = step_of(rebuilt, "store.fetch", store)
    if backup is None or fetched is None:
        findings.check(f"store {store}", False, "it was not restored.")
        return
    told = fetched.result.facts.get("figures")
    figures = dict(told) if isinstance(told, Mapping) else {}
    same = fetched.result.facts.get("fingerprint") == backup.marker.fingerprint
    counted = sum(count for name, count in figures.items() if name != "bytes")
    if same:
        says = f"{counted:,} counted and the fingerprint as recorded"
    elif figures == dict(backup.marker.figures):
        says = f"{counted:,} counted as recorded; bytes differ: it was written to while it was backed up"
    else:
        says = f"counts {figures}, recorded was {dict(backup.marker.figures)}"
    findings.check(f"store {store}", figures == dict(backup.marker.figures), f"{says}.")


def backup_used(rebuilt: Rebuilt, store: str) -> Backup | None:
    """The backup that was restored: that of the drilled vault."""
    point = rebuilt.found.points[store]
    mine = [one for one in point.backups if one.store == store and one.vault == rebuilt.found.vault]
    return mine[0] if mine else None


def step_of(rebuilt: Rebuilt, kind: str, store: str) -> StepRecord | None:
    run = rebuilt.workplace.runs.load(rebuilt.recovery.run.id)
    steps = zip(run.plan.steps, run.steps, strict=False)
    return next(
        (done for step, done in steps if step.kind == kind and step.arguments.get("store") == store), None
    )


def _check_invariants(live: Workplace, rebuilt: Rebuilt, findings: Findings) -> None:
    asked = rebuilt.workplace.system.consistency.invariants
    broken = []
    for invariant in asked:
        held, detail = rebuilt.workplace.check_invariant(invariant)
        if held is not True:
            broken.append(detail)
    left_out = len(live.system.consistency.invariants) - len(asked)
    said = f"; {left_out} commands were not asked: they could look at the live data" if left_out > 0 else ""
    says = f"{'; '.join(broken)}" if broken else f"{len(asked)} hold"
    findings.check("invariants", not broken, f"{says}{said}.")


def check_serving(workplace: Workplace, rebuilt: Rebuilt, findings: Findings) -> None:
    """Every readiness probe, where people would reach the service in the sandbox."""
    for name in rebuilt.found.releases:
        service = workplace.system.service(name)
        switch = workplace.records.history().current(name)
        instance = workplace.runtime(name).find(switch.instance_id) if switch else None
        if instance is None or not instance.running:
            findings.check(f"{name} serves", False, "it does not run.")
            continue
        host, port = instance.host, instance.port
        if service.traffic is not None:
            host, port = service.traffic.host, service.traffic.port
        answers = [(probe.name, workplace.ask_probe(probe, host, port)) for probe in service.readiness]
        bad = [f"{probe}: {answer.detail}" for probe, answer in answers if not answer.passed]
        where = "through its proxy" if service.traffic is not None else "at its port"
        findings.check(f"{name} serves", not bad, "; ".join(bad) or f"{len(answers)} probes pass {where}.")


def _check_ledger(rebuilt: Rebuilt, findings: Findings) -> None:
    try:
        entries = rebuilt.workplace.records.prove()
    except LastgoodError as error:
        findings.check("ledger", False, error.happened)
        return
    whole = rebuilt.workplace.records.holds(rebuilt.found.tip)
    says = f"the chain of {rebuilt.found.entries:,} entries is whole to its end and went on to {entries:,}."
    findings.check("ledger", whole, says)


def finish_recovery(live: Workplace, drill_id: str, rebuilt: Rebuilt | None, findings: Findings) -> Drilled:
    rto = rebuilt.recovery.rto_seconds if rebuilt is not None else None
    rpo = rebuilt.recovery.rpo_seconds if rebuilt is not None else None
    promise = promised(live.system.continuity, [service.name for service in live.system.services])
    figures: dict[str, float] = {}
    if promise is not None:
        figures["rto_promised_seconds"] = promise.rto.total_seconds()
        figures["rpo_promised_seconds"] = promise.rpo.total_seconds()
    finished = DrillFinished(
        kind="recovery",
        passed=findings.passed and rto is not None,
        checks=tuple(findings.checks),
        rto_seconds=rto or 0.0,
        rpo_seconds=rpo,
        point_id=newest_point(rebuilt),
        figures=figures,
    )
    record(live, drill_id, finished, rebuilt)
    return Drilled(drill_id, finished, missed(promise, rto, rpo) if rto is not None else ())


def newest_point(rebuilt: Rebuilt | None) -> str:
    points = rebuilt.found.points.values() if rebuilt is not None else ()
    newest = max(points, key=lambda point: point.at, default=None)
    return newest.id if newest is not None else ""


def record(live: Workplace, drill_id: str, finished: DrillFinished, rebuilt: Rebuilt | None) -> None:
    """Into the live ledger: what was proven of each backup, and the drill itself."""
    if rebuilt is not None:
        known = live.records.history().backups
        for store in rebuilt.found.points:
            backup, fetched = backup_used(rebuilt, store), step_of(rebuilt, "store.fetch", store)
            whole = fetched is not None and fetched.result.end is StepEnd.DONE
            if whole and backup is not None and backup.id in known:
                live.records.record(BackupVerified(backup.id, "restore"), f"{drill_id}/{backup.id}")
    live.records.record(finished, drill_id)

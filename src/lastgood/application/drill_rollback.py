"""The rollback drill: a release that is really bad, under load, in a sandbox; then a rollback with the data.

The bad release is the good one behind a program that answers every second request with an error: the alarm
is proven to ring, by the detection of the documents as they are. The second part is no alarm: it promotes the
same release under another name with a short watch, and rolls it back with the data of the point before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from lastgood.application.deploy import DeployRequest, deploy
from lastgood.application.drill_stage import (
    Stage,
    check_no_request_failed_by_us,
    check_nobody_meets_it_after,
    check_on_good,
    try_request,
    wait,
)
from lastgood.application.drilling import (
    Drilled,
    DrillRequest,
    Findings,
    Rebuilt,
    new_drill_id,
    newest_point,
    rebuild,
    record,
)
from lastgood.application.restore import stakes_of
from lastgood.application.rollback import RollbackRequest, rollback
from lastgood.application.sandbox import DrillTools, LoadRequest, Sandbox, sandbox
from lastgood.domain.errors import LastgoodError, Refused
from lastgood.domain.event import DrillFinished
from lastgood.domain.policy import CanaryStep, DataPolicy
from lastgood.domain.release import Launch, ReleaseState
from lastgood.domain.run import Run, RunState, StepEnd, StepRecord
from lastgood.domain.system import System, Vault
from lastgood.execution.workplace import Workplace
from lastgood.planning.drill import missed, promised

OWN_VAULT = "drill-own"
EVERY_SECOND = 2
_SHORT_CANARY = CanaryStep(50, timedelta(seconds=1), timedelta(minutes=1), 10)


def drill_rollback(tools: DrillTools, live: Workplace, request: DrillRequest) -> Drilled:
    """Raises Refused as drill_recovery does, and where the load's request fails on the good release."""
    drill_id = new_drill_id(live, "rollback")
    findings = Findings(tools)
    figures: dict[str, float] = {}
    rebuilt: Rebuilt | None = None
    with sandbox(tools, live, drill_id, request.parent) as place:
        place.adapt = lambda system: _with_own_vault(system, place)
        rebuilt = rebuild(place, live, request, findings)
        if rebuilt is not None:
            stage = _stage(tools, live, request, rebuilt, findings, figures)
            try:
                _prepare(stage)
                _part_one(stage)
                if findings.passed:
                    _part_two(stage)
            except Refused:
                raise
            except LastgoodError as error:
                findings.check("the drill went through", False, f"{error.happened} {error.means}".strip())
        return _finish(live, drill_id, rebuilt, findings, figures)


def _with_own_vault(system: System, place: Sandbox) -> System:
    """What the sandbox backs up goes into a vault of its own: the live one is only read."""
    if not system.vaults or any(vault.name == OWN_VAULT for vault in system.vaults):
        return system
    part = place.tools.ground.find_vault(
        str(place.folder / OWN_VAULT), system.vaults[0].part.kind, place.folder
    )
    own = Vault(OWN_VAULT, part, place.folder / "keys" / f"{OWN_VAULT}.key")
    return replace(
        system,
        vaults=(*system.vaults, own),
        backups=replace(system.backups, vaults=(OWN_VAULT,), stores=()),
    )


def _stage(
    tools: DrillTools,
    live: Workplace,
    request: DrillRequest,
    rebuilt: Rebuilt,
    findings: Findings,
    figures: dict[str, float],
) -> Stage:
    with_traffic = [name for name in rebuilt.found.releases if rebuilt.workplace.traffic_of(name)]
    name = request.service or (with_traffic[0] if len(with_traffic) == 1 else None)
    service = rebuilt.workplace.system.service(name)
    if service.name not in with_traffic:
        raise Refused(
            f"{service.name} has no proxy or was never deployed.",
            "Its rollback cannot be drilled under load; nothing was changed.",
            f"Name one of these with `--service`: {', '.join(with_traffic) or 'none'}.",
        )
    path = next((probe.target for probe in service.readiness if probe.kind == "http"), "/")
    reading = LoadRequest("GET", path)
    return Stage(
        tools,
        live,
        rebuilt,
        service,
        rebuilt.found.releases[service.name],
        findings,
        figures,
        reading,
        request.load or reading,
        request.per_second,
        live.clock.now().timestamp() - live.clock.monotonic(),
    )


def _prepare(stage: Stage) -> None:
    """Prove the requests on the good release, and see which tables it writes when nobody asked it to."""
    try_request(stage, stage.reading)
    stage.own = _written_by_the_service_itself(stage)
    if stage.writing != stage.reading:
        try_request(stage, stage.writing)


def _part_one(stage: Stage) -> None:
    """A release that is really bad."""
    stage.tools.say("Deploying a bad release under load")
    with stage.load(stage.writing) as load:
        run = _deploy(
            stage, lambda launch: stage.tools.faulty(launch, EVERY_SECOND), "drill-bad", system=None
        )
        wait(stage, 0.5)
    findings, history = stage.findings, stage.workplace.records.history()
    watched = next((step for step in run.steps if step.result.end is StepEnd.BAD), None)
    findings.check(
        "noticed", watched is not None, watched.result.says if watched else f"nothing was noticed: {run.says}"
    )
    findings.check("rolled back by itself", run.state is RunState.ROLLED_BACK, f"{run.state.value}.")
    bad = [one for one in history.releases.values() if one.label == "drill-bad"]
    state = bad[-1].state if bad else None
    quarantined = state is ReleaseState.BAD
    findings.check("bad release quarantined", quarantined, f"it is {state.value if state else 'not there'}.")
    check_on_good(stage)
    back = _shift_back(run)
    if watched is not None and back is not None:
        began = _first_shift(run)
        detection = (watched.result.finished_at - began).total_seconds()
        stage.figures["detection_seconds"] = detection
        stage.figures["traffic_back_seconds"] = (back - watched.result.finished_at).total_seconds()
        stage.figures["fault_to_traffic_back_seconds"] = (back - began).total_seconds()
        check_nobody_meets_it_after(stage, load, back)
    check_no_request_failed_by_us(stage, load, "deploy")


def _part_two(stage: Stage) -> None:
    """A rollback with the data: everything that was written after the point goes back."""
    stage.tools.say("Deploying a good release, to roll it back with the data")
    detection = stage.workplace.system.detection
    short = replace(detection, canary=(_SHORT_CANARY,), bake=timedelta(seconds=1))
    system = replace(stage.workplace.system, detection=short)
    with stage.load(stage.writing) as load:
        run = _deploy(stage, _twin, "drill-twin", system)
        wait(stage, 0.5)
    if not stage.findings.check("a good release is promoted", run.state is RunState.SUCCEEDED, run.says):
        return
    check_no_request_failed_by_us(stage, load, "promotion")
    point = next(
        (one for one in reversed(stage.workplace.records.history().points) if one.why.endswith("drill-twin")),
        None,
    )
    stores = tuple(sorted({backup.store for backup in point.backups})) if point is not None else ()
    data = DataPolicy.REWIND if stores else DataPolicy.KEEP
    stage.tools.say("Rolling back with the data of the point before it")
    began = stage.live.clock.monotonic()
    with stage.load(stage.reading) as load:
        run = rollback(
            stage.workplace,
            RollbackRequest(
                stage.service.name,
                to=stage.good.id,
                data=data,
                point=point.id if point is not None and stores else None,
                approved=True,
                reason="The drill rolled it back.",
            ),
        )
        stage.figures["rewind_seconds"] = stage.live.clock.monotonic() - began
        wait(stage, 0.5)
    done = run.state is RunState.SUCCEEDED
    stage.findings.check("rolled back with the data", done, run.says or run.state.value)
    check_on_good(stage)
    check_no_request_failed_by_us(stage, load, "rollback")
    if point is None or not stores or not done:
        return
    lost = [event for _, event in stage.workplace.records.history().replaced if event.run_id == run.id]
    stage.figures["rows_lost"] = float(sum(sum(event.lost.values()) for event in lost))
    kept = [event for event in lost if Path(event.kept_as).is_dir()]
    says = f"{stage.figures['rows_lost']:,.0f} later changes are kept aside."
    stage.findings.check("what was replaced is kept", len(kept) == len(stores), says)
    for stake in stakes_of(stage.workplace, point, stores):
        other = {
            name: stake.added.get(name, 0) + stake.changed_or_removed.get(name, 0)
            for name in {*stake.added, *stake.changed_or_removed}
            if (stake.store, name) not in stage.own
        }
        exact = "" if stake.exact else " (counted, not compared row by row)"
        says = f"{other} differ from {point.id}" if other else f"equal to {point.id}{exact}"
        stage.findings.check(f"data of {stake.store}", not other, f"{says}.")


def _deploy(stage: Stage, change: Callable[[Launch], Launch], label: str, system: System | None) -> Run:
    """The good release's own artifact, run in another way."""
    base = system or stage.workplace.system
    services = tuple(
        replace(one, launch=change(stage.good.launch)) if one.name == stage.service.name else one
        for one in base.services
    )
    live = frozenset(one.name for one in base.vaults if one.name != OWN_VAULT)
    workplace = stage.tools.open_sandbox(replace(base, services=services), live)
    tree = workplace.shelf.prove(stage.good.artifact_digest)
    return deploy(workplace, DeployRequest(stage.service.name, str(tree), label))[1]


def _twin(launch: Launch) -> Launch:
    return replace(launch, environment={**launch.environment, "LASTGOOD_DRILL": "twin"})


def _first_shift(run: Run) -> datetime:
    """When the bad release got its first requests."""
    return next(step.result.finished_at for step in run.steps if step.kind == "traffic.shift")


def _shift_back(run: Run) -> datetime | None:
    def of_way_back(step: StepRecord) -> bool:
        return "." in step.path and step.kind == "traffic.shift"

    return next((step.result.finished_at for step in run.steps if of_way_back(step)), None)


def _written_by_the_service_itself(stage: Stage) -> frozenset[tuple[str, str]]:
    """Tables that differ from their point although nobody wrote: what the service writes when it starts and
    is asked for its health. After a rewind they will differ again, and that is no loss."""
    found = set()
    for store, point in stage.rebuilt.found.points.items():
        for stake in stakes_of(stage.workplace, point, (store,)):
            found |= {(store, name) for name in (*stake.added, *stake.changed_or_removed)}
    return frozenset(found)


def _finish(
    live: Workplace,
    drill_id: str,
    rebuilt: Rebuilt | None,
    findings: Findings,
    figures: dict[str, float],
) -> Drilled:
    promise = promised(live.system.continuity, [service.name for service in live.system.services])
    rto = figures.get("fault_to_traffic_back_seconds", 0.0)
    if promise is not None:
        figures["rto_promised_seconds"] = promise.rto.total_seconds()
    finished = DrillFinished(
        kind="rollback",
        passed=findings.passed and rto > 0,
        checks=tuple(findings.checks),
        rto_seconds=rto,
        rpo_seconds=None,
        point_id=newest_point(rebuilt),
        figures=figures,
    )
    record(live, drill_id, finished, rebuilt)
    return Drilled(drill_id, finished, missed(promise, rto, None))

"""The rollback drill: a release that is really bad, under load, in a sandbox; then a rollback with the data.

The bad release is the good one behind a program that answers every second request with an error: the alarm
is proven to ring, by the detection of the documents as they are. The second part is no alarm: it promotes the
same release under another name with a short watch, and rolls it back with the data of the point before it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from lastgood.application.deploy import DeployRequest, deploy
from lastgood.application.drilling import (
    Drilled,
    DrillRequest,
    Findings,
    Rebuilt,
    check_serving,
    new_drill_id,
    newest_point,
    rebuild,
    record,
)
from lastgood.application.restore import stakes_of
from lastgood.application.rollback import RollbackRequest, rollback
from lastgood.application.sandbox import DrillTools, LoadRequest, RunningLoad, Sandbox, sandbox
from lastgood.domain.errors import LastgoodError, Refused
from lastgood.domain.event import DrillFinished
from lastgood.domain.policy import CanaryStep, DataPolicy
from lastgood.domain.release import Launch, Release, ReleaseState
from lastgood.domain.run import Run, RunState, StepEnd, StepRecord
from lastgood.domain.system import Service, System, Vault
from lastgood.execution.workplace import Workplace
from lastgood.planning.drill import missed, promised

OWN_VAULT = "drill-own"
EVERY_SECOND = 2
_TRIALS = 20
_TRIAL_LIMIT = timedelta(seconds=10)
_SETTLED_SECONDS = 0.25  # clocks of load and steps are read one after the other
_SHORT_CANARY = CanaryStep(50, timedelta(seconds=1), timedelta(minutes=1), 10)


@dataclass(slots=True)
class Stage:
    """What the drill goes on in. `clock_offset` is wall clock minus monotonic clock, in seconds."""

    tools: DrillTools
    live: Workplace
    rebuilt: Rebuilt
    service: Service
    good: Release
    findings: Findings
    figures: dict[str, float]
    reading: LoadRequest
    writing: LoadRequest
    per_second: float
    clock_offset: float

    @property
    def workplace(self) -> Workplace:
        return self.rebuilt.workplace

    def load(self, request: LoadRequest) -> AbstractContextManager[RunningLoad]:
        host, port = _address(self.service)
        return self.tools.load(host, port, self.per_second, request)


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


def _part_one(stage: Stage) -> None:
    """A release that is really bad."""
    _try_requests(stage)
    stage.tools.say("Deploying a bad release under load")
    with stage.load(stage.writing) as load:
        run = _deploy(
            stage, lambda launch: stage.tools.faulty(launch, EVERY_SECOND), "drill-bad", system=None
        )
        _wait(stage, 0.5)
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
    _check_on_good(stage)
    back = _shift_back(run)
    if watched is not None and back is not None:
        began = _first_shift(run)
        detection = (watched.result.finished_at - began).total_seconds()
        stage.figures["detection_seconds"] = detection
        stage.figures["traffic_back_seconds"] = (back - watched.result.finished_at).total_seconds()
        stage.figures["fault_to_traffic_back_seconds"] = (back - began).total_seconds()
        _check_nobody_meets_it_after(stage, load, back)
    _check_no_request_failed_by_us(stage, load, "deploy")


def _part_two(stage: Stage) -> None:
    """A rollback with the data: everything that was written after the point goes back."""
    own = _written_by_the_service_itself(stage)
    stage.tools.say("Deploying a good release, to roll it back with the data")
    detection = stage.workplace.system.detection
    short = replace(detection, canary=(_SHORT_CANARY,), bake=timedelta(seconds=1))
    system = replace(stage.workplace.system, detection=short)
    with stage.load(stage.writing) as load:
        run = _deploy(stage, _twin, "drill-twin", system)
        _wait(stage, 0.5)
    if not stage.findings.check("a good release is promoted", run.state is RunState.SUCCEEDED, run.says):
        return
    _check_no_request_failed_by_us(stage, load, "promotion")
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
        _wait(stage, 0.5)
    done = run.state is RunState.SUCCEEDED
    stage.findings.check("rolled back with the data", done, run.says or run.state.value)
    _check_on_good(stage)
    _check_no_request_failed_by_us(stage, load, "rollback")
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
            if (stake.store, name) not in own
        }
        exact = "" if stake.exact else " (counted, not compared row by row)"
        says = f"{other} differ from {point.id}" if other else f"equal to {point.id}{exact}"
        stage.findings.check(f"data of {stake.store}", not other, f"{says}.")


def _try_requests(stage: Stage) -> None:
    """A request that fails on the good release would blame the drill on us."""
    for request in {stage.reading, stage.writing}:
        with stage.load(request) as load:
            _until_answered(stage, load)
        failed = [answer for answer in load.answers if answer.failed or answer.status >= 400]
        if failed or not load.answers:
            raise Refused(
                f"`{request.method} {request.path}` does not succeed on the good release in the sandbox: "
                f"{len(failed)} of {len(load.answers)} failed"
                + (f", one with status {failed[0].status}." if failed else "."),
                "Errors of a bad release could not be told from those; the drill was given up.",
                "Name a request that the service answers with `--request`.",
            )


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


def _address(service: Service) -> tuple[str, int]:
    if service.traffic is None:
        raise ValueError(service.name)
    return service.traffic.host, service.traffic.port


def _wait(stage: Stage, seconds: float) -> None:
    stage.live.clock.sleep(timedelta(seconds=seconds))


def _until_answered(stage: Stage, load: RunningLoad) -> None:
    until = stage.live.clock.monotonic() + _TRIAL_LIMIT.total_seconds()
    while len(load.answers) < _TRIALS and stage.live.clock.monotonic() < until:
        _wait(stage, 0.05)


def _check_on_good(stage: Stage) -> None:
    """The service is on the good release, and only that gets requests."""
    workplace, name = stage.workplace, stage.service.name
    switch = workplace.records.history().current(name)
    traffic = workplace.traffic_of(name)
    weights = {route.instance_id: route.weight for route in traffic.routes()} if traffic else {}
    right = switch is not None and switch.release_id == stage.good.id
    alone = switch is not None and {one for one, weight in weights.items() if weight} == {switch.instance_id}
    stage.findings.check("traffic back", right and alone, f"{stage.good.label} gets all of it.")
    check_serving(workplace, stage.rebuilt, stage.findings)


def _check_no_request_failed_by_us(stage: Stage, load: RunningLoad, what: str) -> None:
    answers = load.answers
    ours = [answer for answer in answers if answer.failed and not answer.release]
    on_purpose = sum(1 for answer in answers if answer.release)
    says = f"{len(answers):,} requests, {len(ours)} failed"
    says += f", {on_purpose} errors of the bad release apart." if on_purpose else "."
    stage.figures[f"{what}_requests"] = len(answers)
    stage.findings.check(f"no request failed by the {what}", bool(answers) and not ours, says)


def _check_nobody_meets_it_after(stage: Stage, load: RunningLoad, back: datetime) -> None:
    limit = back.timestamp() - stage.clock_offset + _SETTLED_SECONDS
    late = [answer for answer in load.answers if answer.release and answer.sent_at > limit]
    met = [answer for answer in load.answers if answer.release]
    says = f"{len(met)} requests met the bad release, {len(late)} of them after traffic was back."
    stage.figures["bad_answers"] = len(met)
    stage.findings.check("traffic back in time", not late and bool(met), says)


def _first_shift(run: Run) -> datetime:
    """When the bad release got its first requests."""
    return next(step.result.finished_at for step in run.steps if step.kind == "traffic.shift")


def _shift_back(run: Run) -> datetime | None:
    def of_way_back(step: StepRecord) -> bool:
        return "." in step.path and step.kind == "traffic.shift"

    return next((step.result.finished_at for step in run.steps if of_way_back(step)), None)


def _written_by_the_service_itself(stage: Stage) -> frozenset[tuple[str, str]]:
    """(store, table) that differ from the point although nobody wrote: what the service writes when it
    starts and is asked for its health. Looked at under the reading load, on a recovered sandbox."""
    if stage.writing != stage.reading:
        return frozenset()
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

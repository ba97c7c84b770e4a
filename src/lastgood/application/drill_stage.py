"""What the rollback drill stands on: the sandbox, its load, and what each of its parts checks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from lastgood.application.drilling import Findings, Rebuilt, check_serving
from lastgood.application.sandbox import DrillTools, LoadRequest, RunningLoad
from lastgood.domain.errors import Refused
from lastgood.domain.release import Release
from lastgood.domain.system import Service
from lastgood.execution.workplace import Workplace

_TRIALS = 20
_REFUSED = 400  # HTTP status from which an answer is no success
_TRIAL_LIMIT = timedelta(seconds=10)
_SETTLED_SECONDS = 0.25  # clocks of load and steps are read one after the other


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
    own: frozenset[tuple[str, str]] = frozenset()  # (store, table) that the service writes by itself

    @property
    def workplace(self) -> Workplace:
        return self.rebuilt.workplace

    def load(self, request: LoadRequest) -> AbstractContextManager[RunningLoad]:
        host, port = _address(self.service)
        return self.tools.load(host, port, self.per_second, request)


def try_request(stage: Stage, request: LoadRequest) -> None:
    """A request that fails on the good release would blame the drill on us."""
    with stage.load(request) as load:
        _until_answered(stage, load)
    failed = [answer for answer in load.answers if answer.failed or answer.status >= _REFUSED]
    if failed or not load.answers:
        raise Refused(
            f"`{request.method} {request.path}` does not succeed on the good release in the sandbox: "
            f"{len(failed)} of {len(load.answers)} failed"
            + (f", one with status {failed[0].status}." if failed else "."),
            "Errors of a bad release could not be told from those; the drill was given up.",
            "Name a request that the service answers with `--request`.",
        )


def _address(service: Service) -> tuple[str, int]:
    if service.traffic is None:
        raise ValueError(service.name)
    return service.traffic.host, service.traffic.port


def wait(stage: Stage, seconds: float) -> None:
    stage.live.clock.sleep(timedelta(seconds=seconds))


def _until_answered(stage: Stage, load: RunningLoad) -> None:
    until = stage.live.clock.monotonic() + _TRIAL_LIMIT.total_seconds()
    while len(load.answers) < _TRIALS and stage.live.clock.monotonic() < until:
        wait(stage, 0.05)


def check_on_good(stage: Stage) -> None:
    """The service is on the good release, and only that gets requests."""
    workplace, name = stage.workplace, stage.service.name
    switch = workplace.records.history().current(name)
    traffic = workplace.traffic_of(name)
    weights = {route.instance_id: route.weight for route in traffic.routes()} if traffic else {}
    right = switch is not None and switch.release_id == stage.good.id
    alone = switch is not None and {one for one, weight in weights.items() if weight} == {switch.instance_id}
    stage.findings.check("traffic back", right and alone, f"{stage.good.label} gets all of it.")
    check_serving(workplace, stage.rebuilt, stage.findings)


def check_no_request_failed_by_us(stage: Stage, load: RunningLoad, what: str) -> None:
    answers = load.answers
    ours = [answer for answer in answers if answer.failed and not answer.release]
    on_purpose = sum(1 for answer in answers if answer.release)
    says = f"{len(answers):,} requests, {len(ours)} failed"
    says += f", {on_purpose} errors of the bad release apart." if on_purpose else "."
    stage.figures[f"{what}_requests"] = len(answers)
    stage.findings.check(f"no request failed by the {what}", bool(answers) and not ours, says)


def check_nobody_meets_it_after(stage: Stage, load: RunningLoad, back: datetime) -> None:
    limit = back.timestamp() - stage.clock_offset + _SETTLED_SECONDS
    late = [answer for answer in load.answers if answer.release and answer.sent_at > limit]
    met = [answer for answer in load.answers if answer.release]
    says = f"{len(met)} requests met the bad release, {len(late)} of them after traffic was back."
    stage.figures["bad_answers"] = len(met)
    stage.findings.check("traffic back in time", not late and bool(met), says)

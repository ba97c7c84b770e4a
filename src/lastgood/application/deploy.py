"""Deploy: a new release beside the old one, watched, with the way back prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lastgood.application.backup import point_inputs, point_of
from lastgood.application.releasing import NewRelease, record_release, trim_shelf
from lastgood.application.running import carry_out, new_run_id
from lastgood.application.speaking import record_decision
from lastgood.deciding.beginning import reason_to_wait
from lastgood.domain.errors import Refused, UsageError
from lastgood.domain.history import History
from lastgood.domain.plan import Plan
from lastgood.domain.release import Release, ReleaseState
from lastgood.domain.run import Run
from lastgood.domain.system import Service
from lastgood.execution.workplace import Workplace
from lastgood.planning.deploy import DeployInputs, Running, plan_deploy
from lastgood.planning.recover import in_order


@dataclass(frozen=True, slots=True)
class DeployRequest:
    service: str | None = None
    source: str | None = None
    label: str | None = None
    now: bool = False  # in spite of cool-down, flapping and quiet hours
    who: str = ""


def deploy(workplace: Workplace, request: DeployRequest) -> tuple[Release, Run]:
    (release,), run = deploy_together(workplace, (request,))
    return release, run


def deploy_together(
    workplace: Workplace, requests: Sequence[DeployRequest]
) -> tuple[tuple[Release, ...], Run]:
    """All in one run: one that is bad takes all back. `now` of the first counts for all."""
    services = [workplace.system.service(request.service) for request in requests]
    refuse_twice(services)
    passed_over = refuse_or_pass(workplace, services, requests[0].now)
    releases = record_releases(workplace, requests)
    for release in releases:
        refuse_quarantined(release)
        for reference in release.launch.secrets.values():  # a missing one is no fault of the release
            workplace.read_secret(reference)
    run_id = new_run_id(workplace, "deploy")
    if passed_over:
        record_decision(workplace, run_id, "now", requests[0].who, passed_over)
    subjects = _subjects(workplace, services)
    run = carry_out(workplace, run_id, subjects, lambda: deploy_plan(workplace, releases, run_id))
    for service in services:
        trim_shelf(workplace, service)
    return releases, run


def record_releases(workplace: Workplace, requests: Sequence[DeployRequest]) -> tuple[Release, ...]:
    return tuple(
        record_release(workplace, NewRelease(request.service, request.source, request.label))
        for request in requests
    )


def refuse_twice(services: Sequence[Service]) -> None:
    names = [service.name for service in services]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is named twice.", "Nothing was changed.", "Name each service once.")


def refuse_or_pass(workplace: Workplace, services: Sequence[Service], now: bool) -> str:
    """What would hold the deploy up, with `now`; without it Refused is raised for that. "" when nothing."""
    history, triggers = workplace.records.history(), workplace.system.triggers
    moment = workplace.clock.now()
    for service in services:
        reason = reason_to_wait(history, service.name, triggers, moment)
        if reason and not now:
            raise Refused(
                reason,
                "No deploy begins now; nothing was changed. Going back is not held up.",
                "Wait, or begin all the same with `lastgood deploy --now`: that is recorded.",
            )
        if reason:
            return reason
    return ""


def refuse_quarantined(release: Release) -> None:
    """No retry of a bad digest: it would fail the same way."""
    if release.state is ReleaseState.BAD:
        raise Refused(
            f"This is release {release.label} ({release.id}), which is quarantined: {release.reason}",
            "It would fail the same way; nothing was changed.",
            f"Deploy a mended release, or lift it: `lastgood release quarantine --lift {release.id}`.",
        )


def deploy_plan(workplace: Workplace, releases: Sequence[Release], run_id: str) -> Plan:
    history = workplace.records.history()
    running = {
        release.service: running_now(workplace, history, workplace.system.service(release.service))
        for release in releases
    }
    return deploy_plan_beside(workplace, releases, run_id, running)


def deploy_plan_beside(
    workplace: Workplace, releases: Sequence[Release], run_id: str, running: Mapping[str, Running | None]
) -> Plan:
    """`running`: service -> what it is on."""
    by_service = {release.service: release for release in releases}
    services = [service for service in in_order(workplace.system) if service.name in by_service]
    stores = tuple(name for name in _stores(workplace, services) if workplace.store(name).present())
    why = f"before {' and '.join(by_service[service.name].label for service in services)}"
    point = point_inputs(workplace, point_of(run_id), stores, why)
    return plan_deploy(
        *(
            DeployInputs(
                service=service,
                release=by_service[service.name],
                new_instance=instance_of(by_service[service.name], run_id),
                current=running[service.name],
                detection=workplace.system.detection,
                point=point,
            )
            for service in services
        )
    )


def running_now(workplace: Workplace, history: History, service: Service) -> Running | None:
    """What the service is on. Raises Refused when that does not run: there would be no way back."""
    switch = history.current(service.name)
    if switch is None:
        return None
    release = history.releases[switch.release_id]
    instance = workplace.runtime(service.name).find(switch.instance_id)
    if instance is None or not instance.running:
        raise Refused(
            f"{service.name} should be on {release.label}, but that does not run.",
            "A bad release could not be undone; nothing was changed.",
            "Run `lastgood up` to start it, then deploy again.",
        )
    return Running(release, switch.instance_id)


def instance_of(release: Release, run_id: str) -> str:
    return f"{release.id}.{run_id.rpartition('-')[2]}"


def _subjects(workplace: Workplace, services: Sequence[Service]) -> tuple[str, ...]:
    return (
        *(f"service:{service.name}" for service in services),
        *(f"store:{store}" for store in _stores(workplace, services)),
    )


def _stores(workplace: Workplace, services: Sequence[Service]) -> tuple[str, ...]:
    """Of all of them, each once."""
    found = [store for service in services for store in service.stores or workplace.stores_for_backup()]
    return tuple(dict.fromkeys(found))

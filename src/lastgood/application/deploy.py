"""Deploy: a new release beside the old one, watched, with the way back prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lastgood.application.backup import point_inputs, point_of
from lastgood.application.releasing import NewRelease, record_release, trim_shelf
from lastgood.application.running import carry_out, new_run_id
from lastgood.application.speaking import record_decision
from lastgood.deciding.beginning import reason_to_wait
from lastgood.domain.errors import Refused
from lastgood.domain.history import History
from lastgood.domain.plan import Plan
from lastgood.domain.release import Release, ReleaseState
from lastgood.domain.run import Run
from lastgood.domain.system import Service
from lastgood.execution.workplace import Workplace
from lastgood.planning.deploy import DeployInputs, Running, plan_deploy


@dataclass(frozen=True, slots=True)
class DeployRequest:
    service: str | None = None
    source: str | None = None
    label: str | None = None
    now: bool = False  # in spite of cool-down, flapping and quiet hours
    who: str = ""


def deploy(workplace: Workplace, request: DeployRequest) -> tuple[Release, Run]:
    service = workplace.system.service(request.service)
    passed_over = refuse_or_pass(workplace, (service,), request.now)
    release = record_release(workplace, NewRelease(service.name, request.source, request.label))
    refuse_quarantined(release)
    for reference in release.launch.secrets.values():  # a missing one is no fault of the release
        workplace.read_secret(reference)
    run_id = new_run_id(workplace, "deploy")
    if passed_over:
        record_decision(workplace, run_id, "now", request.who, passed_over)
    subjects = _subjects(workplace, service)
    run = carry_out(workplace, run_id, subjects, lambda: deploy_plan(workplace, release, run_id))
    trim_shelf(workplace, service)
    return release, run


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


def deploy_plan(workplace: Workplace, release: Release, run_id: str) -> Plan:
    service = workplace.system.service(release.service)
    current = running_now(workplace, workplace.records.history(), service)
    return deploy_plan_beside(workplace, release, run_id, current)


def deploy_plan_beside(workplace: Workplace, release: Release, run_id: str, current: Running | None) -> Plan:
    service = workplace.system.service(release.service)
    stores = tuple(
        name for name in (service.stores or workplace.stores_for_backup()) if workplace.store(name).present()
    )
    return plan_deploy(
        DeployInputs(
            service=service,
            release=release,
            new_instance=instance_of(release, run_id),
            current=current,
            detection=workplace.system.detection,
            point=point_inputs(workplace, point_of(run_id), stores, f"before {release.label}"),
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


def _subjects(workplace: Workplace, service: Service) -> tuple[str, ...]:
    stores = service.stores or workplace.stores_for_backup()
    return (f"service:{service.name}", *(f"store:{store}" for store in stores))

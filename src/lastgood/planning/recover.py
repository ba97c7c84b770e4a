"""Recover: everything back from a vault; and start: everything up again on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from lastgood.domain.plan import Plan, Step
from lastgood.domain.point import RecoveryPoint
from lastgood.domain.release import Release
from lastgood.domain.system import Service, System
from lastgood.planning import steps
from lastgood.planning.restore import fetch_time


@dataclass(frozen=True, slots=True)
class RecoverInputs:
    """`releases` maps each service that was deployed to its last good release, `instances` to the id that
    its new instance gets."""

    system: System
    vault: str
    point: RecoveryPoint | None
    releases: Mapping[str, Release]
    instances: Mapping[str, str]


def plan_recover(inputs: RecoverInputs) -> Plan:
    point = inputs.point
    stores = tuple(sorted({backup.store for backup in point.backups})) if point else ()
    services = [service for service in in_order(inputs.system) if service.name in inputs.releases]
    restored: tuple[Step, ...] = ()
    if point is not None and stores:
        restored = (
            *(steps.store_fetch(store, point.id, fetch_time(point, store)) for store in stores),
            *(steps.store_switch(store, point.id) for store in stores),
            steps.invariants_check(stores),
        )
    plan_steps = (
        steps.preflight(vaults=(inputs.vault,)),
        *(steps.release_fetch(inputs.releases[service.name]) for service in services),
        *restored,
        *(
            step
            for service in services
            for step in bring_up(service, inputs.releases[service.name], inputs.instances[service.name])
        ),
        steps.recovery_record(inputs.vault, point.id if point else ""),
    )
    return Plan(
        kind="recover",
        title=f"Recover {inputs.system.name} from vault {inputs.vault}"
        + (f" to {point.id} ({point.at:%Y-%m-%d %H:%M:%S} UTC)" if point else ""),
        subjects=_subjects(inputs.system, stores),
        steps=plan_steps,
        downtime=sum((step.expected for step in plan_steps), timedelta(0)),
        loses=(f"what was written after {point.at:%Y-%m-%d %H:%M:%S} UTC",) if point else (),
    )


def plan_start(system: System, releases: Mapping[str, Release], instances: Mapping[str, str]) -> Plan:
    services = [service for service in in_order(system) if service.name in releases]
    return Plan(
        kind="start",
        title=f"Start {', '.join(service.name for service in services) or 'nothing'}",
        subjects=tuple(f"service:{service.name}" for service in services),
        steps=tuple(
            step
            for service in services
            for step in (
                steps.release_fetch(releases[service.name]),
                *bring_up(service, releases[service.name], instances[service.name]),
            )
        ),
    )


def bring_up(service: Service, release: Release, instance_id: str) -> tuple[Step, ...]:
    shift: tuple[Step, ...] = ()
    if service.traffic is not None:
        shift = (
            steps.traffic_shift(service.name, {instance_id: 100}, f"Give {release.label} all traffic"),
            steps.traffic_resume((service.name,)),
        )
    return (
        steps.instance_start(release, instance_id),
        steps.instance_ready(service.name, instance_id, service.ready_within),
        *shift,
        steps.serving_check(service.name, instance_id),
        steps.service_switch(release, instance_id),
    )


def in_order(system: System) -> tuple[Service, ...]:
    """Services after those they depend on (the documents have no circle: crosscheck)."""
    placed: list[Service] = []

    def place(service: Service) -> None:
        if service not in placed:
            for name in service.depends_on:
                place(system.service(name))
            placed.append(service)

    for service in system.services:
        place(service)
    return tuple(placed)


def _subjects(system: System, stores: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *(f"service:{service.name}" for service in system.services),
        *(f"store:{store}" for store in stores),
    )

"""Recover: everything back from a vault; and start: everything up again on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lastgood.domain.plan import Plan, Step
from lastgood.domain.point import RecoveryPoint
from lastgood.domain.release import Release
from lastgood.domain.system import Service, System
from lastgood.planning import steps
from lastgood.planning.restore import fetch_time


@dataclass(frozen=True, slots=True)
class RecoverInputs:
    """`points` maps each store that is restored to the point it is restored from; `releases` each service
    that comes back to its release, `instances` to the id that its new instance gets."""

    system: System
    vault: str
    points: Mapping[str, RecoveryPoint]
    releases: Mapping[str, Release]
    instances: Mapping[str, str]
    began_at: datetime


def plan_recover(inputs: RecoverInputs) -> Plan:
    points = inputs.points
    stores = tuple(sorted(points))
    services = [service for service in in_order(inputs.system) if service.name in inputs.releases]
    restored: tuple[Step, ...] = ()
    if stores:
        restored = (
            *(
                steps.store_fetch(
                    store, points[store].id, fetch_time(points[store], store), vault=inputs.vault
                )
                for store in stores
            ),
            *(steps.store_switch(store, points[store].id) for store in stores),
            steps.invariants_check(stores),
        )
    newest = max(points.values(), key=lambda point: point.at, default=None)
    until = written_until(points)
    plan_steps = (
        steps.preflight(vaults=(inputs.vault,)),
        *(steps.release_fetch(inputs.releases[service.name], inputs.vault) for service in services),
        *restored,
        *(
            step
            for service in services
            for step in bring_up(service, inputs.releases[service.name], inputs.instances[service.name])
        ),
        steps.recovery_record(inputs.vault, newest.id if newest else "", inputs.began_at, until),
    )
    return Plan(
        kind="recover",
        title=f"Recover {inputs.system.name} from vault {inputs.vault}"
        + (f" to {newest.id} ({newest.at:%Y-%m-%d %H:%M:%S} UTC)" if newest else ""),
        subjects=_subjects(inputs.system, stores),
        steps=plan_steps,
        downtime=sum((step.expected for step in plan_steps), timedelta(0)),
        loses=_loses(inputs.system, points),
    )


def written_until(points: Mapping[str, RecoveryPoint]) -> datetime | None:
    """What was written after this is lost, in one store at least."""
    return min((point.at for point in points.values()), default=None)


def _loses(system: System, points: Mapping[str, RecoveryPoint]) -> tuple[str, ...]:
    times = {point.at for point in points.values()}
    if len(times) == 1:
        said = [f"what was written after {times.pop():%Y-%m-%d %H:%M:%S} UTC"]
    else:
        said = [
            f"what was written to {store} after {point.at:%Y-%m-%d %H:%M:%S} UTC"
            for store, point in sorted(points.items())
        ]
    never = [
        f"all of {store.name}: it was never backed up" for store in system.stores if store.name not in points
    ]
    return (*said, *never)


def plan_start(
    system: System,
    releases: Mapping[str, Release],
    instances: Mapping[str, str],
    dead: Mapping[str, str] | None = None,
) -> Plan:
    """`dead` maps a service to the instance that it was on and that no longer runs."""
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
                *_clear_away(service, dead or {}),
            )
        ),
    )


def _clear_away(service: Service, dead: Mapping[str, str]) -> tuple[Step, ...]:
    if service.name not in dead:
        return ()
    return (steps.instance_stop(service.name, dead[service.name], "what is left of the one that died"),)


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

"""Rollback: back to the last good release, or to one that is named."""

from __future__ import annotations

from dataclasses import dataclass

from lastgood.application.deploy import instance_of
from lastgood.application.restore import stakes_of
from lastgood.application.running import carry_out, new_run_id
from lastgood.deciding.candidate import target_of_rollback
from lastgood.domain.errors import Refused
from lastgood.domain.history import History, Switch
from lastgood.domain.plan import Plan
from lastgood.domain.point import RecoveryPoint
from lastgood.domain.policy import DataPolicy
from lastgood.domain.release import Release
from lastgood.domain.run import Run
from lastgood.domain.system import Service
from lastgood.execution.workplace import Workplace
from lastgood.planning.rollback import RollbackInputs, plan_rollback


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """`approved`: a person has seen the plan and agreed (`--yes`, or answered the question)."""

    service: str | None = None
    to: str | None = None
    data: DataPolicy = DataPolicy.KEEP
    point: str | None = None
    approved: bool = False
    reason: str = "Rolled back by a person."


def rollback(workplace: Workplace, request: RollbackRequest) -> Run:
    service = workplace.system.service(request.service)
    run_id = new_run_id(workplace, "rollback")
    stores = (f"store:{name}" for name in workplace.stores) if request.data is DataPolicy.REWIND else ()
    subjects = (f"service:{service.name}", *stores)
    return carry_out(workplace, run_id, subjects, lambda: rollback_plan(workplace, request, run_id))


def rollback_plan(
    workplace: Workplace, request: RollbackRequest, run_id: str, count_stakes: bool = True
) -> Plan:
    """Raises Refused where there is nothing to go back to, and UsageError for unknown names.

    Counting what is at stake restores the point aside; without it the plan does not say what it loses."""
    service = workplace.system.service(request.service)
    history = workplace.records.history()
    leaving, leaving_release, target, instance = _who(workplace, history, service, request, run_id)
    point = _point(history, service, leaving_release, request)
    stores = tuple(sorted({backup.store for backup in point.backups})) if point else ()
    found = workplace.runtime(service.name).find(instance)
    return plan_rollback(
        RollbackInputs(
            service=service,
            target=target,
            instance=instance,
            warm=found is not None and found.running,
            leaving=leaving,
            leaving_release=leaving_release,
            data=request.data,
            point=point,
            stores=stores,
            stakes=stakes_of(workplace, point, stores) if point and count_stakes else (),
            approval=""
            if request.approved or request.data is DataPolicy.KEEP
            else "A rewind takes back what was written after the point.",
            reason=request.reason,
            vaults=workplace.vaults_for_backup() if workplace.vaults else (),
            capsule=f"after-{run_id}",
        )
    )


def _who(
    workplace: Workplace, history: History, service: Service, request: RollbackRequest, run_id: str
) -> tuple[str, Release, Release, str]:
    """(leaving instance, its release, target release, target instance). A candidate that still has a route
    (a paused deploy) is what is left first, for the release that the service is on."""
    current = history.current(service.name)
    candidate = _candidate_on_the_proxy(workplace, service, current)
    if candidate is not None and current is not None and request.to is None:
        leaving_release = history.releases[candidate[1]]
        return candidate[0], leaving_release, history.releases[current.release_id], current.instance_id
    target = target_of_rollback(history, service.name, request.to)
    assert current is not None  # target_of_rollback refused otherwise
    warm = next(
        (
            instance.instance_id
            for instance in workplace.runtime(service.name).instances()
            if instance.release_id == target.id and instance.running
        ),
        instance_of(target, run_id),
    )
    return current.instance_id, history.releases[current.release_id], target, warm


def _candidate_on_the_proxy(
    workplace: Workplace, service: Service, current: Switch | None
) -> tuple[str, str] | None:
    traffic = workplace.traffic_of(service.name)
    for route in traffic.routes() if traffic is not None else ():
        if current is not None and route.instance_id != current.instance_id:
            instance = workplace.runtime(service.name).find(route.instance_id)
            if instance is not None:
                return instance.instance_id, instance.release_id
    return None


def _point(
    history: History, service: Service, leaving: Release, request: RollbackRequest
) -> RecoveryPoint | None:
    """For a rewind: the point that was named, else the one made just before the release that is left."""
    if request.data is not DataPolicy.REWIND:
        return None
    if request.point is not None:
        return history.point(request.point)
    began = [
        switch.at for switch in history.switches.get(service.name, ()) if switch.release_id == leaving.id
    ]
    limit = began[-1] if began else None
    found = [
        point
        for point in history.points
        if point.backups
        and (limit is None or point.at <= limit)
        and point.releases.get(service.name) != leaving.id
    ]
    if not found:
        raise Refused(
            f"There is no recovery point from before {leaving.label}.",
            "The data cannot be rewound to it; nothing was changed.",
            "Use `--data keep`, or name a point: `lastgood points`.",
        )
    return history.with_verification(found[-1])

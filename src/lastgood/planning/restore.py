"""Restore: stores back to a point, in place beneath held requests, or aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lastgood.domain.plan import Plan
from lastgood.domain.point import RecoveryPoint, Stake
from lastgood.planning import steps
from lastgood.planning.rollback import loses, put_back_and_resume


@dataclass(frozen=True, slots=True)
class RestoreInputs:
    """`services` use these stores and are held meanwhile."""

    point: RecoveryPoint
    stores: tuple[str, ...]
    services: tuple[str, ...]
    stakes: tuple[Stake, ...] = ()
    approval: str = ""


def plan_restore(inputs: RestoreInputs) -> Plan:
    point, stores = inputs.point, inputs.stores
    return Plan(
        kind="restore",
        title=f"Restore {', '.join(stores)} to {point.id} ({point.at:%Y-%m-%d %H:%M:%S} UTC)",
        subjects=(
            *(f"service:{service}" for service in inputs.services),
            *(f"store:{store}" for store in stores),
        ),
        steps=(
            steps.preflight(vaults=vaults_of(point, stores)),
            *(steps.store_fetch(store, point.id, fetch_time(point, store)) for store in stores),
            steps.traffic_hold(inputs.services),
            *(steps.store_switch(store, point.id, loses(inputs.stakes, store)) for store in stores),
            steps.invariants_check(stores),
            steps.traffic_resume(inputs.services),
        ),
        ways_back={"undo": put_back_and_resume(stores, inputs.services)},
        downtime=timedelta(seconds=0.5 * len(stores)),
        loses=tuple(text for store in stores if (text := loses(inputs.stakes, store))),
        needs_approval=inputs.approval,
    )


def plan_restore_aside(point: RecoveryPoint, store: str, folder: str) -> Plan:
    return Plan(
        kind="restore",
        title=f"Restore {store} of {point.id} into {folder}",
        subjects=(),
        steps=(
            steps.preflight(vaults=vaults_of(point, (store,))),
            steps.store_fetch(store, point.id, fetch_time(point, store), folder),
        ),
    )


def vaults_of(point: RecoveryPoint, stores: tuple[str, ...]) -> list[str]:
    return sorted({backup.vault for backup in point.backups if backup.store in stores})


def fetch_time(point: RecoveryPoint, store: str) -> timedelta:
    """Restores read about as fast as backups write: the time the backup took."""
    backup = point.backup_of(store)
    return timedelta(seconds=max(1.0, backup.seconds)) if backup else timedelta(seconds=3)

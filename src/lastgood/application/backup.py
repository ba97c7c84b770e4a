"""Backup: make a recovery point now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lastgood.application.running import carry_out, new_run_id
from lastgood.domain.plan import Plan
from lastgood.domain.run import Run
from lastgood.execution.workplace import Workplace
from lastgood.planning.backup import PointInputs, plan_backup


@dataclass(frozen=True, slots=True)
class BackupRequest:
    stores: tuple[str, ...] = ()  # empty: those of backup-automation.yml
    why: str = "by hand"


def backup(workplace: Workplace, request: BackupRequest) -> Run:
    run_id = new_run_id(workplace, "backup")
    stores = request.stores or workplace.stores_for_backup()
    subjects = tuple(f"store:{workplace.system.store(name).name}" for name in stores)
    return carry_out(workplace, run_id, subjects, lambda: backup_plan(workplace, request, run_id))


def backup_plan(workplace: Workplace, request: BackupRequest, run_id: str) -> Plan:
    stores = request.stores or workplace.stores_for_backup()
    return plan_backup(point_inputs(workplace, point_of(run_id), stores, request.why))


def point_of(run_id: str) -> str:
    """The recovery point that a run makes carries the run's time and mark."""
    return f"point-{run_id.partition('-')[2]}"


def point_inputs(workplace: Workplace, point_id: str, stores: tuple[str, ...], why: str) -> PointInputs:
    history = workplace.records.history()
    last = {backup.store: timedelta(seconds=backup.seconds) for backup in history.backups.values()}
    using = tuple(service.name for service in workplace.system.services if set(service.stores) & set(stores))
    return PointInputs(
        point_id=point_id,
        why=why,
        stores=stores,
        copied_aside=frozenset(name for name in stores if workplace.store(name).capabilities.copies_aside),
        vaults=workplace.vaults_for_backup(),
        services=using,
        held=workplace.system.consistency.hold_for_points,
        expected=last,
    )

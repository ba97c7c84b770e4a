"""Restore: stores back to a recovery point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lastgood.application.running import carry_out, new_run_id
from lastgood.domain.errors import Refused, UsageError
from lastgood.domain.plan import Plan
from lastgood.domain.point import RecoveryPoint, Stake
from lastgood.domain.run import Run
from lastgood.execution.stake import at_stake
from lastgood.execution.workplace import Workplace
from lastgood.planning.restore import RestoreInputs, plan_restore, plan_restore_aside

RESTORE_TAKES_BACK = "A restore takes back what was written after the point."


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """`to`: restore aside into this new folder instead of in place (one store)."""

    stores: tuple[str, ...] = ()  # empty: all that the point holds
    point: str = "latest"
    to: Path | None = None
    approved: bool = False


def restore(workplace: Workplace, request: RestoreRequest) -> Run:
    run_id = new_run_id(workplace, "restore")
    if request.to is not None:
        return carry_out(workplace, run_id, (), lambda: restore_plan(workplace, request))
    stores = _what(workplace, request)[1]
    subjects = tuple(f"service:{name}" for name in services_using(workplace, stores))
    subjects += tuple(f"store:{name}" for name in stores)
    return carry_out(workplace, run_id, subjects, lambda: restore_plan(workplace, request))


def restore_plan(workplace: Workplace, request: RestoreRequest) -> Plan:
    point, stores = _what(workplace, request)
    if request.to is not None:
        return plan_restore_aside(point, _the_one(stores), str(_new_folder(request.to)))
    return plan_restore(
        RestoreInputs(
            point,
            stores,
            services_using(workplace, stores),
            stakes_of(workplace, point, stores),
            "" if request.approved else RESTORE_TAKES_BACK,
        )
    )


def stakes_of(workplace: Workplace, point: RecoveryPoint, stores: tuple[str, ...]) -> tuple[Stake, ...]:
    """Exact: the backup is restored aside and compared with the live data, then removed."""
    found = []
    for name in stores:
        backup = point.backup_of(name)
        if backup is None:
            continue
        with workplace.scratch(f"stake-of-{name}") as room:
            workplace.vault(backup.vault).get(backup.snapshot, room / "copy")
            workplace.checkpoint("stake:fetched")
            found.append(at_stake(workplace, backup, room / "copy"))
    return tuple(found)


def _what(workplace: Workplace, request: RestoreRequest) -> tuple[RecoveryPoint, tuple[str, ...]]:
    point = workplace.records.history().point(request.point)
    held = tuple(sorted({backup.store for backup in point.backups}))
    for name in request.stores:
        workplace.system.store(name)
        if name not in held:
            raise UsageError(
                f"Recovery point {point.id} holds no backup of {name}.",
                "Nothing was changed.",
                f"It holds: {', '.join(held) or 'no store'}. See `lastgood points`.",
            )
    return point, request.stores or held


def services_using(workplace: Workplace, stores: tuple[str, ...]) -> tuple[str, ...]:
    """Those that use one of the stores; a service that names none may use all."""
    return tuple(
        service.name
        for service in workplace.system.services
        if not service.stores or set(service.stores) & set(stores)
    )


def _the_one(stores: tuple[str, ...]) -> str:
    if len(stores) != 1:
        raise UsageError("A restore into a folder takes one store.", "", f"Name one of: {', '.join(stores)}.")
    return stores[0]


def _new_folder(folder: Path) -> Path:
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(
            f"{folder} is there already and not empty.",
            "Nothing was changed.",
            "Name a folder that does not exist yet.",
        )
    return folder

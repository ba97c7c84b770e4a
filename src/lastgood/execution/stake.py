"""What a rewind would take back: counted exactly where a copy of the point is at hand."""

from __future__ import annotations

from pathlib import Path

from lastgood.domain.point import Backup, Stake
from lastgood.execution.workplace import Workplace


def copy_of_point(run_folder: Path, point_id: str, store: str) -> Path:
    """Where a run keeps its own copy of a store at a point."""
    return run_folder / f"copy-{point_id}-{store}"


def at_stake(workplace: Workplace, backup: Backup, copy: Path) -> Stake:
    """Without a copy only the growth of the counts is known: a lower bound, and said to be one."""
    store = workplace.store(backup.store)
    if not store.present():
        return Stake(backup.store, {}, {})
    if copy.is_dir():
        return store.stake(copy)
    if store.capabilities.copies_aside:
        return Stake(backup.store, {}, {}, exact=False)
    now = store.check(store.live_folder()).figures
    growth = {name: now[name] - backup.marker.figures.get(name, 0) for name in now if name != "bytes"}
    return Stake(backup.store, {name: count for name, count in growth.items() if count > 0}, {}, exact=False)

"""store.backup: a consistent copy of a store into every vault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lastgood.domain.errors import StoreFailed, VaultFailed
from lastgood.domain.event import BackupTaken
from lastgood.domain.point import Backup, Marker
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.stake import copy_of_point
from lastgood.execution.steps.store_copy import marker_of
from lastgood.ports.vault import Snapshot


def already_done(job: Job) -> Said | None:
    if set(job.texts("vaults")) <= set(_taken(job)):
        return Said(f"{job.text('store')} is in the vault for this point already.")
    return None


def perform(job: Job) -> Said:
    """Arguments: store, vaults, point_id. Puts the copy that store.copy made, else the live folder."""
    workplace = job.workplace
    name = job.text("store")
    started = workplace.clock.monotonic()
    marker, folder = _what_to_put(job)
    for vault_name in job.texts("vaults"):
        if vault_name in _taken(job):
            continue
        snapshot = _put(job, vault_name, folder)
        job.midway()
        backup = Backup(
            id=f"{job.text('point_id')}.{name}.{vault_name}",
            store=name,
            vault=vault_name,
            snapshot=snapshot.id,
            marker=marker,
            size_bytes=snapshot.size_bytes,
            taken_at=workplace.clock.now(),
            seconds=workplace.clock.monotonic() - started,
        )
        workplace.records.record(BackupTaken(backup, job.text("point_id")), f"{job.key}/{vault_name}")
    return Said(
        f"{name} is in {', '.join(job.texts('vaults'))}: {sum(marker.figures.values()):,} counted.",
        {"seconds": workplace.clock.monotonic() - started},
    )


def _what_to_put(job: Job) -> tuple[Marker, Path]:
    name = job.text("store")
    copy = copy_of_point(job.folder, job.text("point_id"), name)
    marker = marker_of(copy)
    if marker is not None:
        return marker, copy
    store = job.workplace.store(name)
    if store.capabilities.copies_aside or not store.present():
        raise StoreFailed(
            f"There is no {'copy' if store.present() else 'data'} of store {name} to back up.",
            "No recovery point was made: it would restore nothing.",
            f"Correct its path in system.yml, or remove store {name} there.",
        )
    return replace(store.check(store.live_folder()), store=name), store.live_folder()


def _put(job: Job, vault_name: str, folder: Path) -> Snapshot:
    vault = job.workplace.vault(vault_name)
    tags = {"kind": "backup", "store": job.text("store"), "point": job.text("point_id")}
    found = vault.snapshots(tags)  # an earlier try may have put it and died before it was recorded
    return found[-1] if found else vault.put(folder, tags)


def _taken(job: Job) -> dict[str, Backup]:
    history = job.workplace.records.history()
    backups = (history.backups[taken] for taken in history.taken.get(job.text("point_id"), ()))
    return {backup.vault: backup for backup in backups if backup.store == job.text("store")}


def verify(job: Job) -> None:
    for vault_name, backup in _taken(job).items():
        tags = {"kind": "backup", "store": backup.store, "point": job.text("point_id")}
        listed = {snapshot.id for snapshot in job.workplace.vault(vault_name).snapshots(tags)}
        if backup.snapshot not in listed:
            raise VaultFailed(
                f"Vault {vault_name} does not list the backup of {backup.store} that was just put there.",
                "The recovery point is not made.",
                "Run `lastgood check`, then repeat the command.",
            )


HANDLER = Handler("store.backup", perform, already_done, verify)

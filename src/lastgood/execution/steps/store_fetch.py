"""store.fetch: restore a backup aside and prove that it is whole, before anything live is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

from lastgood.domain.errors import StoreFailed, UsageError, VaultFailed
from lastgood.domain.event import BackupVerified
from lastgood.domain.point import Backup, Marker
from lastgood.execution.handler import Handler, Job, Said


def fetched_folder(state: Path, point_id: str, store: str, run_id: str) -> Path:
    """Where a run restores a store aside."""
    return state / "aside" / run_id / f"{store}-{point_id}"


def already_done(job: Job) -> Said | None:
    if _folder(job).is_dir() and _whole(job).exists():
        return Said(f"{job.text('store')} stands aside already, checked.")
    return None


def perform(job: Job) -> Said:
    """Arguments: store, point_id, folder?, vault? (asked first). The first whole copy is taken."""
    workplace = job.workplace
    name = job.text("store")
    point = workplace.records.history().point(job.text("point_id"))
    backups = sorted(
        (backup for backup in point.backups if backup.store == name),
        key=lambda backup: backup.vault != job.text("vault"),
    )
    if not backups:
        raise UsageError(
            f"Recovery point {point.id} holds no backup of {name}.",
            "Nothing was changed.",
            "Choose another point: `lastgood points`.",
        )
    started = workplace.clock.monotonic()
    refusals: list[str] = []
    for backup in backups:
        try:
            marker = _fetch(job, backup)
        except (VaultFailed, StoreFailed) as error:
            refusals.append(f"{backup.vault}: {error.happened}")
            continue
        seconds = workplace.clock.monotonic() - started
        counted = sum(marker.figures.values())
        return Said(
            f"{name} of {point.id} restored aside from {backup.vault} and checked: {counted:,} counted.",
            {"seconds": seconds, "counted": counted},
            {
                "folder": str(_folder(job)),
                "passed_over": refusals,
                "figures": dict(marker.figures),
                "fingerprint": marker.fingerprint,
            },
        )
    raise VaultFailed(
        f"No whole backup of {name} could be restored: {'; '.join(refusals)}.",
        "The live data is untouched.",
        "Choose an older point: `lastgood points`.",
    )


def _fetch(job: Job, backup: Backup) -> Marker:
    """What was found in it."""
    workplace = job.workplace
    folder = _folder(job)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    workplace.vault(backup.vault).get(backup.snapshot, folder)
    job.midway()
    marker = workplace.store(backup.store).check(folder)
    if workplace.store(backup.store).capabilities.copies_aside and (
        dict(marker.figures) != dict(backup.marker.figures)
    ):
        raise StoreFailed(
            f"The restored {backup.store} counts {dict(marker.figures)}, recorded was "
            f"{dict(backup.marker.figures)}.",
            "It is not what was backed up; the live data is untouched.",
            "Choose another point: `lastgood points`.",
        )
    _whole(job).touch()
    workplace.records.record(BackupVerified(backup.id, "restore"), f"{job.key}/{backup.id}")
    return marker


def _whole(job: Job) -> Path:
    """Noted in the run's own folder: a folder that the user named holds nothing but the data."""
    return job.folder / f"whole-{job.text('store')}"


def _folder(job: Job) -> Path:
    chosen = job.text("folder")
    if chosen:
        return Path(chosen)
    return fetched_folder(job.workplace.system.state, job.text("point_id"), job.text("store"), job.run_id)


HANDLER = Handler("store.fetch", perform, already_done)

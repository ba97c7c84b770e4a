"""point.record: tie the release, its configuration and a marker in every store into one point."""

from __future__ import annotations

from datetime import timedelta

from lastgood.domain.errors import StoreFailed
from lastgood.domain.event import PointRecorded
from lastgood.domain.point import RecoveryPoint
from lastgood.execution.handler import Handler, Job, Said


def already_done(job: Job) -> Said | None:
    if any(point.id == job.text("point_id") for point in job.workplace.records.history().points):
        return Said(f"Recovery point {job.text('point_id')} is recorded already.")
    return None


def perform(job: Job) -> Said:
    """Arguments: point_id, why, stores, held."""
    workplace = job.workplace
    history = workplace.records.history()
    backups = tuple(history.backups[taken] for taken in history.taken.get(job.text("point_id"), ()))
    missing = set(job.texts("stores")) - {backup.store for backup in backups}
    if missing:
        raise StoreFailed(
            f"Recovery point {job.text('point_id')} has no backup of {', '.join(sorted(missing))}.",
            "It is not recorded: it could not bring everything back.",
            "Repeat the command.",
        )
    times = [backup.marker.at for backup in backups]
    current = {service.name: history.current(service.name) for service in workplace.system.services}
    point = RecoveryPoint(
        id=job.text("point_id"),
        at=min(times) if times else workplace.clock.now(),
        why=job.text("why"),
        releases={name: switch.release_id for name, switch in current.items() if switch is not None},
        backups=backups,
        capsules={},
        skew=max(times) - min(times) if times else timedelta(0),
        held=job.flag("held"),
    )
    job.midway()
    workplace.records.record(PointRecorded(point), job.key)
    return Said(
        f"Recovery point {point.id}: {len(times)} stores within {point.skew.total_seconds():.2f} s.",
        {"skew_seconds": point.skew.total_seconds()},
    )


HANDLER = Handler("point.record", perform, already_done)

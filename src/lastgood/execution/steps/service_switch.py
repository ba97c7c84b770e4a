"""service.switch: record which instance the service is from now on."""

from __future__ import annotations

from lastgood.domain.event import ReleaseJudged, ServiceSwitched
from lastgood.domain.release import ReleaseState
from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: service, release_id, instance_id, rolled_back. What a service is on is good."""
    records = job.workplace.records
    service, release_id = job.text("service"), job.text("release_id")
    rolled_back = job.flag("rolled_back")
    if rolled_back and _never_left(job):
        job.midway()
        return Said(f"{service} is on {release_id} as before.")
    reason = "Gone back to." if rolled_back else "Promoted."
    records.record(ReleaseJudged(release_id, ReleaseState.GOOD, reason), f"{job.key}/good")
    job.midway()
    records.record(ServiceSwitched(service, release_id, job.text("instance_id"), rolled_back), job.key)
    return Said(f"{service} is on {release_id}.")


def _never_left(job: Job) -> bool:
    """Whether the service is on this very instance and no verdict of this run was against a release of it:
    a deploy that was cancelled, met a full disk, or went back because of another service is no rollback of
    this one and must not count as one."""
    history = job.workplace.records.history()
    current = history.current(job.text("service"))
    judged = any(
        given.run_id == job.run_id and given.service == job.text("service") and given.failed_it
        for _, given in history.verdicts
    )
    return current is not None and current.instance_id == job.text("instance_id") and not judged


HANDLER = Handler("service.switch", perform)

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
    reason = "Gone back to." if rolled_back else "Promoted."
    records.record(ReleaseJudged(release_id, ReleaseState.GOOD, reason), f"{job.key}/good")
    job.midway()
    records.record(ServiceSwitched(service, release_id, job.text("instance_id"), rolled_back), job.key)
    return Said(f"{service} is on {release_id}.")


HANDLER = Handler("service.switch", perform)

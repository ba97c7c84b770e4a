"""instance.stop: let requests in flight finish, then end an instance and all that it started."""

from __future__ import annotations

from datetime import timedelta

from lastgood.domain.errors import Refused, RuntimeFailed
from lastgood.execution.handler import Handler, Job, Said


def already_done(job: Job) -> Said | None:
    if job.workplace.runtime(job.text("service")).find(job.text("instance_id")) is None:
        return Said(f"{job.text('instance_id')} does not run.")
    return None


def perform(job: Job) -> Said:
    """Arguments: service, instance_id, while_held. Refuses to end what gets traffic, unless it is held."""
    workplace = job.workplace
    service = workplace.system.service(job.text("service"))
    instance_id = job.text("instance_id")
    traffic = workplace.traffic_of(service.name)
    if traffic is not None and service.traffic is not None:
        serving = any(route.instance_id == instance_id and route.weight for route in traffic.routes())
        if serving and not job.flag("while_held"):
            raise Refused(f"{instance_id} still gets traffic.", "It was not stopped.", "Shift traffic first.")
        traffic.drained(instance_id, service.traffic.drain_limit)
    job.midway()
    runtime = workplace.runtime(service.name)
    gently = runtime.stop(instance_id, service.stop_within or timedelta(seconds=10))
    runtime.discard(instance_id)
    return Said(
        f"{instance_id} ended{'' if gently else ', but had to be killed: it ignored TERM'}.",
        {"killed": 0.0 if gently else 1.0},
    )


def verify(job: Job) -> None:
    instance = job.workplace.runtime(job.text("service")).find(job.text("instance_id"))
    if instance is not None and instance.running:
        raise RuntimeFailed(
            f"{instance.instance_id} still runs.",
            "It may go on writing.",
            f"End it by hand: it listens on port {instance.port}.",
        )


HANDLER = Handler("instance.stop", perform, already_done, verify)

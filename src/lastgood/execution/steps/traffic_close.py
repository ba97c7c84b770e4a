"""traffic.close: end a service's proxy, after the requests in flight."""

from __future__ import annotations

from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: service. Its routes stay on disk: `up` gives them back."""
    workplace = job.workplace
    name = job.text("service")
    traffic, service = workplace.traffic_of(name), workplace.system.service(name)
    if traffic is None or service.traffic is None:
        return Said(f"{name} has no proxy.")
    for route in traffic.routes():
        traffic.drained(route.instance_id, service.traffic.drain_limit)
    job.midway()
    traffic.stop()
    return Said(f"The proxy of {name} ended.")


HANDLER = Handler("traffic.close", perform)

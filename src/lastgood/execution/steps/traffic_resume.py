"""traffic.resume: let waiting requests go on."""

from __future__ import annotations

from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: services."""
    job.midway()
    for name in job.texts("services"):
        traffic = job.workplace.traffic_of(name)
        if traffic is not None and traffic.routes():
            traffic.ensure()
            traffic.resume()
    return Said(f"Requests to {', '.join(job.texts('services'))} go on.")


HANDLER = Handler("traffic.resume", perform)

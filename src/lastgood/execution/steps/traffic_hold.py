"""traffic.hold: keep requests waiting while something is switched beneath them."""

from __future__ import annotations

from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: services. Returns when no request of theirs is in flight (or after the drain limit)."""
    workplace = job.workplace
    held = []
    for name in job.texts("services"):
        traffic, service = workplace.traffic_of(name), workplace.system.service(name)
        if traffic is None or service.traffic is None or not traffic.routes():
            continue
        traffic.hold()
        job.midway()
        for route in traffic.routes():
            traffic.drained(route.instance_id, service.traffic.hold_limit / 2)
        held.append(name)
    return Said(f"Requests to {', '.join(held)} wait." if held else "Nothing takes requests.")


HANDLER = Handler("traffic.hold", perform)

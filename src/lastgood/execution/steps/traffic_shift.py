"""traffic.shift: give each instance its share of the requests."""

from __future__ import annotations

from lastgood.domain.errors import Refused, TrafficFailed
from lastgood.execution.handler import Handler, Job, Said
from lastgood.ports.traffic import Route


def perform(job: Job) -> Said:
    """Arguments: service, weights {instance_id: percent}. An instance that is not there gets no route; at
    least one with a weight must be there."""
    workplace = job.workplace
    traffic = workplace.traffic_of(job.text("service"))
    if traffic is None:
        return Said("The service has no traffic of its own.")
    runtime = workplace.runtime(job.text("service"))
    weights = job.weights("weights")
    found = {instance_id: runtime.find(instance_id) for instance_id in weights}
    routes = tuple(
        Route(instance_id, instance.host, instance.port, weights[instance_id])
        for instance_id, instance in found.items()
        if instance is not None
    )
    if weights and not any(route.weight for route in routes):
        raise Refused(
            f"None of {', '.join(weights)} is there to take the traffic.",
            "The routes stay as they are.",
            "Start an instance first: `lastgood up`.",
        )
    job.midway()
    traffic.shift(routes)
    traffic.ensure()  # after the shift, which starts a proxy that is gone: first the harm ends
    shares = ", ".join(f"{route.instance_id} {route.weight} %" for route in routes)
    return Said(f"Traffic: {shares or 'nobody'}.")


def verify(job: Job) -> None:
    traffic = job.workplace.traffic_of(job.text("service"))
    if traffic is None:
        return
    wanted = {name: weight for name, weight in job.weights("weights").items() if weight}
    real = {route.instance_id: route.weight for route in traffic.routes() if route.weight}
    if not set(real) <= set(wanted) or (wanted and not real):
        raise TrafficFailed(
            f"The proxy's routes are {real}, not {wanted}.",
            "Requests go where they should not.",
            "Repeat the command; if it stays so, restart the proxy with `lastgood up`.",
        )


HANDLER = Handler("traffic.shift", perform, verify=verify)

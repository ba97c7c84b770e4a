"""Stop: every service and its proxy down, in good order; `lastgood up` brings them back."""

from __future__ import annotations

from collections.abc import Mapping

from lastgood.domain.plan import Plan
from lastgood.domain.system import System
from lastgood.planning import steps
from lastgood.planning.recover import in_order


def plan_stop(system: System, instances: Mapping[str, str], approval: str = "") -> Plan:
    """`instances` maps each service that was deployed to the one that it is on. Services go before those that
    they depend on. Requests in flight finish; later ones are refused."""
    services = [service for service in reversed(in_order(system)) if service.name in instances]
    return Plan(
        kind="stop",
        title=f"Stop {', '.join(service.name for service in services) or 'nothing'}",
        subjects=tuple(f"service:{service.name}" for service in services),
        steps=tuple(
            step
            for service in services
            for step in (
                *((steps.traffic_close(service.name),) if service.traffic is not None else ()),
                steps.instance_stop(service.name, instances[service.name], service.name, while_held=True),
            )
        ),
        loses=tuple(f"{service.name} is not reached until `lastgood up`" for service in services),
        needs_approval=approval,
    )

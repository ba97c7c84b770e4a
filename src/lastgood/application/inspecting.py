"""Status: what is, looked at and not assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.domain.history import History, last_good
from lastgood.domain.run import RunState
from lastgood.domain.system import Service

if TYPE_CHECKING:
    from lastgood.execution.workplace import Workplace


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    name: str
    release_id: str
    label: str
    running: bool
    reached_at: str
    goes_back_to: str


@dataclass(frozen=True, slots=True)
class Status:
    system: str
    services: tuple[ServiceStatus, ...]
    newest_point: str
    interrupted: tuple[str, ...]
    waiting: tuple[str, ...]
    asking: tuple[str, ...] = ()  # running ones that ask a person something


def look(workplace: Workplace) -> Status:
    history = workplace.records.history()
    runs = workplace.runs.summaries(only_unfinished=True)
    return Status(
        workplace.system.name,
        tuple(_service(workplace, history, service) for service in workplace.system.services),
        history.points[-1].id if history.points else "",
        tuple(run.id for run in runs if run.state is RunState.INTERRUPTED),
        tuple(run.id for run in runs if run.state is RunState.WAITING),
        tuple(run.id for run in runs if run.asks),
    )


def _service(workplace: Workplace, history: History, service: Service) -> ServiceStatus:
    reached = f"{service.traffic.host}:{service.traffic.port}" if service.traffic else ""
    switch = history.current(service.name)
    if switch is None:
        return ServiceStatus(service.name, "", "", False, reached, "")
    instance = workplace.runtime(service.name).find(switch.instance_id)
    before = last_good(history, service.name, without=switch.release_id)
    return ServiceStatus(
        service.name,
        switch.release_id,
        history.releases[switch.release_id].label,
        instance is not None and instance.running,
        reached,
        f"{before.label} ({before.id})" if before else "",
    )

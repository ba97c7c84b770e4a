"""Gates: look at what runs, and judge the evidence."""

from __future__ import annotations

from dataclasses import fields

from lastgood.deciding.gates import gates
from lastgood.domain.errors import ArtifactChanged
from lastgood.domain.gate import Gate, GateState, VersionSeen
from lastgood.domain.history import History
from lastgood.domain.release import Launch, Release
from lastgood.domain.system import Service
from lastgood.execution.workplace import Workplace


def check_gates(workplace: Workplace) -> tuple[Gate, ...]:
    history = workplace.records.history()
    seen = tuple(_look(workplace, history, service) for service in workplace.system.services)
    return gates(workplace.system, history, seen, workplace.clock.now())


def exit_code(found: tuple[Gate, ...]) -> int:
    states = {gate.state for gate in found}
    if GateState.MISSED in states:
        return 7
    return 6 if GateState.INSUFFICIENT in states else 0


def _look(workplace: Workplace, history: History, service: Service) -> VersionSeen:
    switch = history.current(service.name)
    if switch is None:
        return VersionSeen(service.name, "", "", "", None, ())
    release = history.releases[switch.release_id]
    instance = workplace.runtime(service.name).find(switch.instance_id)
    return VersionSeen(
        service.name,
        release.id,
        release.label,
        instance.release_id if instance is not None and instance.running else "",
        _intact(workplace, release),
        tuple(sorted(history.kept.get(release.id, {}))),
        _drift(release.launch, service.launch),
    )


def _intact(workplace: Workplace, release: Release) -> bool | None:
    """Every byte is read. None: it is not on this machine."""
    if workplace.shelf.tree(release.artifact_digest) is None:
        return None
    try:
        workplace.shelf.prove(release.artifact_digest)
    except ArtifactChanged:
        return False
    return True


def _drift(released: Launch, documented: Launch) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in fields(Launch)
        if getattr(released, field.name) != getattr(documented, field.name)
    )

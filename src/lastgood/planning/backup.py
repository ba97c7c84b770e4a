"""Backup: one recovery point over all stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from lastgood.domain.plan import Plan, Step
from lastgood.planning import steps

_FIRST_BACKUP = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class PointInputs:
    """`copied_aside` are the stores that need a copy before a vault reads them; with `held` all do, and the
    services' requests wait while the copies are made. `expected` maps a store to its last backup's time."""

    point_id: str
    why: str
    stores: tuple[str, ...]
    copied_aside: frozenset[str]
    vaults: tuple[str, ...]
    services: tuple[str, ...] = ()
    held: bool = False
    expected: dict[str, timedelta] = field(default_factory=dict)


def plan_backup(inputs: PointInputs) -> Plan:
    return Plan(
        kind="backup",
        title=f"Back up {', '.join(inputs.stores) or 'the capsule'} as {inputs.point_id}",
        subjects=tuple(f"store:{store}" for store in inputs.stores),
        steps=(
            steps.preflight(vaults=inputs.vaults),
            *point_steps(inputs),
            steps.capsule_keep(inputs.point_id, inputs.point_id, inputs.vaults),
        ),
        ways_back={"resume": resume(inputs.services)} if inputs.held else {},
    )


def point_steps(inputs: PointInputs) -> tuple[Step, ...]:
    """Copies first and together (the skew is theirs), the slow way into the vaults after that."""
    aside = [store for store in inputs.stores if inputs.held or store in inputs.copied_aside]
    copies = tuple(steps.store_copy(store, inputs.point_id) for store in aside)
    if inputs.held and inputs.services and copies:
        copies = (steps.traffic_hold(inputs.services), *copies, steps.traffic_resume(inputs.services))
    return (
        *copies,
        *(
            steps.store_backup(
                store, inputs.point_id, inputs.vaults, inputs.expected.get(store, _FIRST_BACKUP)
            )
            for store in inputs.stores
        ),
        steps.point_record(inputs.point_id, inputs.why, inputs.stores, inputs.held),
    )


def resume(services: tuple[str, ...]) -> Plan:
    """The way back of everything that holds requests: let them go on."""
    return Plan(
        "resume", "Let held requests go on", (), (steps.traffic_resume(services),) if services else ()
    )

"""Rollback: back to a good release, with the data kept or rewound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from lastgood.domain.plan import Plan, Step
from lastgood.domain.point import RecoveryPoint, Stake
from lastgood.domain.policy import DataPolicy
from lastgood.domain.release import Release, ReleaseState
from lastgood.domain.system import Service
from lastgood.planning import steps


@dataclass(frozen=True, slots=True)
class RollbackInputs:
    """`instance` is the target's: already running when `warm`. `leaving` is what is served now, of
    `leaving_release`. `point` and `stakes` only for a rewind."""

    service: Service
    target: Release
    instance: str
    warm: bool
    leaving: str
    leaving_release: Release
    data: DataPolicy
    point: RecoveryPoint | None = None
    stores: tuple[str, ...] = ()
    stakes: tuple[Stake, ...] = ()
    fetch_expected: timedelta = timedelta(seconds=3)
    approval: str = ""
    reason: str = "Rolled back by a person."
    vaults: tuple[str, ...] = ()  # that learn of it
    capsule: str = ""


def plan_rollback(inputs: RollbackInputs) -> Plan:
    if inputs.data is DataPolicy.REWIND and inputs.point is not None:
        return _with_rewind(inputs, inputs.point)
    name = inputs.service.name
    bring_up = () if inputs.warm else _bring_up(inputs)
    before = (
        steps.preflight(name),
        steps.release_fetch(inputs.target),
        *bring_up,
        *_shift(inputs, {inputs.instance: 100, inputs.leaving: 0}, f"Give {inputs.target.label} all traffic"),
        steps.serving_check(name, inputs.instance),
    )
    return Plan(
        kind="rollback",
        title=f"Roll {name} back from {inputs.leaving_release.label} to {inputs.target.label}",
        subjects=(f"service:{name}",),
        steps=(*before, *_settle(inputs)),
        ways_back={"undo": _stay(inputs)},
        needs_approval=inputs.approval,
        commits_at=len(before),
    )


def _with_rewind(inputs: RollbackInputs, point: RecoveryPoint) -> Plan:
    """Everything slow happens aside and beside the running service; then requests are held for as long as
    the data is switched and (when it is not warm) the target starts on it."""
    name = inputs.service.name
    services = (name,)
    restart = () if inputs.warm else _bring_up(inputs)
    before = (
        steps.preflight(name, vaults=sorted({backup.vault for backup in point.backups})),
        steps.release_fetch(inputs.target),
        *(steps.store_fetch(store, point.id, inputs.fetch_expected) for store in inputs.stores),
        steps.target_prove(inputs.target, point.id, inputs.stores),
        steps.traffic_hold(services),
        steps.instance_stop(name, inputs.leaving, "what runs now, so that nothing writes", while_held=True),
        *(steps.store_switch(store, point.id, loses(inputs.stakes, store)) for store in inputs.stores),
        *restart,
        *_shift(inputs, {inputs.instance: 100, inputs.leaving: 0}, f"Give {inputs.target.label} all traffic"),
        steps.invariants_check(inputs.stores),
        steps.traffic_resume(services),
        steps.serving_check(name, inputs.instance),
    )
    held = timedelta(seconds=0.5 + 0.5 * len(inputs.stores) + (0 if inputs.warm else 1.5))
    return Plan(
        kind="rollback",
        title=f"Roll {name} back from {inputs.leaving_release.label} to {inputs.target.label}, "
        f"with the data of {point.id}",
        subjects=(f"service:{name}", *(f"store:{store}" for store in inputs.stores)),
        steps=(*before, *_settle(inputs)),
        ways_back={"undo": _stay(inputs)},
        downtime=held,
        loses=tuple(text for store in inputs.stores if (text := loses(inputs.stakes, store))),
        needs_approval=inputs.approval,
        commits_at=len(before),
    )


def _bring_up(inputs: RollbackInputs) -> tuple[Step, ...]:
    name = inputs.service.name
    return (
        steps.instance_start(inputs.target, inputs.instance),
        steps.instance_ready(name, inputs.instance, inputs.service.ready_within),
    )


def _shift(inputs: RollbackInputs, weights: dict[str, int], does: str) -> tuple[Step, ...]:
    if inputs.service.traffic is None:
        return ()
    return (steps.traffic_shift(inputs.service.name, weights, does),)


def _settle(inputs: RollbackInputs) -> tuple[Step, ...]:
    name = inputs.service.name
    mark = (
        ()
        if inputs.leaving_release.id == inputs.target.id
        else (steps.release_mark(inputs.leaving_release, ReleaseState.BAD, inputs.reason),)
    )
    return (
        steps.service_switch(inputs.target, inputs.instance, rolled_back=True),
        *_shift(inputs, {inputs.instance: 100}, f"Take {inputs.leaving_release.label} off the proxy"),
        steps.instance_stop(name, inputs.leaving, inputs.leaving_release.label),
        *mark,
        # a recovery after this must come back on the target, and not on what was left
        *(
            (steps.capsule_keep(inputs.capsule, inputs.capsule, inputs.vaults, if_reachable=True),)
            if inputs.vaults
            else ()
        ),
    )


def _stay(inputs: RollbackInputs) -> Plan:
    """The rollback itself failed: everything as it was before it."""
    name = inputs.service.name
    put_back: tuple[Step, ...] = ()
    resume: tuple[Step, ...] = ()
    if inputs.data is DataPolicy.REWIND:
        put_back = (
            *(steps.store_put_back(store) for store in inputs.stores),
            steps.instance_start(inputs.leaving_release, inputs.leaving),
            steps.instance_ready(name, inputs.leaving, inputs.service.ready_within),
        )
        resume = (steps.traffic_resume((name,)),)
    stop: tuple[Step, ...] = ()
    if not inputs.warm:
        stop = (
            steps.instance_stop(name, inputs.instance, "what did not come up"),
            *_shift(inputs, {inputs.leaving: 100}, f"Take {inputs.target.label} off the proxy"),
        )
    does = f"Traffic to {inputs.leaving_release.label}"
    return Plan(
        kind="stay",
        title=f"Stay on {inputs.leaving_release.label}",
        subjects=(),
        steps=(
            *put_back,
            *_shift(inputs, {inputs.leaving: 100, inputs.instance: 0}, does),
            *resume,
            *stop,
        ),
    )


def put_back_and_resume(stores: Sequence[str], services: tuple[str, ...]) -> Plan:
    """When switching data failed half way: the old data again, and requests go on."""
    return Plan(
        "stay",
        "Put the data back and let requests go on",
        (),
        (*(steps.store_put_back(store) for store in stores), steps.traffic_resume(services)),
    )


def loses(stakes: tuple[Stake, ...], store: str) -> str:
    """What a rewind takes back, in words; "" when nothing was written since."""
    stake = next((stake for stake in stakes if stake.store == store), None)
    if stake is None or not stake.total:
        return "" if stake is None or stake.exact else f"{store}: an unknown number of changes"
    names = sorted({*stake.added, *stake.changed_or_removed})
    parts = [
        f"{name}: {stake.added.get(name, 0):,} added, {stake.changed_or_removed.get(name, 0):,} changed"
        for name in names
        if stake.added.get(name, 0) + stake.changed_or_removed.get(name, 0)
    ]
    return f"{store}{'' if stake.exact else ' at least'}: {'; '.join(parts)}"

"""Deploy: a release beside the old one, watched step by step, with the way back prepared before.

Several services are released together by one plan: they start and are promoted in the order in which they
depend on each other, are watched at the same shares at the same time, and one bad one takes all back, the
last first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from lastgood.domain.plan import Plan, Step
from lastgood.domain.policy import CanaryStep, DataPolicy, Detection
from lastgood.domain.release import Release, ReleaseState
from lastgood.domain.system import Service
from lastgood.planning import steps
from lastgood.planning.backup import PointInputs, point_steps
from lastgood.planning.rollback import put_back_and_resume


@dataclass(frozen=True, slots=True)
class Running:
    """A release and the instance of it that serves."""

    release: Release
    instance_id: str


@dataclass(frozen=True, slots=True)
class DeployInputs:
    """Of one service. `point` is the same for all that are released together."""

    service: Service
    release: Release
    new_instance: str
    current: Running | None
    detection: Detection
    point: PointInputs
    fetch_expected: timedelta = timedelta(seconds=3)


def plan_deploy(*parts: DeployInputs) -> Plan:
    """`parts` in the order in which they start."""
    what = " and ".join(f"{part.release.label} of {part.service.name}" for part in parts)
    if len(parts) > 1:
        parts = tuple(map(_told_apart, parts))
    point = parts[0].point
    before_traffic = (
        *_each(parts, lambda part: (_preflight(part), steps.release_keep(part.release, point.vaults))),
        *point_steps(point),
        *_each(parts, lambda part: (_prove_way_back(part),)),
        *_each(parts, _start),
    )
    watched = (*_canaries(parts), *_bake(parts))
    promoted = (
        *_each(parts, lambda part: (steps.service_switch(part.release, part.new_instance), *_retire(part))),
        steps.capsule_keep(point.point_id, f"{point.point_id}.promoted", point.vaults),
    )
    return Plan(
        kind="deploy",
        title=f"Deploy {what}{' together' if len(parts) > 1 else ''}",
        subjects=(
            *(f"service:{part.service.name}" for part in parts),
            *(f"store:{store}" for store in point.stores),
        ),
        steps=(*before_traffic, *watched, *promoted),
        ways_back=_ways_back(parts),
        commits_at=len(before_traffic) + len(watched),
    )


def _told_apart(part: DeployInputs) -> DeployInputs:
    """In the words of the steps two services may be on releases of one label."""

    def named(release: Release) -> Release:
        return replace(release, label=f"{release.label} of {release.service}")

    current = part.current and replace(part.current, release=named(part.current.release))
    return replace(part, release=named(part.release), current=current)


def _each(
    parts: tuple[DeployInputs, ...], made: Callable[[DeployInputs], tuple[Step, ...]]
) -> tuple[Step, ...]:
    return tuple(step for part in parts for step in made(part))


def _preflight(part: DeployInputs) -> Step:
    room = part.release.size_bytes * 3
    return steps.preflight(part.service.name, part.release.id, part.point.vaults, room)


def _prove_way_back(part: DeployInputs) -> Step:
    return steps.way_back_prove(
        part.service.name,
        part.current.release if part.current else None,
        part.current.instance_id if part.current else "",
        part.point.point_id,
    )


def _start(part: DeployInputs) -> tuple[Step, ...]:
    return (
        steps.instance_start(part.release, part.new_instance),
        steps.instance_ready(part.service.name, part.new_instance, part.service.ready_within),
    )


def _canaries(parts: tuple[DeployInputs, ...]) -> tuple[Step, ...]:
    """Only where there is an old release to compare with and a proxy that can share."""
    sharing = tuple(part for part in parts if part.current and part.service.traffic)
    if not sharing:
        return ()
    return tuple(step for canary in parts[0].detection.canary for step in _canary(sharing, canary))


def _canary(parts: tuple[DeployInputs, ...], canary: CanaryStep) -> tuple[Step, ...]:
    shifts, watches = [], []
    for part in parts:
        assert part.current is not None
        old, new = part.current.instance_id, part.new_instance
        does = f"Give {part.release.label} {canary.percent} % of the traffic"
        weights = {new: canary.percent, old: 100 - canary.percent}
        shifts.append(steps.traffic_shift(part.service.name, weights, does))
        watches.append(_watch(part, canary, old, f"Watch {part.release.label} at {canary.percent} %"))
    return (*shifts, _together(watches))


def _bake(parts: tuple[DeployInputs, ...]) -> tuple[Step, ...]:
    shifts, watches = [], []
    for part in parts:
        new, traffic = part.new_instance, part.service.traffic
        if traffic is not None:
            weights = {new: 100} if part.current is None else {new: 100, part.current.instance_id: 0}
            does = f"Give {part.release.label} all of the traffic"
            shifts.append(steps.traffic_shift(part.service.name, weights, does))
        bake = part.detection.bake
        # a first release has nothing to go back to and often nobody to serve yet: probes alone decide
        minimum = 0 if part.current is None or traffic is None else 1
        phase = CanaryStep(100, bake, bake + timedelta(minutes=5), minimum)
        warm = " with the old one warm" if part.current else ""
        watches.append(_watch(part, phase, "", f"Let {part.release.label} bake{warm}"))
    return (*shifts, _together(watches))


def _watch(inputs: DeployInputs, phase: CanaryStep, old: str, does: str) -> Step:
    return steps.observe(
        inputs.service.name,
        inputs.release,
        inputs.new_instance,
        old,
        inputs.point.point_id,
        phase.at_least,
        phase.at_most,
        phase.minimum_requests,
        does,
        must_be_good=bool(old),
        promotes=not old,
    )


def _together(watches: list[Step]) -> Step:
    """One step for all of them: at the same time, since one that is not looked at must not be bad."""
    first = watches[0]
    if len(watches) == 1:
        return first
    does = [watch.does if watch is first else watch.does[0].lower() + watch.does[1:] for watch in watches]
    arguments = {"watches": [dict(watch.arguments) for watch in watches]}
    return replace(first, arguments=arguments, does=" and ".join(does))


def _retire(inputs: DeployInputs) -> tuple[Step, ...]:
    if inputs.current is None:
        return ()
    name, old = inputs.service.name, inputs.current
    shift: tuple[Step, ...] = ()
    if inputs.service.traffic is not None:
        shift = (steps.traffic_shift(name, {inputs.new_instance: 100}, "Take the old one off the proxy"),)
    return (
        *shift,
        steps.instance_stop(name, old.instance_id, f"{old.release.label}, which is no longer needed"),
        *(
            ()
            if old.release.id == inputs.release.id
            else (steps.release_mark(old.release, ReleaseState.RETIRED, "A newer one was promoted."),)
        ),
    )


def _ways_back(parts: tuple[DeployInputs, ...]) -> dict[str, Plan]:
    back, point = tuple(reversed(parts)), parts[0].point
    labels = [part.current.release.label for part in parts if part.current]
    to = " and ".join(labels) if len(labels) == len(parts) else "before the first release"
    keep = Plan(kind="rollback", title=f"Back to {to}", subjects=(), steps=(*_leave(back), *_settle(back)))
    stores = point.stores
    if len(labels) < len(parts) or not stores:
        return {DataPolicy.KEEP.value: keep}
    services = tuple(part.service.name for part in parts)
    rewind = Plan(
        kind="rollback",
        title=f"Back to {to} with the data of {point.point_id}",
        subjects=(),
        steps=(
            *_leave(back),
            *(steps.store_fetch(store, point.point_id, parts[0].fetch_expected) for store in stores),
            steps.traffic_hold(services),
            *(
                steps.store_switch(store, point.point_id, "what was written since the point")
                for store in stores
            ),
            steps.invariants_check(stores),
            steps.traffic_resume(services),
            *_settle(back),
        ),
        ways_back={"undo": put_back_and_resume(stores, services)},
    )
    return {DataPolicy.KEEP.value: keep, DataPolicy.REWIND.value: rewind}


def _leave(parts: tuple[DeployInputs, ...]) -> tuple[Step, ...]:
    """Traffic first: this is what ends the harm."""
    point = parts[0].point
    # the run may have ended while requests were held for the point
    resume = (steps.traffic_resume(point.services),) if point.held else ()
    return (
        *_each(parts, _give_back),
        *resume,
        *(
            steps.instance_stop(part.service.name, part.new_instance, f"the bad {part.release.label}")
            for part in parts
        ),
    )


def _give_back(part: DeployInputs) -> tuple[Step, ...]:
    if part.service.traffic is None:
        return ()
    weights = {part.current.instance_id: 100, part.new_instance: 0} if part.current else {}
    does = "Give all traffic back to the last good release"
    return (steps.traffic_shift(part.service.name, weights, does),)


def _settle(parts: tuple[DeployInputs, ...]) -> tuple[Step, ...]:
    point = parts[0].point
    settled = _each(parts, _settle_one)
    if not any(part.current for part in parts):
        return settled
    # a recovery after this must know the new point, and the bad release as bad
    label = f"{point.point_id}.back"
    return (*settled, steps.capsule_keep(point.point_id, label, point.vaults, if_reachable=True))


def _settle_one(part: DeployInputs) -> tuple[Step, ...]:
    if part.current is None:
        return (steps.release_mark(part.release, None),)
    name, old = part.service.name, part.current
    shift: tuple[Step, ...] = ()
    if part.service.traffic is not None:
        shift = (steps.traffic_shift(name, {old.instance_id: 100}, "Take the candidate off the proxy"),)
    mark = () if old.release.id == part.release.id else (steps.release_mark(part.release, None),)
    return (
        *shift,
        *mark,
        steps.service_switch(old.release, old.instance_id, rolled_back=True),
        steps.serving_check(name, old.instance_id),
    )

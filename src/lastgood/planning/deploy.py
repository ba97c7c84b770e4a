"""Deploy: a release beside the old one, watched step by step, with the way back prepared before."""

from __future__ import annotations

from dataclasses import dataclass
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
    service: Service
    release: Release
    new_instance: str
    current: Running | None
    detection: Detection
    point: PointInputs
    fetch_expected: timedelta = timedelta(seconds=3)


def plan_deploy(inputs: DeployInputs) -> Plan:
    release, point = inputs.release, inputs.point
    last_good = inputs.current
    before_traffic = (
        steps.preflight(inputs.service.name, release.id, point.vaults, release.size_bytes * 3),
        steps.release_keep(release, point.vaults),
        *point_steps(point),
        steps.way_back_prove(
            inputs.service.name,
            last_good.release if last_good else None,
            last_good.instance_id if last_good else "",
            point.point_id,
        ),
        steps.instance_start(release, inputs.new_instance),
        steps.instance_ready(inputs.service.name, inputs.new_instance, inputs.service.ready_within),
    )
    watched = (*_canary(inputs), *_bake(inputs))
    promoted = (
        steps.service_switch(release, inputs.new_instance),
        *_retire(inputs),
        steps.capsule_keep(point.point_id, f"{point.point_id}.promoted", point.vaults),
    )
    return Plan(
        kind="deploy",
        title=f"Deploy {release.label} of {inputs.service.name}",
        subjects=(f"service:{inputs.service.name}", *(f"store:{store}" for store in point.stores)),
        steps=(*before_traffic, *watched, *promoted),
        ways_back=_ways_back(inputs),
        commits_at=len(before_traffic) + len(watched),
    )


def _canary(inputs: DeployInputs) -> tuple[Step, ...]:
    """Only where there is an old release to compare with and a proxy that can share."""
    if inputs.current is None or inputs.service.traffic is None:
        return ()
    old, new = inputs.current.instance_id, inputs.new_instance
    found: list[Step] = []
    for canary in inputs.detection.canary:
        weights = {new: canary.percent, old: 100 - canary.percent}
        found.append(
            steps.traffic_shift(
                inputs.service.name, weights, f"Give {inputs.release.label} {canary.percent} % of the traffic"
            )
        )
        found.append(_watch(inputs, canary, old, f"Watch {inputs.release.label} at {canary.percent} %"))
    return tuple(found)


def _bake(inputs: DeployInputs) -> tuple[Step, ...]:
    name, new = inputs.service.name, inputs.new_instance
    shift: tuple[Step, ...] = ()
    if inputs.service.traffic is not None:
        weights = {new: 100} if inputs.current is None else {new: 100, inputs.current.instance_id: 0}
        shift = (steps.traffic_shift(name, weights, f"Give {inputs.release.label} all of the traffic"),)
    bake = inputs.detection.bake
    # a first release has nothing to go back to and often nobody to serve yet: probes alone decide
    minimum = 0 if inputs.current is None or inputs.service.traffic is None else 1
    phase = CanaryStep(100, bake, bake + timedelta(minutes=5), minimum)
    warm = " with the old one warm" if inputs.current else ""
    return (*shift, _watch(inputs, phase, "", f"Let {inputs.release.label} bake{warm}"))


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


def _ways_back(inputs: DeployInputs) -> dict[str, Plan]:
    keep = Plan(
        kind="rollback",
        title=f"Back to {inputs.current.release.label if inputs.current else 'before the first release'}",
        subjects=(),
        steps=(*_leave(inputs), *_settle(inputs)),
    )
    stores = inputs.point.stores
    if inputs.current is None or not stores:
        return {DataPolicy.KEEP.value: keep}
    services = (inputs.service.name,)
    rewind = Plan(
        kind="rollback",
        title=f"Back to {inputs.current.release.label} with the data of {inputs.point.point_id}",
        subjects=(),
        steps=(
            *_leave(inputs),
            *(steps.store_fetch(store, inputs.point.point_id, inputs.fetch_expected) for store in stores),
            steps.traffic_hold(services),
            *(
                steps.store_switch(store, inputs.point.point_id, "what was written since the point")
                for store in stores
            ),
            steps.invariants_check(stores),
            steps.traffic_resume(services),
            *_settle(inputs),
        ),
        ways_back={"undo": put_back_and_resume(stores, services)},
    )
    return {DataPolicy.KEEP.value: keep, DataPolicy.REWIND.value: rewind}


def _leave(inputs: DeployInputs) -> tuple[Step, ...]:
    """Traffic first: this is what ends the harm."""
    name = inputs.service.name
    shift: tuple[Step, ...] = ()
    if inputs.service.traffic is not None:
        weights = {inputs.current.instance_id: 100, inputs.new_instance: 0} if inputs.current else {}
        shift = (steps.traffic_shift(name, weights, "Give all traffic back to the last good release"),)
    # the run may have ended while requests were held for the point
    resume = (steps.traffic_resume(inputs.point.services),) if inputs.point.held else ()
    return (
        *shift,
        *resume,
        steps.instance_stop(name, inputs.new_instance, f"the bad {inputs.release.label}"),
    )


def _settle(inputs: DeployInputs) -> tuple[Step, ...]:
    if inputs.current is None:
        return (steps.release_mark(inputs.release, None),)
    name, old = inputs.service.name, inputs.current
    shift: tuple[Step, ...] = ()
    if inputs.service.traffic is not None:
        shift = (steps.traffic_shift(name, {old.instance_id: 100}, "Take the candidate off the proxy"),)
    mark = () if old.release.id == inputs.release.id else (steps.release_mark(inputs.release, None),)
    return (
        *shift,
        *mark,
        steps.service_switch(old.release, old.instance_id, rolled_back=True),
        steps.serving_check(name, old.instance_id),
        # a recovery after this must know the new point, and the bad release as bad
        steps.capsule_keep(
            inputs.point.point_id,
            f"{inputs.point.point_id}.back",
            inputs.point.vaults,
            if_reachable=True,
        ),
    )

"""Go along a plan; when a step does not end well, take the way back that was prepared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lastgood.domain.plan import Plan, Step
from lastgood.domain.run import RunState, StepEnd, StepResult

DoStep = Callable[[str, Step], StepResult]


@dataclass(frozen=True, slots=True)
class Walked:
    """`decisive` is the path of the step whose end decided the state ("" when all went well)."""

    state: RunState
    says: str
    mend: str = ""
    way_back: str = ""
    decisive: str = ""


_AFTER_WAY_BACK = {
    StepEnd.BAD: RunState.ROLLED_BACK,
    StepEnd.UNDECIDED: RunState.UNDECIDED,
    StepEnd.FAILED: RunState.UNDONE,
    StepEnd.STOPPED: RunState.CANCELLED,
}


def walk(plan: Plan, do_step: DoStep) -> Walked:
    """Deterministic in the results of `do_step`: the same results lead along the same steps."""
    remarks: list[str] = []
    for index, step in enumerate(plan.steps):
        result = do_step(str(index), step)
        remarks += result.remarks
        if result.end is StepEnd.DONE:
            continue
        if plan.commits_at is not None and index >= plan.commits_at:
            says = f"{plan.title}: done, but tidying up failed: {result.says}"
            return Walked(RunState.FAILED, says, result.mend, "", str(index))
        return _go_back(plan, str(index), result, do_step)
    said = " ".join((f"{plan.title}.", *dict.fromkeys(remarks))) if remarks else plan.title
    return Walked(RunState.SUCCEEDED, said)


def _go_back(plan: Plan, path: str, result: StepResult, do_step: DoStep) -> Walked:
    if result.end is StepEnd.PAUSED:
        return Walked(RunState.PAUSED, result.says, _how_to_take_back(plan), "", path)
    chosen = result.way_back if result.way_back in plan.ways_back else next(iter(plan.ways_back), "")
    if not chosen:
        state = RunState.CANCELLED if result.end is StepEnd.STOPPED else RunState.FAILED
        return Walked(state, result.says, result.mend, "", path)
    broken = _go_along(plan.ways_back[chosen], f"{chosen}.", do_step)
    if broken is None:
        return Walked(_AFTER_WAY_BACK[result.end], result.says, result.mend, chosen, path)
    says = f"{result.says} The way back failed too: {broken.says}"
    return Walked(RunState.FAILED, says, broken.mend, chosen, path)


def _how_to_take_back(plan: Plan) -> str:
    services = [name.partition(":")[2] for name in plan.subjects if name.startswith("service:")]
    if len(services) < 2:
        return "Run `lastgood rollback` to take it back."
    each = ", ".join(f"`lastgood rollback --service {name}`" for name in reversed(services))
    return f"Run {each} to take them back."


def _go_along(plan: Plan, prefix: str, do_step: DoStep) -> StepResult | None:
    """None when every step ended well; else the result that did not, after that plan's own way back (a hold
    must end even when the switch that it covered failed)."""
    for index, step in enumerate(plan.steps):
        result = do_step(f"{prefix}{index}", step)
        if result.end is not StepEnd.DONE:
            for name, back in list(plan.ways_back.items())[:1]:
                _go_along(back, f"{prefix}{name}.", do_step)
            return result
    return None

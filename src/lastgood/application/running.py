"""Carry plans out as durable runs, and bring interrupted runs to their end."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import Busy, DiskFull, Refused
from lastgood.domain.event import RunFinished, RunStarted
from lastgood.domain.plan import Plan, Step
from lastgood.domain.run import Run, RunState, RunSummary, StepEnd, StepRecord, StepResult
from lastgood.execution.dispatch import do_step
from lastgood.execution.handler import Job
from lastgood.execution.steps import target_prove
from lastgood.execution.walk import Walked, walk
from lastgood.execution.workplace import Progress, Workplace
from lastgood.ports.engine import RecordedStep, Walk

_SCRAPS = ("copy-*", "artifact-*", "capsule")  # in a run's folder; a step that was killed leaves them


def new_run_id(workplace: Workplace, kind: str) -> str:
    """Sorts by time and can be read aloud: deploy-20261124-101500-3fa9."""
    return f"{kind}-{workplace.clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def carry_out(workplace: Workplace, run_id: str, subjects: Sequence[str], make: Callable[[], Plan]) -> Run:
    """Hold the leases, make the plan as things are now, walk it to its end. Raises Busy, and what `make`
    raises; what happens in the run itself is in the Run. A plan that needs approval is only recorded."""
    finish_interrupted(workplace, subjects)
    with workplace.leases.hold(subjects, run_id):
        plan = make()
        waiting = bool(plan.needs_approval)
        workplace.runs.create(run_id, plan, workplace.engine, workplace.clock.now(), waiting)
        workplace.checkpoint("run:created")
        if waiting:
            return workplace.runs.load(run_id)
        return _walk_to_the_end(workplace, run_id)


def go_on(workplace: Workplace, run_id: str) -> Run:
    """Bring an interrupted (or approved) run to its end."""
    run = workplace.runs.load(run_id)
    if run.state is RunState.WAITING:
        raise Refused(
            f"Run {run_id} waits for an approval: {run.plan.needs_approval}",
            "Nothing of it was done.",
            f"Run `lastgood approve {run_id}`, or `lastgood cancel {run_id}`.",
        )
    if run.state not in (RunState.INTERRUPTED, RunState.RUNNING):
        return run
    with workplace.leases.hold(run.plan.subjects, run_id):
        return _walk_to_the_end(workplace, run_id)


def interrupted(workplace: Workplace, subjects: Sequence[str] = ()) -> tuple[RunSummary, ...]:
    """Runs whose process is gone, oldest first; with `subjects`, those that hold one of them."""
    wanted = set(subjects)
    return tuple(
        run
        for run in reversed(workplace.runs.summaries(only_unfinished=True))
        if run.state is RunState.INTERRUPTED and (not wanted or wanted & set(run.subjects))
    )


def finish_interrupted(workplace: Workplace, subjects: Sequence[str] = ()) -> tuple[Run, ...]:
    """Before something new is done to a service or store, what was begun there is brought to its end."""
    finished = []
    for run in interrupted(workplace, subjects):
        # another process may have taken it up in between: then it is in good hands
        with contextlib.suppress(Busy):
            finished.append(go_on(workplace, run.id))
    return tuple(finished)


def _walk_to_the_end(workplace: Workplace, run_id: str) -> Run:
    runs = workplace.runs
    with runs.lock(run_id):
        run = runs.load(run_id)
        plan = run.plan
        workplace.records.record(RunStarted(run_id, plan.kind, plan.title), f"{run_id}/started")

        def along(recorded: RecordedStep) -> str:
            return dumps(walk(plan, lambda path, step: _step(workplace, run, recorded, path, step)))

        walked = loads(Walked, _executed(workplace, run, along))
        workplace.checkpoint("run:walked")
        # before the outcome is written: after it nobody takes the run up again
        tidy(workplace, run)
        now = workplace.clock.now()
        seconds = (now - run.created_at).total_seconds()
        event = RunFinished(run_id, walked.state, walked.says, seconds, walked.way_back)
        workplace.records.record(event, f"{run_id}/finished")
        workplace.checkpoint("run:told")
        runs.finish(run_id, walked.state, walked.says, walked.way_back, walked.mend, now)
    workplace.checkpoint("run:finished")
    # what was decided on a lock that is released by now: the state is the walk's, not a fresh guess
    return replace(runs.load(run_id), state=walked.state)


def _executed(workplace: Workplace, run: Run, along: Walk) -> str:
    """A full disk that stops the engine's records gets the reserve, once: a run must not stand still while it
    holds requests."""
    engine, folder = workplace.engines(run.engine), workplace.runs.folder(run.id)
    try:
        return engine.execute(run.id, folder, along)
    except DiskFull:
        if not workplace.reserve.give():
            raise
        return engine.execute(run.id, folder, along)


def _step(workplace: Workplace, run: Run, recorded: RecordedStep, path: str, step: Step) -> StepResult:
    runs, run_id = workplace.runs, run.id
    part, index = run.plan.part_of(path)
    begun = Progress(
        run_id,
        path,
        step,
        title=part.title,
        number=index + 1,
        of=len(part.steps),
        left_seconds=part.left_from(index).total_seconds(),
    )

    done_now = False

    def body() -> str:
        nonlocal done_now
        done_now = True
        workplace.progress(begun)
        stoppable = _stoppable(run.plan, path)
        job = Job(
            workplace,
            run_id,
            path,
            step,
            runs.folder(run_id),
            (lambda: runs.stop_requested(run_id)) if stoppable else (lambda: False),
            (lambda: runs.words(run_id)) if stoppable else tuple,
        )
        return dumps(do_step(job))

    result = loads(StepResult, recorded(path, body))
    runs.record_step(run_id, StepRecord(path, step.kind, step.does, result))
    seconds = (result.finished_at - result.started_at).total_seconds()
    if done_now:  # else it was recorded before the run was interrupted, and shown then
        workplace.progress(replace(begun, says=result.says, end=result.end, seconds=seconds))
    workplace.checkpoint(f"{path}:recorded")
    return result


def _stoppable(plan: Plan, path: str) -> bool:
    """Not on a way back, and not past the point from which there is none: it would stay half done."""
    return "." not in path and (plan.commits_at is None or int(path) < plan.commits_at)


def tidy(workplace: Workplace, run: Run) -> None:
    """Remove what only this run needed: copies aside, a proof that was cut short. What was replaced stays."""
    for step in run.plan.steps:
        if step.kind == target_prove.HANDLER.kind:
            target_prove.leave_nothing(workplace, workplace.runs.folder(run.id), step)
    for pattern in _SCRAPS:
        for left in workplace.runs.folder(run.id).glob(pattern):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    shutil.rmtree(workplace.system.state / "aside" / run.id, ignore_errors=True)


def needs_person(run: Run) -> bool:
    return run.state in (RunState.FAILED, RunState.PAUSED, RunState.WAITING)


def decisive_step(run: Run) -> StepRecord | None:
    """The step whose end decided the run; None when all went well."""
    return next((record for record in run.steps if record.result.end is not StepEnd.DONE), None)


def cancel_run(workplace: Workplace, run_id: str) -> Run:
    """A waiting run ends; a running one stops after its step; an interrupted one goes back now."""
    run = workplace.runs.load(run_id)
    if run.state is RunState.WAITING:
        workplace.runs.finish(
            run_id, RunState.CANCELLED, "Cancelled before it began.", "", "", workplace.clock.now()
        )
    elif run.state in (RunState.RUNNING, RunState.INTERRUPTED):
        workplace.runs.request_stop(run_id)
        if run.state is RunState.INTERRUPTED:
            return go_on(workplace, run_id)
    return workplace.runs.load(run_id)

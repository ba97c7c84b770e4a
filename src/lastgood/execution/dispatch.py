"""Do one step: look, perform, verify; every ending becomes a StepResult."""

from __future__ import annotations

import errno
from datetime import datetime

from lastgood.domain.errors import DiskFull, LastgoodError
from lastgood.domain.run import StepEnd, StepResult
from lastgood.execution.handler import CANCELLED, Cancelled, Handler, Job
from lastgood.execution.steps import (
    capsule_keep,
    instance_ready,
    instance_start,
    instance_stop,
    invariants_check,
    observe,
    point_record,
    preflight,
    recovery_record,
    release_fetch,
    release_keep,
    release_mark,
    service_switch,
    serving_check,
    store_backup,
    store_copy,
    store_fetch,
    store_put_back,
    store_switch,
    target_prove,
    traffic_close,
    traffic_hold,
    traffic_resume,
    traffic_shift,
    way_back_prove,
)

HANDLERS: dict[str, Handler] = {
    module.HANDLER.kind: module.HANDLER
    for module in (
        capsule_keep,
        instance_ready,
        instance_start,
        instance_stop,
        invariants_check,
        observe,
        point_record,
        preflight,
        recovery_record,
        release_fetch,
        release_keep,
        release_mark,
        service_switch,
        serving_check,
        store_backup,
        store_copy,
        store_fetch,
        store_put_back,
        store_switch,
        target_prove,
        traffic_close,
        traffic_hold,
        traffic_resume,
        traffic_shift,
        way_back_prove,
    )
}


def do_step(job: Job) -> StepResult:
    """Never raises for what a step can meet: errors are results. Cancelling is seen here, between steps."""
    clock = job.workplace.clock
    started = clock.now()
    if job.stop_requested():
        return StepResult(StepEnd.STOPPED, started, clock.now(), CANCELLED)
    job.workplace.checkpoint(f"{job.path}:begin")
    try:
        result = _done(job, started)
    except Cancelled:
        result = StepResult(StepEnd.STOPPED, started, clock.now(), CANCELLED)
    except LastgoodError as error:
        result = _failed(error, started, clock.now())
    except OSError as error:
        result = _failed(_translated(error, job), started, clock.now())
    if result.facts.get("error") == DiskFull.__name__:
        job.workplace.reserve.give()  # what is left to do is to record this and to go back
    job.workplace.checkpoint(f"{job.path}:end")
    return result


def _done(job: Job, started: datetime) -> StepResult:
    handler = HANDLERS[job.step.kind]
    before = handler.already_done(job)
    said = handler.perform(job) if before is None else before
    if said.end is StepEnd.DONE:
        handler.verify(job)
    return StepResult(
        said.end,
        started,
        job.workplace.clock.now(),
        said.says,
        said.figures,
        said.facts,
        said.way_back,
        was_already_done=before is not None,
        remarks=said.remarks,
    )


def _failed(error: LastgoodError, started: datetime, finished: datetime) -> StepResult:
    says = " ".join(part for part in (error.happened, error.means) if part)
    return StepResult(
        StepEnd.FAILED, started, finished, says, facts={"error": type(error).__name__}, mend=error.mend
    )


def _translated(error: OSError, job: Job) -> LastgoodError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk is full: {error.filename or job.workplace.system.state}.",
            "What was there before this step is untouched.",
            "Free some room, then repeat the command.",
        )
    return LastgoodError(
        f"{job.step.kind} met {type(error).__name__}: {error}.",
        "What was there before this step is untouched.",
        "Look at the path or address named here, then repeat the command.",
    )

"""release.mark: record what became of a release."""

from __future__ import annotations

from lastgood.domain.errors import RuntimeFailed
from lastgood.domain.event import ReleaseJudged
from lastgood.domain.release import ReleaseState
from lastgood.domain.run import StepEnd
from lastgood.execution.handler import Handler, Job, Said

_COMING_UP = ("instance.start", "instance.ready")


def perform(job: Job) -> Said:
    """Arguments: release_id, state, reason. State "" is decided by what happened in this run: a failed
    verdict or a start that did not succeed quarantine the release; anything else says nothing of it."""
    records = job.workplace.records
    release_id = job.text("release_id")
    state, reason = ReleaseState(job.text("state") or "candidate"), job.text("reason")
    if not job.text("state"):
        state, reason = _as_it_went(job, release_id)
    job.midway()
    records.record(ReleaseJudged(release_id, state, reason), job.key)
    return Said(f"{release_id} is {'quarantined' if state is ReleaseState.BAD else state.value}: {reason}")


def _as_it_went(job: Job, release_id: str) -> tuple[ReleaseState, str]:
    quarantine = job.workplace.system.triggers.quarantine
    for _, given in reversed(job.workplace.records.history().verdicts):
        if given.run_id == job.run_id and given.release_id == release_id:
            if given.failed_it and quarantine:
                return ReleaseState.BAD, " ".join(given.verdict.reasons)
            break
    for record in job.workplace.runs.load(job.run_id).steps:
        # a full disk or a vault out of reach says nothing against the release
        its_own = record.result.facts.get("error") == RuntimeFailed.__name__
        if record.kind in _COMING_UP and record.result.end is StepEnd.FAILED and its_own and quarantine:
            return ReleaseState.BAD, record.result.says
    return ReleaseState.CANDIDATE, "The run ended before anything could be said of it."


HANDLER = Handler("release.mark", perform)

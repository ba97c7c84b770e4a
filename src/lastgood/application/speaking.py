"""Speak to a run that goes on: agree, promote now, pause, continue. Who said what is in the ledger."""

from __future__ import annotations

from lastgood.application.running import go_on
from lastgood.domain.errors import Refused, UsageError
from lastgood.domain.event import PersonDecided
from lastgood.domain.run import Run, RunState, Word, WordKind
from lastgood.execution.workplace import Workplace

_GOES_ON = (RunState.RUNNING, RunState.INTERRUPTED)


def approve_run(workplace: Workplace, run_id: str, who: str, note: str, promote: bool = False) -> Run:
    """Agree to a run that waits, and carry it out; answer one that asks; or (`promote`) promote the release
    of a running deploy without watching it to the end, which needs a note.

    Raises Refused where it neither waits nor asks."""
    run = workplace.runs.load(run_id)
    if promote:
        return _promote(workplace, run, who, note)
    if run.state in _GOES_ON and run.asks:
        return say(workplace, run_id, WordKind.APPROVE, who, note)
    workplace.runs.approve(run_id, who, note, workplace.clock.now())
    record_decision(workplace, run_id, WordKind.APPROVE.value, who, note)
    return go_on(workplace, run_id)


def _promote(workplace: Workplace, run: Run, who: str, note: str) -> Run:
    if not note:
        raise UsageError(
            "Promoting against the watch needs a reason.",
            "Nothing was changed.",
            f"Write one: `lastgood approve {run.id} --promote --note WHY`.",
        )
    return say(workplace, run.id, WordKind.PROMOTE, who, note)


def say(workplace: Workplace, run_id: str, kind: WordKind, who: str, note: str) -> Run:
    """Raises Refused where nothing goes on that could hear it. An interrupted run hears it when it resumes,
    which is done now unless it is to pause."""
    run = workplace.runs.load(run_id)
    if run.state not in _GOES_ON or run.plan.kind != "deploy":
        raise Refused(
            f"The run {run_id} is no deploy that goes on: {run.plan.kind}, {run.state.value}.",
            "Nothing was changed.",
            f"See `lastgood runs show {run_id}`.",
        )
    workplace.runs.say(run_id, Word(kind, who, note, workplace.clock.now()))
    record_decision(workplace, run_id, kind.value, who, note)
    if run.state is RunState.INTERRUPTED and kind is not WordKind.PAUSE:
        return go_on(workplace, run_id)
    return workplace.runs.load(run_id)


def record_decision(workplace: Workplace, run_id: str, what: str, who: str, note: str) -> None:
    key = f"{run_id}/person/{what}/{workplace.clock.now().isoformat()}"
    workplace.records.record(PersonDecided(run_id, what, who, note), key)

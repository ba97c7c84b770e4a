"""observe: watch a release for one phase and come to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lastgood.deciding.judge import judge
from lastgood.deciding.trigger import Decision, decide
from lastgood.deciding.watched import Arm, Phase, Watched, begin, next_phase, take_in
from lastgood.domain.codec import dumps, loads
from lastgood.domain.event import VerdictGiven
from lastgood.domain.run import StepEnd
from lastgood.domain.signal import Outcome, Verdict
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.stake import at_stake, copy_of_point
from lastgood.execution.steps.way_back_prove import broken_before
from lastgood.ports.runtime import Instance
from lastgood.ports.signal import SignalSource

_PACE = timedelta(milliseconds=50)
_NOTE_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Note:
    """What was watched so far, and for how long in this phase."""

    watched: Watched
    seconds: float


def perform(job: Job) -> Said:
    """Arguments: service, release_id, new, old, point_id, at_least, at_most (seconds), minimum_requests,
    must_be_good.

    The time watched and the counts are noted each second: a watch goes on where it was interrupted.
    """
    workplace = job.workplace
    phase = Phase(
        job.text("new"),
        job.text("old"),
        timedelta(seconds=job.number("at_least")),
        timedelta(seconds=job.number("at_most")),
        int(job.number("minimum_requests")),
        job.flag("must_be_good"),
    )
    detection = workplace.system.detection
    broken = broken_before(job.folder)
    note = job.folder / f"observe-{job.path}.json"
    begun = loads(Note, note.read_text()) if note.exists() else Note(_carried(job), 0.0)
    watched, before = begun.watched, begun.seconds
    sources = _open_sources(job)
    job.midway()
    started = noted = workplace.clock.monotonic()
    try:
        while True:
            now = workplace.clock.monotonic()
            elapsed = timedelta(seconds=before + now - started)
            readings = [reading for source in sources for reading in source.read(workplace.clock.now())]
            watched = take_in(watched, readings, phase, detection, broken, elapsed)
            verdict = judge(watched, phase, detection, elapsed)
            if verdict.outcome is not Outcome.UNDECIDED:
                _write_note(note, watched, elapsed)
                return _decided(job, verdict, elapsed)
            if job.stop_requested():
                return Said("A person cancelled the run.", end=StepEnd.STOPPED)
            if now - noted >= _NOTE_EVERY_SECONDS:
                noted = now
                _write_note(note, watched, elapsed)
                job.say(f"{elapsed.total_seconds():.0f} s: {verdict.reasons[0]}")
            workplace.clock.sleep(_PACE)
    finally:
        for source in sources:
            source.close()


def _open_sources(job: Job) -> tuple[SignalSource, ...]:
    workplace = job.workplace
    service = workplace.system.service(job.text("service"))
    traffic = workplace.traffic_of(service.name)
    instance = workplace.runtime(service.name).find(job.text("new"))
    sources = (
        *((traffic.outcomes(),) if traffic is not None else ()),
        *(workplace.watch_instance(service, instance, _beside(job)) if instance is not None else ()),
        workplace.watch_invariants(workplace.system.consistency.invariants, job.text("new")),
    )
    for source in sources:
        source.open()
    return sources


def _beside(job: Job) -> Instance | None:
    """The last good instance, which runs through the bake time too, when it gets no traffic any more."""
    name, old = job.text("service"), job.text("old")
    if not old:
        current = job.workplace.records.history().current(name)
        old = current.instance_id if current is not None else ""
    if old in ("", job.text("new")):
        return None
    instance = job.workplace.runtime(name).find(old)
    return instance if instance is not None and instance.running else None


def _decided(job: Job, verdict: Verdict, elapsed: timedelta) -> Said:
    workplace = job.workplace
    given_at = workplace.clock.now()
    service = job.text("service")
    history = workplace.records.history()
    decision = decide(
        verdict,
        workplace.system.triggers,
        workplace.system.consistency,
        _rows_at_stake(job) if verdict.data_suspect else 0,
        history.rollbacks_since(service, workplace.clock.now() - timedelta(days=1)),
    )
    workplace.records.record(VerdictGiven(job.run_id, service, job.text("release_id"), verdict), job.key)
    return Said(
        decision.why,
        {**verdict.figures, "seconds": elapsed.total_seconds()},
        {"outcome": verdict.outcome.value, "signal": verdict.signal, "given_at": given_at.isoformat()},
        _end(verdict, decision),
        decision.data.value,
    )


def _end(verdict: Verdict, decision: Decision) -> StepEnd:
    match decision.action:
        case "promote":
            return StepEnd.DONE
        case "pause":
            return StepEnd.PAUSED
        case _:
            return StepEnd.BAD if verdict.outcome is Outcome.FAILED else StepEnd.UNDECIDED


def _rows_at_stake(job: Job) -> int:
    """What a rewind to this deploy's point would take back."""
    if not job.text("point_id"):
        return 0
    point = job.workplace.records.history().point(job.text("point_id"))
    return sum(
        at_stake(job.workplace, backup, copy_of_point(job.folder, point.id, backup.store)).total
        for backup in {backup.store: backup for backup in point.backups}.values()
    )


def _carried(job: Job) -> Watched:
    """What the phase before this one saw of the same instances; else what the ledger knows of the old one."""
    notes = {int(note.stem.rpartition("-")[2]): note for note in job.folder.glob("observe-*.json")}
    earlier = [index for index in notes if index < int(job.path)]
    if earlier:
        return next_phase(loads(Note, notes[max(earlier)].read_text()).watched)
    return begin(job.workplace.system.detection, _known_of_the_old_one(job))


def _known_of_the_old_one(job: Job) -> Arm | None:
    """The requests that the release which the service is on answered while it was watched itself."""
    history = job.workplace.records.history()
    current = history.current(job.text("service"))
    for _, given in reversed(history.verdicts):
        if current is not None and given.release_id == current.release_id and given.run_id != job.run_id:
            figures = given.verdict.figures
            return Arm(*(int(figures.get(name, 0)) for name in ("requests", "errors", "slow")))
    return None


def _write_note(note: Path, watched: Watched, elapsed: timedelta) -> None:
    aside = note.with_suffix(".aside")
    aside.write_text(dumps(Note(watched, elapsed.total_seconds())))
    aside.replace(note)


HANDLER = Handler("observe", perform)

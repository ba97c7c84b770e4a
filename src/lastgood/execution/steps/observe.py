"""observe: watch a release for one phase, or several that are released together, and come to a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from lastgood.deciding.judge import judge, too_few_come
from lastgood.deciding.overriding import override
from lastgood.deciding.trigger import Decision, decide
from lastgood.deciding.watched import Watched, take_in
from lastgood.deciding.words import answer, paused_by, promoted_by
from lastgood.domain.event import VerdictGiven
from lastgood.domain.policy import DataPolicy, Detection
from lastgood.domain.run import StepEnd, Word
from lastgood.domain.signal import Outcome, Verdict
from lastgood.execution.handler import CANCELLED, Handler, Job, Said
from lastgood.execution.steps.way_back_prove import broken_before
from lastgood.execution.watch import Note, Watch, begun, opened, rows_at_stake, watches_of, write_note

_PACE = timedelta(milliseconds=50)
_NOTE_EVERY_SECONDS = 1.0
_RATE_KNOWN_AFTER = timedelta(seconds=3)

Verdicts = Sequence[tuple[Watch, Verdict]]


def perform(job: Job) -> Said:
    """Arguments: service, release_id, new, old, point_id, at_least, at_most (seconds), minimum_requests,
    must_be_good, promotes; or `watches`, a list of these.

    The time watched and the counts are noted each second: a watch goes on where it was interrupted.
    """
    watches = watches_of(job)
    detection = _shared(job.workplace.system.detection, len(watches))
    note = begun(job, watches, detection)
    watches = tuple(opened(watch) for watch in watches)
    job.midway()
    try:
        return _until_decided(job, watches, note, detection)
    finally:
        for watch in watches:
            for source in watch.sources:
                source.close()


def _shared(detection: Detection, parts: int) -> Detection:
    """One bad release takes all back: together they may raise no more false alarms than one."""
    return detection if parts == 1 else replace(detection, false_alarm=detection.false_alarm / parts)


def _until_decided(job: Job, watches: Sequence[Watch], note: Note, detection: Detection) -> Said:
    clock = job.workplace.clock
    broken = broken_before(job.folder)
    last, noted = clock.monotonic(), clock.monotonic()
    while True:
        now, words = clock.monotonic(), job.words()
        passed, last = now - last, now
        paused = passed if paused_by(words) else 0.0
        note = replace(note, seconds=note.seconds + passed, paused_seconds=note.paused_seconds + paused)
        for watch in watches:
            readings = [reading for source in watch.sources for reading in source.read(clock.now())]
            seen = note.watched[watch.service]
            seen = take_in(seen, readings, watch.phase, detection, broken, note.elapsed)
            note = note.seen(watch.service, seen)
            _want_written(watch, seen, detection, note.counted)
        verdicts = [
            (watch, judge(note.watched[watch.service], watch.phase, detection, note.counted))
            for watch in watches
        ]
        given_at = clock.now()
        decided = _decided(job, note, verdicts, detection, words)
        if isinstance(decided, Said):
            write_note(job, note)
            if note.asked:
                job.workplace.runs.ask(job.run_id, "")
            return replace(decided, facts={**decided.facts, "given_at": given_at.isoformat()})
        if decided is not note or now - noted >= _NOTE_EVERY_SECONDS:
            noted = now
            note = decided
            write_note(job, note)
            held = "paused, " if paused_by(words) else ""
            job.say(f"{note.seconds:.0f} s: {held}{_reasons(verdicts)}")
        clock.sleep(_PACE)


def _want_written(watch: Watch, seen: Watched, detection: Detection, elapsed: timedelta) -> None:
    """Not before there was time to see at which rate real requests come."""
    early = elapsed < min(watch.phase.at_least, _RATE_KNOWN_AFTER)
    if early or not too_few_come(seen, watch.phase, detection, elapsed):
        watch.too_few.clear()
    else:
        watch.too_few.set()


def _decided(
    job: Job, note: Note, verdicts: Verdicts, detection: Detection, words: Sequence[Word]
) -> Note | Said:
    """How the phase ends, or the note with which it goes on."""
    word = promoted_by(words)
    if word is not None:
        return _promoted_by_a_person(note, verdicts, word)
    for watch, verdict in verdicts:
        if verdict.outcome is Outcome.FAILED:
            return _failed(job, note, watch, verdict, verdicts, detection, words)
    if job.stop_requested():
        return Said(CANCELLED, end=StepEnd.STOPPED)
    if paused_by(words) or any(verdict.outcome is Outcome.UNDECIDED for _, verdict in verdicts):
        return note
    return _concluded(job, note, verdicts, words)


def _promoted_by_a_person(note: Note, verdicts: Verdicts, word: Word) -> Said:
    for watch, verdict in verdicts:
        _record(watch, verdict, "override" if verdict.outcome is Outcome.FAILED else "promote")
    said = f"Promoted before its watch had ended, by {word.by()}."
    return _ended(note, verdicts, StepEnd.DONE, f"{said} {_reasons(verdicts)}", (said,))


def _failed(
    job: Job,
    note: Note,
    watch: Watch,
    verdict: Verdict,
    verdicts: Verdicts,
    detection: Detection,
    words: Sequence[Word],
) -> Note | Said:
    decision = _decision(watch, verdict)
    if decision.action == "notify":
        return _gone_on(
            job, note, watch, verdict, detection, "notify", f"Would have rolled back: {decision.why}"
        )
    if decision.action == "ask":
        return _asking(job, note, watch, verdict, decision, verdicts, detection, words)
    _record_failed(verdicts, decision.action)
    end = StepEnd.PAUSED if decision.action == "pause" else StepEnd.BAD
    return _ended(note, verdicts, end, _named(watch, verdicts, decision.why), data=decision.data)


def _asking(
    job: Job,
    note: Note,
    watch: Watch,
    verdict: Verdict,
    decision: Decision,
    verdicts: Verdicts,
    detection: Detection,
    words: Sequence[Word],
) -> Note | Said:
    """Everything stays at its share until a person answers, or `ask_for` has passed."""
    limit = job.workplace.system.triggers.ask_for.total_seconds()
    why = _named(watch, verdicts, decision.why)
    if note.asked != "failed":
        return _ask(job, note, "failed", words, f"{why} Without an answer it is rolled back in {limit:g} s.")
    word = answer(words, note.asked_after)
    if word is not None:
        said = f"The verdict was overridden by {word.by()}. It was: {why}"
        return _gone_on(job, note, watch, verdict, detection, "override", said)
    stopped = job.stop_requested()
    if not stopped and note.seconds - note.asked_at < limit:
        return note
    answered = "A person said to go back." if stopped else f"Nobody answered within {limit:g} s."
    _record_failed(verdicts, "roll back")
    return _ended(note, verdicts, StepEnd.BAD, f"{why} {answered}", data=decision.data)


def _ask(job: Job, note: Note, what: str, words: Sequence[Word], question: str) -> Note:
    job.workplace.runs.ask(job.run_id, question)
    job.tell(f"{question} Go on: `lastgood approve {job.run_id}`. Go back: `lastgood cancel {job.run_id}`.")
    return replace(note, asked=what, asked_at=note.seconds, asked_after=len(words))


def _gone_on(
    job: Job, note: Note, watch: Watch, verdict: Verdict, detection: Detection, action: str, said: str
) -> Note:
    """The phase goes on, and what failed the release fails it no more."""
    before = note.watched[watch.service]
    _record(watch, verdict, action, f"/{len(before.overridden)}")
    job.workplace.runs.ask(job.run_id, "")
    job.tell(said)
    note = note.seen(watch.service, override(before, detection))
    return replace(note, asked="", remarks=(*note.remarks, said))


def _concluded(job: Job, note: Note, verdicts: Verdicts, words: Sequence[Word]) -> Note | Said:
    """Each is healthy, or there was too little to say so. One that went on by a person's word stays."""
    thin = [
        (watch, verdict)
        for watch, verdict in verdicts
        if verdict.outcome is Outcome.INSUFFICIENT and not note.watched[watch.service].overridden
    ]
    watch, verdict = thin[0] if thin else verdicts[0]
    decision = _decision(watch, verdict if thin else replace(verdict, outcome=Outcome.HEALTHY))
    remarks: tuple[str, ...] = ()
    if decision.action == "ask to promote":
        limit = job.workplace.system.triggers.approve_within.total_seconds()
        if note.asked != "promote":
            question = f"{_reasons(verdicts)} Promote it? Without an answer within {limit:g} s it leaves."
            return _ask(job, note, "promote", words, question)
        word = answer(words, note.asked_after)
        if word is None and note.seconds - note.asked_at < limit:
            return note
        if word is None:
            _record_all(verdicts, "roll back")
            return _ended(
                note, verdicts, StepEnd.UNDECIDED, f"Nobody agreed to promote it within {limit:g} s."
            )
        remarks = (f"Promotion approved by {word.by()}.",)
    if decision.action == "roll back":
        _record_all(verdicts, decision.action)
        return _ended(note, verdicts, StepEnd.UNDECIDED, _named(watch, verdicts, decision.why))
    if decision.action == "notify":
        remarks = (f"Would have taken it back: {_named(watch, verdicts, decision.why)}",)
    _record_all(verdicts, decision.action if decision.action == "notify" else "promote")
    return _ended(note, verdicts, StepEnd.DONE, " ".join((_reasons(verdicts), *remarks)), remarks)


def _decision(watch: Watch, verdict: Verdict) -> Decision:
    workplace = watch.job.workplace
    since = workplace.clock.now() - timedelta(days=1)
    return decide(
        verdict,
        workplace.system.triggers,
        workplace.system.consistency,
        rows_at_stake(watch) if verdict.data_suspect else 0,
        workplace.records.history().rollbacks_since(watch.service, since),
        watch.job.flag("promotes"),
    )


def _ended(
    note: Note,
    verdicts: Verdicts,
    end: StepEnd,
    says: str,
    remarks: tuple[str, ...] = (),
    data: DataPolicy = DataPolicy.KEEP,
) -> Said:
    watch, verdict = _worst(verdicts)
    figures: Mapping[str, float] = {**verdict.figures, "seconds": note.seconds}
    facts = {"outcome": verdict.outcome.value, "signal": verdict.signal}
    if len(verdicts) > 1:
        facts["service"] = watch.service
    return Said(says, figures, facts, end, data.value, (*note.remarks, *remarks))


def _worst(verdicts: Verdicts) -> tuple[Watch, Verdict]:
    order = (Outcome.FAILED, Outcome.INSUFFICIENT, Outcome.UNDECIDED, Outcome.HEALTHY)
    return min(verdicts, key=lambda given: order.index(given[1].outcome))


def _reasons(verdicts: Verdicts) -> str:
    return " ".join(_named(watch, verdicts, " ".join(verdict.reasons)) for watch, verdict in verdicts)


def _named(watch: Watch, verdicts: Verdicts, said: str) -> str:
    return f"{watch.service}: {said}" if len(verdicts) > 1 else said


def _record_failed(verdicts: Verdicts, action: str) -> None:
    """Whoever goes back with a bad one, and is not bad, is not judged."""
    _record_all([given for given in verdicts if given[1].outcome is Outcome.FAILED], action)


def _record_all(verdicts: Verdicts, action: str) -> None:
    for watch, verdict in verdicts:
        _record(watch, verdict, action)


def _record(watch: Watch, verdict: Verdict, action: str, more: str = "") -> None:
    given = VerdictGiven(watch.job.run_id, watch.service, watch.release_id, verdict, action)
    watch.job.workplace.records.record(given, f"{watch.key}{more}")


HANDLER = Handler("observe", perform)

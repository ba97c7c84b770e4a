"""Overriding a verdict: what was known goes unpunished in this deploy, a new kind of harm does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lastgood.deciding.judge import judge
from lastgood.deciding.overriding import override
from lastgood.deciding.questions import TICK
from lastgood.deciding.watched import Phase, Watched, begin, next_phase, take_in
from lastgood.deciding.words import answer, paused_by, promoted_by
from lastgood.domain.codec import dumps, loads
from lastgood.domain.policy import Detection
from lastgood.domain.run import Word, WordKind
from lastgood.domain.signal import Outcome, Reading

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DETECTION = Detection()
PHASE = Phase("new", "old", timedelta(seconds=2), timedelta(minutes=2), 50, must_be_good=True)


def bad_requests(state: Watched, ticks: int = 40) -> tuple[Watched, timedelta]:
    elapsed = timedelta(0)
    for _ in range(ticks):
        elapsed += TICK
        readings = [
            Reading("requests", "outcomes", name, NOW, 20, bad) for name, bad in (("new", 10), ("old", 0))
        ]
        state = take_in(state, readings, PHASE, DETECTION, frozenset(), elapsed)
    return state, elapsed


def probe(count: int = 3) -> list[Reading]:
    return [Reading("health", "probe", "new", NOW, 1, 1, "503")] * count


def exits() -> list[Reading]:
    return [Reading("exit", "exit", "new", NOW, 1, 1, "exit code 3")]


def see(state: Watched, readings: list[Reading]) -> Watched:
    return take_in(state, readings, PHASE, DETECTION, frozenset(), timedelta(0))


def outcome(state: Watched, elapsed: timedelta = timedelta(0)) -> Outcome:
    return judge(state, PHASE, DETECTION, elapsed).outcome


def test_overridden_evidence_lets_the_phase_end_well() -> None:
    """Though the release is never shown to be good, and in the next phase too."""
    state, elapsed = bad_requests(begin(DETECTION))
    assert outcome(state, elapsed) is Outcome.FAILED
    overridden = override(state, DETECTION)
    assert outcome(overridden, elapsed) is Outcome.HEALTHY
    again, elapsed = bad_requests(next_phase(overridden))
    assert outcome(again, elapsed) is Outcome.HEALTHY
    assert loads(Watched, dumps(overridden)) == overridden


def test_a_probe_that_fails_on_is_no_new_fact_but_a_crash_is() -> None:
    state = see(begin(DETECTION), probe())
    assert outcome(state) is Outcome.FAILED
    state = override(state, DETECTION)
    assert outcome(see(state, probe(5))) is Outcome.UNDECIDED
    crashed = see(state, exits())
    assert outcome(crashed) is Outcome.FAILED
    assert "ended by itself" in judge(crashed, PHASE, DETECTION, timedelta(0)).reasons[0]
    assert not any("probe" in reason for reason in judge(crashed, PHASE, DETECTION, timedelta(0)).reasons)


def test_who_accepts_a_crash_has_not_accepted_errors() -> None:
    state = override(see(begin(DETECTION), exits()), DETECTION)
    worse, elapsed = bad_requests(state)
    assert outcome(worse, elapsed) is Outcome.FAILED


def said(*kinds: WordKind) -> list[Word]:
    return [Word(kind, "ann", "", NOW) for kind in kinds]


def test_the_last_of_pause_and_continue_holds() -> None:
    pause, go_on, approve = WordKind.PAUSE, WordKind.CONTINUE, WordKind.APPROVE
    assert paused_by(said(pause)) is not None
    assert paused_by(said(pause, go_on)) is None
    assert paused_by(said(pause, go_on, pause, approve)) is not None
    assert paused_by(()) is None


def test_an_earlier_answer_is_none_to_a_later_question() -> None:
    approve = said(WordKind.APPROVE)
    assert answer(approve, 0) == approve[0]
    assert answer(approve, 1) is None
    assert answer([*approve, *said(WordKind.PAUSE)], 1) is None


def test_who_spoke_is_told_with_the_reason() -> None:
    word = promoted_by([*said(WordKind.PAUSE), replace(said(WordKind.PROMOTE)[0], note="a hot fix")])
    assert word is not None
    assert word.by() == "ann: a hot fix"

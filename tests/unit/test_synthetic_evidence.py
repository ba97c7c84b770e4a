"""Written requests as evidence: a signal of its own that decides only where real requests are too few."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lastgood.deciding.judge import judge, too_few_come
from lastgood.deciding.questions import TICK, Arm
from lastgood.deciding.watched import Phase, Watched, begin, next_phase, take_in
from lastgood.documents.synthetic import SyntheticEntry, WrittenRequestEntry
from lastgood.domain.codec import dumps, loads
from lastgood.domain.policy import Detection
from lastgood.domain.signal import Outcome, Reading, Verdict
from lastgood.domain.watching import SYNTHETIC, Synthetic, WrittenRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DETECTION = Detection(synthetic=Synthetic((WrittenRequest("GET", "/"),)))
PHASE = Phase("new", "old", timedelta(seconds=2), timedelta(minutes=5), 50, must_be_good=True)
BAKE = Phase("new", "", timedelta(seconds=2), timedelta(minutes=5), 1, warm="old")


def watch(
    new: int, old: int, real: int = 0, phase: Phase = PHASE, state: Watched | None = None, ticks: int = 800
) -> tuple[Watched, Verdict, timedelta]:
    """Two written requests a tick to each, of which so many of ten fail; `real` ones of the new release a
    tick, until the verdict."""
    state, elapsed = state or begin(DETECTION), timedelta(0)
    for number in range(ticks):
        elapsed += TICK
        readings = [
            Reading(SYNTHETIC, "errors", name, NOW, 2, 2 * int(number % 10 < bad))
            for name, bad in (("new", new), ("old", old))
        ]
        if real:
            readings += [Reading("requests", "outcomes", name, NOW, real, 0) for name in ("new", "old")]
        state = take_in(state, readings, phase, DETECTION, frozenset(), elapsed)
        verdict = judge(state, phase, DETECTION, elapsed)
        if verdict.outcome is not Outcome.UNDECIDED:
            return state, verdict, elapsed
    return state, verdict, elapsed


def test_without_real_requests_written_ones_show_it_to_be_good() -> None:
    """And nothing of them is counted as a real request."""
    state, verdict, _ = watch(0, 0)
    assert verdict.outcome is Outcome.HEALTHY
    assert "written requests to it, 0 errors" in verdict.reasons[0]
    assert (state.new, state.old) == (Arm(), Arm())
    assert loads(Watched, dumps(state)) == state


def test_written_requests_that_fail_roll_back_without_any_real_one() -> None:
    state, verdict, elapsed = watch(10, 0)
    assert (verdict.outcome, verdict.signal) == (Outcome.FAILED, SYNTHETIC)
    assert "synthetic: 100.0 % bad ones, 0.0 % beside it" in verdict.reasons[0]
    assert state.counted[SYNTHETIC].seen.nc >= DETECTION.minimum_requests
    assert elapsed < timedelta(seconds=60)


def test_requests_that_were_written_wrong_fail_on_both_and_tell_nothing() -> None:
    """Neither good nor bad: a wrong path is no fault of the release."""
    _, verdict, _ = watch(10, 10)
    assert verdict.outcome is Outcome.UNDECIDED
    assert "the old release fails the written requests too" in verdict.reasons[-1]


def test_in_the_bake_the_warm_old_one_is_what_they_are_compared_with() -> None:
    """The old release answers one in ten badly too: no reason to roll back."""
    _, verdict, _ = watch(1, 1, phase=BAKE)
    assert verdict.outcome is not Outcome.FAILED
    _, verdict, _ = watch(10, 1, phase=BAKE)
    assert verdict.outcome is Outcome.FAILED


def test_what_was_shown_before_the_bake_holds_in_it() -> None:
    state, _, _ = watch(0, 0)
    _, verdict, elapsed = watch(0, 0, phase=BAKE, state=next_phase(state))
    assert (verdict.outcome, elapsed) == (Outcome.HEALTHY, BAKE.at_least)


def test_where_enough_real_requests_come_they_decide_alone() -> None:
    """Written ones are not wanted then, and do not end the phase before the real ones have."""
    state, verdict, elapsed = watch(0, 0, real=20)
    assert verdict.outcome is Outcome.HEALTHY
    assert "good enough (below" in verdict.reasons[0]
    assert not too_few_come(state, PHASE, DETECTION, elapsed)
    assert too_few_come(begin(DETECTION), PHASE, DETECTION, elapsed)


def test_a_real_error_among_few_requests_is_not_outvoted() -> None:
    """Nothing is said of the release then: written requests do not make up for a real one that failed."""
    state, _, elapsed = watch(0, 0)
    failed = [Reading("requests", "outcomes", "new", NOW, 1, 1)]
    state = take_in(state, failed, PHASE, DETECTION, frozenset(), elapsed + TICK)
    assert judge(state, PHASE, DETECTION, elapsed + TICK).outcome is Outcome.UNDECIDED


def test_without_synthetic_nothing_changes() -> None:
    plain = begin(replace(DETECTION, synthetic=None))
    assert SYNTHETIC not in plain.combined.weights
    assert plain.written_good is None


@pytest.mark.parametrize(
    ("request_entry", "says"),
    [
        ({"method": "POST", "path": "/orders"}, "writes: true"),
        ({"method": "DELETE", "path": "/orders/1"}, "writes: true"),
        ({"path": "orders"}, "pattern"),
        ({"path": "/a b"}, "pattern"),
        ({"path": "/", "content_type": "text\r\nX-Evil: 1"}, "pattern"),
        ({"path": "/", "statuses": [99]}, "100"),
    ],
)
def test_a_request_that_writes_must_say_so_and_be_one_line(request_entry: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        WrittenRequestEntry.model_validate(request_entry)


def test_a_request_that_may_write_and_the_defaults() -> None:
    entry = SyntheticEntry.model_validate(
        {"requests": [{"method": "POST", "path": "/orders", "body": "{}", "writes": True}, {"path": "/"}]}
    )
    assert entry.to_domain().requests == (
        WrittenRequest("POST", "/orders", "{}"),
        WrittenRequest("GET", "/"),
    )
    with pytest.raises(ValueError, match="at least 1"):
        SyntheticEntry.model_validate({"requests": []})

"""The judge: bad releases are found by the right signal, healthy ones are left alone, silence is neither."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lastgood.deciding.judge import judge
from lastgood.deciding.questions import TICK, Arm
from lastgood.deciding.watched import Phase, Watched, begin, next_phase, take_in
from lastgood.domain.codec import dumps, loads
from lastgood.domain.policy import Detection
from lastgood.domain.signal import Outcome, Reading, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DETECTION = Detection(slow_after=timedelta(milliseconds=700))
CANARY = Phase("new", "old", timedelta(seconds=2), timedelta(minutes=2), 50, must_be_good=True)
BAKE = Phase("new", "", timedelta(seconds=10), timedelta(minutes=2), 1)

Arms = Callable[[random.Random], tuple[Reading, ...]]


def outcomes(instance: str, total: int, bad: int = 0, latencies: tuple[float, ...] = ()) -> Reading:
    return Reading("requests", "outcomes", instance, NOW, total, bad, latencies_seconds=latencies)


def fact(kind: str, bad: int = 1, instance: str = "new", signal: str = "health") -> Reading:
    return Reading(signal, kind, instance, NOW, 1, bad, "503 from /health")


def arms(
    new_errors: float,
    old_errors: float,
    per_tick: int = 20,
    new_latency: float = 0.03,
    old_latency: float = 0.03,
) -> Arms:
    def draw(chance: random.Random) -> tuple[Reading, ...]:
        return tuple(
            outcomes(
                instance,
                per_tick,
                sum(chance.random() < rate for _ in range(per_tick)),
                tuple(middle * chance.lognormvariate(0, 0.3) for _ in range(per_tick)),
            )
            for instance, rate, middle in (("new", new_errors, new_latency), ("old", old_errors, old_latency))
        )

    return draw


def watch(
    draw: Arms,
    phase: Phase = CANARY,
    detection: Detection = DETECTION,
    seed: int = 1,
    watched: Watched | None = None,
) -> tuple[Watched, Verdict, timedelta]:
    """Until the verdict is no longer open."""
    chance = random.Random(seed)
    state = watched or begin(detection)
    elapsed = timedelta(0)
    while True:
        elapsed += TICK
        state = take_in(state, draw(chance), phase, detection, frozenset(), elapsed)
        verdict = judge(state, phase, detection, elapsed)
        if verdict.outcome is not Outcome.UNDECIDED:
            return state, verdict, elapsed


def test_five_per_cent_of_errors_are_found_and_told_in_plain_words() -> None:
    _, verdict, _ = watch(arms(0.05, 0.0))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.signal == "errors"
    assert "% errors against 0.0 % beside it" in verdict.reasons[0]
    assert "chance of a false alarm below 0.001" in verdict.reasons[0]


def test_an_outage_is_found_within_seconds() -> None:
    _, verdict, elapsed = watch(arms(1.0, 0.0))
    assert verdict.outcome is Outcome.FAILED
    assert elapsed <= timedelta(seconds=4)


def test_slow_answers_are_found_though_none_is_an_error() -> None:
    _, verdict, _ = watch(arms(0, 0, new_latency=1.5))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.signal in ("slow", "latency")


def test_a_release_that_is_slower_but_under_the_limit_is_found_by_its_latencies() -> None:
    detection = replace(DETECTION, slow_after=None)
    _, verdict, _ = watch(arms(0, 0, new_latency=0.65, old_latency=0.1), detection=detection)
    assert (verdict.outcome, verdict.signal) == (Outcome.FAILED, "latency")
    assert "of the old one's beside it took more than" in verdict.reasons[0]


def test_a_little_slower_is_within_the_margin() -> None:
    _, verdict, _ = watch(arms(0, 0, new_latency=0.3, old_latency=0.1))
    assert verdict.outcome is Outcome.HEALTHY


@pytest.mark.parametrize("rate", [0.0, 0.005, 0.05])
def test_a_healthy_release_is_shown_to_be_good_and_never_rolled_back(rate: float) -> None:
    ends = [watch(arms(rate, rate), seed=seed)[1].outcome for seed in range(30)]
    assert set(ends) == {Outcome.HEALTHY}


def test_traffic_grows_as_soon_as_the_release_is_shown_to_be_good_and_not_before() -> None:
    state, verdict, elapsed = watch(arms(0, 0))
    assert verdict.outcome is Outcome.HEALTHY
    assert 300 <= state.new.total <= 500
    assert elapsed > CANARY.at_least, "two seconds and 160 requests did not suffice"


def test_what_hits_both_releases_says_nothing_of_the_new_one() -> None:
    chance = random.Random(3)
    ends = set()
    for _ in range(20):
        level = chance.choice([0.0, 0.3, 0.9])
        ends.add(watch(arms(level, level), seed=chance.randrange(1000))[1].outcome)
    assert Outcome.FAILED not in ends


def test_no_traffic_is_insufficient_data_and_says_what_is_missing() -> None:
    _, verdict, elapsed = watch(lambda chance: ())
    assert verdict.outcome is Outcome.INSUFFICIENT
    assert elapsed >= CANARY.at_most
    assert "50 requests are wanted here, 0 came" in verdict.reasons[0]


def test_probes_decide_where_the_documents_let_them_and_traffic_is_too_thin() -> None:
    detection = replace(DETECTION, no_traffic="probes")
    _, verdict, elapsed = watch(lambda chance: (fact("probe", bad=0),), detection=detection)
    assert verdict.outcome is Outcome.HEALTHY
    assert elapsed <= CANARY.at_least + TICK
    _, verdict, _ = watch(
        lambda chance: (fact("probe", bad=0), outcomes("new", 1, 1 if chance.random() < 0.1 else 0)),
        detection=detection,
    )
    assert verdict.outcome is not Outcome.HEALTHY, "errors among few requests are not overlooked"


def test_the_bake_compares_with_the_old_release_as_it_was_beside_the_canary() -> None:
    state, _, _ = watch(arms(0.05, 0.05))
    state, verdict, _ = watch(arms(0.05, 0.0), BAKE, watched=next_phase(state))
    assert verdict.outcome is Outcome.HEALTHY
    state, _, _ = watch(arms(0, 0))
    _, verdict, _ = watch(arms(0.2, 0.0), BAKE, watched=next_phase(state))
    assert verdict.outcome is Outcome.FAILED
    assert "before" in verdict.reasons[0]


def test_more_latency_in_the_bake_is_no_verdict() -> None:
    """Alone it answers all requests: that alone makes it slower than it was beside the old one."""
    state, _, _ = watch(arms(0, 0))
    _, verdict, _ = watch(arms(0, 0, new_latency=0.3), BAKE, watched=next_phase(state))
    assert verdict.outcome is Outcome.HEALTHY


@pytest.mark.parametrize(
    ("kind", "signal"),
    [("probe", "health"), ("exit", "process"), ("invariant", "totals"), ("alert", "pager")],
)
def test_facts_fail_a_release_without_any_requests(kind: str, signal: str) -> None:
    _, verdict, elapsed = watch(lambda chance: (fact(kind, signal=signal),))
    assert (verdict.outcome, verdict.signal) == (Outcome.FAILED, "facts")
    assert elapsed <= 3 * TICK
    assert verdict.data_suspect == (kind == "invariant")


def test_an_invariant_that_was_broken_before_says_nothing_of_the_release() -> None:
    state = take_in(
        begin(DETECTION),
        (fact("invariant", signal="totals"),),
        CANARY,
        DETECTION,
        frozenset({"totals"}),
        TICK,
    )
    assert judge(state, CANARY, DETECTION, TICK).outcome is Outcome.UNDECIDED


def test_a_known_history_of_the_old_release_stands_for_it_where_nothing_runs_beside() -> None:
    worn = begin(DETECTION, Arm(2000, 400))
    _, verdict, _ = watch(arms(0.2, 0), BAKE, watched=worn)
    assert verdict.outcome is Outcome.HEALTHY
    _, verdict, _ = watch(arms(0.2, 0), BAKE, watched=begin(DETECTION, Arm(2000, 0)))
    assert verdict.outcome is Outcome.FAILED


def test_a_watch_goes_on_from_its_note_as_if_nothing_had_happened() -> None:
    chance, draw = random.Random(5), arms(0.02, 0.01)
    straight = noted = begin(DETECTION)
    for tick in range(1, 60):
        readings = draw(chance)
        straight = take_in(straight, readings, CANARY, DETECTION, frozenset(), tick * TICK)
        noted = loads(Watched, dumps(take_in(noted, readings, CANARY, DETECTION, frozenset(), tick * TICK)))
    assert noted == straight

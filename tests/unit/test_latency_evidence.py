"""Evidence on latency: fair while the release is no slower, whatever the distributions, sizes and garbage."""

from __future__ import annotations

import math
import random
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import UsageError
from lastgood.evidence.histogram import QUANTILES, cut, tilts
from lastgood.evidence.latency import (
    LatencyEvidence,
    LatencyTest,
    begin,
    design_effect,
    failed,
    take_in,
)

SLACK = 1 + 1e-9
HISTORY_OF_TWO = (1.0, 2.0)  # three bins
IN_BIN = (0.5, 1.5, 2.5)

latencies = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 5e-324, 1e308, None]), st.floats(0.0, 10.0)
)
samples = st.lists(latencies, max_size=8)
ticks = st.lists(st.tuples(samples, samples), max_size=8)
shares = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).filter(lambda weights: sum(weights) > 0.01)


def value(evidence: LatencyEvidence) -> float:
    return math.exp(evidence.capital.log_value)


def slow_watch(concurrent: bool, horizon: int = 10) -> tuple[LatencyTest, list[float]]:
    return LatencyTest(0.001, horizon, concurrent), [0.010 + 0.0001 * step for step in range(1000)]


# --- the null expectation of every factor is at most one --------------------------------------------


@settings(deadline=None, max_examples=60)
@given(shares, shares, st.integers(1, 2), st.integers(1, 2), st.sampled_from([(), (0.5,), (2.5, 2.5, 1.5)]))
def test_beside_the_old_release_one_tick_is_worth_at_most_one_for_any_no_slower_release(
    new: list[float], old: list[float], nc: int, nb: int, past: tuple[float, ...]
) -> None:
    new, old = [share / sum(new) for share in new], [share / sum(old) for share in old]
    slowest = max(0.0, new[2] - old[2]), max(0.0, (new[1] + new[2]) - (old[1] + old[2]))
    if any(slowest):
        new = old
    test = LatencyTest(0.01, 5, concurrent=True)
    start = begin(test, HISTORY_OF_TWO)
    if past:
        start = take_in(test, start, past, past)
    before = start.capital.staked()
    expected = [0.0] * len(before)
    for drawn in product(range(3), repeat=nc + nb):
        chance = math.prod([new[which] for which in drawn[:nc]] + [old[which] for which in drawn[nc:]])
        values = [IN_BIN[which] for which in drawn]
        after = take_in(test, start, values[:nc], values[nc:])
        for bet, (held, had) in enumerate(zip(after.capital.logs, before, strict=True)):
            expected[bet] += chance * math.exp(held - had)
    assert max(expected) <= SLACK


@pytest.mark.parametrize(("old", "new"), [(1, 4), (2, 4), (3, 3), (4, 2)])
@pytest.mark.parametrize("at_once", [True, False])
def test_against_a_history_the_mean_over_all_orders_is_exactly_one(old: int, new: int, at_once: bool) -> None:
    test = LatencyTest(0.01, 1 if at_once else new)
    total = 0.0
    for order in permutations(range(old + new)):
        evidence = begin(test, order[:old])
        for tick in [order[old:]] if at_once else [(one,) for one in order[old:]]:
            evidence = take_in(test, evidence, tick)
        total += value(evidence)
    assert total / math.factorial(old + new) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("old", "new"), [(1, 4), (2, 4), (3, 3)])
@pytest.mark.parametrize("faster", [0.0, 0.3, 0.6, 0.9])
def test_against_a_history_a_faster_release_is_worth_at_most_one(old: int, new: int, faster: float) -> None:
    test = LatencyTest(0.01, new)
    total = 0.0
    for order in permutations(range(1, old + new + 1)):
        evidence = begin(test, order[:old])
        for one in order[old:]:
            evidence = take_in(test, evidence, (one * faster,))
        total += value(evidence)
    assert total / math.factorial(old + new) <= SLACK


def test_samples_that_share_their_fate_are_worth_at_most_one_at_their_design_effect() -> None:
    test = LatencyTest(0.01, 1, concurrent=True, cluster=5.0)
    start = begin(test, HISTORY_OF_TWO)
    total = sum(value(take_in(test, start, [new] * 5, [old] * 5)) for new, old in product(IN_BIN, repeat=2))
    assert total / 9 <= SLACK


# --- what a latency does to the evidence ------------------------------------------------------------


@pytest.mark.parametrize("concurrent", [True, False])
def test_a_slower_sample_never_speaks_less_against_the_release(concurrent: bool) -> None:
    test, history = slow_watch(concurrent)
    start = begin(test, history)
    values = [value(take_in(test, start, [0.05, 0.001 * step], [0.03, 0.06])) for step in range(0, 130, 2)]
    assert values == sorted(values)


@pytest.mark.parametrize("concurrent", [True, False])
@pytest.mark.parametrize(("factor", "fails"), [(2.0, True), (1.0, False), (0.5, False)])
def test_a_release_twice_as_slow_fails_and_an_equal_or_faster_one_does_not(
    concurrent: bool, factor: float, fails: bool
) -> None:
    chance = random.Random(3)
    test, history = slow_watch(concurrent, 100)
    evidence = begin(test, history)
    for _ in range(100):
        new = [factor * chance.choice(history) for _ in range(10)]
        evidence = take_in(test, evidence, new, [chance.choice(history) for _ in range(10)])
    assert failed(test, evidence) is fails


def test_slack_is_how_much_slower_is_no_worse() -> None:
    chance = random.Random(4)
    _, history = slow_watch(False)
    answers = []
    for slack in (0.0, 0.25):
        test = LatencyTest(0.001, 100, slack=slack)
        evidence = begin(test, history)
        for _ in range(50):
            evidence = take_in(test, evidence, [1.2 * chance.choice(history) for _ in range(10)])
        answers.append(failed(test, evidence))
    assert answers == [True, False]


def test_counts_wait_until_both_releases_had_requests() -> None:
    test, history = slow_watch(True)
    apart = begin(test, history)
    for new, old in (([0.2] * 4, []), ([], [0.02] * 5), ([0.2], [0.02])):
        apart = take_in(test, apart, new, old)
    one_arm = take_in(test, begin(test, history), [0.2] * 50, [])
    assert value(one_arm) == pytest.approx(1.0)
    assert (sum(apart.new), sum(apart.old)) == (4 + 1, 5 + 1)
    assert value(apart) > 1.0


def test_without_a_history_the_first_ticks_beside_make_the_bins() -> None:
    chance = random.Random(5)
    test = LatencyTest(0.001, 60, concurrent=True)
    evidence = begin(test)
    for tick in range(60):
        slow = 3.0 if tick > 10 else 1.0
        new, old = ([chance.lognormvariate(0, 0.5) for _ in range(25)] for _ in range(2))
        evidence = take_in(test, evidence, [slow * sample for sample in new], old)
        if tick < 10:
            assert not failed(test, evidence)
    assert evidence.learning == ()
    assert failed(test, evidence)


def test_without_any_old_sample_nothing_is_decided() -> None:
    test = LatencyTest(0.001, 10)
    evidence = begin(test)
    for _ in range(10):
        evidence = take_in(test, evidence, [9.0] * 100)
    assert evidence.histogram is None
    assert value(evidence) == pytest.approx(1.0)


@pytest.mark.parametrize("concurrent", [True, False])
def test_milliseconds_that_tie_are_no_evidence(concurrent: bool) -> None:
    chance = random.Random(6)
    history = [float(chance.choice([12, 12, 13, 14])) for _ in range(3000)]
    test = LatencyTest(0.01, 200, concurrent)
    evidence = begin(test, history)
    for _ in range(200):
        new, old = ([float(chance.choice([12, 12, 13, 14])) for _ in range(20)] for _ in range(2))
        evidence = take_in(test, evidence, new, old)
    assert not failed(test, evidence)


# --- garbage, restarts, memory ----------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(st.booleans(), samples, ticks, st.integers(0, 8))
def test_state_survives_json_at_any_tick_and_nothing_crashes(
    concurrent: bool,
    history: list[float | None],
    stream: list[tuple[list[float | None], list[float | None]]],
    restart: int,
) -> None:
    test = LatencyTest(0.001, 5, concurrent)
    straight = restarted = begin(test, history)
    for tick, (new, old) in enumerate(stream):
        straight = take_in(test, straight, new, old)
        if tick == restart:
            restarted = loads(LatencyEvidence, dumps(restarted))
        restarted = take_in(test, restarted, new, old)
        assert math.isfinite(straight.capital.log_value)
    assert restarted == straight


@pytest.mark.parametrize("concurrent", [True, False])
@pytest.mark.parametrize(
    "garbage",
    [[], [math.nan], [math.inf] * 50, [-1.0] * 50, [None] * 50, [0.0] * 50, [0.0], [0.05] * 50],
    ids=["empty", "nan", "inf", "negative", "none", "zeros", "one", "equal"],
)
def test_garbage_is_never_an_alarm(concurrent: bool, garbage: list[float | None]) -> None:
    test, history = slow_watch(concurrent, 100)
    for past in (history, garbage, [0.05] * 500):
        evidence = begin(test, past)
        for _ in range(100):
            evidence = take_in(test, evidence, garbage, garbage)
        assert not failed(test, evidence)


def test_what_is_no_latency_is_counted() -> None:
    test, history = slow_watch(True)
    evidence = take_in(test, begin(test, [*history, math.nan]), [None, math.nan, 0.1], [-1.0, 0.1])
    assert evidence.ignored == 4


@pytest.mark.parametrize("concurrent", [True, False])
def test_memory_does_not_grow_with_the_watch(concurrent: bool) -> None:
    chance = random.Random(7)
    test, history = slow_watch(concurrent, 50)
    evidence = begin(test, history * 20)
    for _ in range(200):
        evidence = take_in(test, evidence, [chance.random() for _ in range(200)], [chance.random()])
    assert len(dumps(evidence)) < 3000


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0.0}, {"horizon": 0}, {"slack": -0.1}, {"cluster": 0.5}, {"cluster": math.nan}]
)
def test_a_test_that_cannot_be_run_says_which_field_is_wrong(wrong: dict[str, float]) -> None:
    fields = {"alpha": 0.001, "horizon": 10} | wrong
    with pytest.raises(UsageError, match=next(iter(wrong))):
        LatencyTest(**fields)  # type: ignore[arg-type]


# --- bins, tilts, design effect ---------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_gaps_sum_to_one_more_than_the_samples_and_old_samples_fill_them(old: list[float]) -> None:
    histogram = cut(old)
    assert sum(histogram.gaps) == len(old) + 1
    assert len(histogram.gaps) == len(histogram.cuts) + 1 <= len(QUANTILES) + 1
    filled = histogram.counts(old)
    assert [*filled[:-1], filled[-1] + 1] == list(histogram.gaps)


@given(st.lists(st.floats(0, 1e3), min_size=2, max_size=12), st.data())
def test_tilts_never_fall_and_have_mean_one(counts: list[float], data: st.DataObject) -> None:
    if sum(counts) <= 0:
        counts[0] = 1.0
    nominal = data.draw(st.lists(st.integers(1, 100), min_size=len(counts), max_size=len(counts)))
    for row in tilts(tuple(counts), tuple(nominal)):
        assert list(row) == sorted(row)
        assert row[0] > 0
        mean = sum(w * max(c / sum(counts), 1e-12) for w, c in zip(row, counts, strict=True))
        assert mean == pytest.approx(1.0, rel=1e-6)


def test_the_design_effect_is_one_for_independent_samples_and_the_cluster_for_copies() -> None:
    chance = random.Random(8)
    alone = [[chance.random() for _ in range(40)] for _ in range(500)]
    copies = [[one for one in (chance.random() for _ in range(10)) for _ in range(4)] for _ in range(500)]
    assert design_effect(alone) == pytest.approx(1.0, abs=0.25)
    assert design_effect(copies) == pytest.approx(4.0, abs=0.8)
    assert design_effect([]) == design_effect([[1.0], [math.nan, 2.0]]) == 1.0

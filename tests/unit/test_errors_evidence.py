"""Evidence on errors: fair while the release is no worse, whatever the unit, margin and baseline."""

from __future__ import annotations

import math
import random
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.enumerating import chance, outcomes, pasts

from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import UsageError
from lastgood.evidence import ratios, scores
from lastgood.evidence.counts import Counts
from lastgood.evidence.errors import ErrorEvidence, ErrorTest, begin, failed, take_in
from lastgood.evidence.odds import OMEGAS

SLACK = 1 + 1e-9
small = st.integers(1, 6)
rates = st.one_of(st.sampled_from([0.0, 1e-9, 1e-3, 0.5, 1.0]), st.floats(0.0, 1.0))
margins = st.tuples(
    st.sampled_from([1.0, 1.0, 1.1, 1.5, 3.0, 0.7]), st.sampled_from([0.0, 0.0, 1e-3, 0.05, 0.3])
)
below = st.sampled_from([0.0, 0.3, 0.9, 1.0, 1.0, 1.0])  # how near to the edge of the null the new rate lies
tests = st.builds(
    ErrorTest,
    alpha=st.sampled_from([1e-4, 1e-3, 0.05, 0.5]),
    horizon=st.integers(1, 20),
    p0=st.one_of(st.none(), rates),
    history=st.one_of(st.none(), st.just((200, 3))),
    r0=st.sampled_from([1.0, 1.2]),
    d=st.sampled_from([0.0, 0.01]),
    unit=st.sampled_from(["tick", "request"]),
)
ticks = st.lists(
    st.builds(
        lambda nc, nb, xc, xb: Counts(nc, min(nc, xc), nb, min(nb, xb)),
        *[st.sampled_from([0, 0, 1, 3, 100, 10**6])] * 2,
        *[st.sampled_from([0, 0, 1, 2, 100, 10**6])] * 2,
    ),
    max_size=12,
)


def expectations(bets: list[tuple[list[float], float]]) -> list[float]:
    return [sum(p * math.exp(logs[k]) for logs, p in bets) for k in range(len(bets[0][0]))]


@settings(deadline=None)
@given(small, small, rates, below, margins, pasts)
def test_no_bet_against_the_old_release_beside_it_wins_on_average_while_nothing_is_worse(
    nc: int, nb: int, pb: float, near: float, margin: tuple[float, float], seen: Counts
) -> None:
    r0, d = margin
    pc = near * min(1.0, r0 * pb + d)
    for bets in (
        [(scores.against_beside(counts, r0, d), p) for counts, p in outcomes(nc, nb, pc, pb)],
        [(scores.against_beside(counts, r0, d, 3.7), p) for counts, p in outcomes(nc, nb, pc, pb)],
        [(ratios.against_beside(counts, seen, OMEGAS, r0, d), p) for counts, p in outcomes(nc, nb, pc, pb)],
    ):
        assert max(expectations(bets)) <= SLACK


@settings(deadline=None)
@given(st.integers(1, 12), rates, below, margins)
def test_no_bet_against_a_known_rate_wins_on_average_while_nothing_is_worse(
    nc: int, p0: float, near: float, margin: tuple[float, float]
) -> None:
    edge = margin[0] * p0 + margin[1]
    pc = near * min(1.0, edge)
    assume(edge < 1)
    for bets in (
        [(scores.against_rate(Counts(nc, x), edge), chance(nc, x, pc)) for x in range(nc + 1)],
        [(ratios.against_rate(Counts(nc, x), edge, OMEGAS), chance(nc, x, pc)) for x in range(nc + 1)],
    ):
        assert max(expectations(bets)) <= 1 + 2e-8  # a null of 0 is tested as 1e-9


@settings(deadline=None)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=7), st.integers(1, 40), st.integers(1, 40))
def test_bursts_that_fall_on_either_release_by_its_traffic_win_nothing_in_the_tick_unit(
    bursts: list[int], nc: int, nb: int
) -> None:
    share = nc / (nc + nb)
    bets = []
    for falls in product((True, False), repeat=len(bursts)):
        xc = sum(size for size, on_new in zip(bursts, falls, strict=True) if on_new)
        p = math.prod(share if on_new else 1 - share for on_new in falls)
        # the releases answer many requests more than those that fail, so that every fall is possible
        bets.append((scores.against_beside(Counts(nc * 1000, xc, nb * 1000, sum(bursts) - xc)), p))
    assert max(expectations(bets)) <= SLACK


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(1, 3), st.integers(1, 3), rates, pasts)
def test_outage_bets_win_nothing_where_every_request_errs_with_its_whole_burst(
    burst: int, groups_new: int, groups_old: int, rate: float, seen: Counts
) -> None:
    bets = []
    for counts, p in outcomes(groups_new, groups_old, rate, rate):
        grouped = Counts(counts.nc * burst, counts.xc * burst, counts.nb * burst, counts.xb * burst)
        logs = ratios.against_beside(grouped, seen, OMEGAS)
        bets.append(([ratio / burst for ratio in logs], p))
    assert max(expectations(bets)) <= SLACK


@settings(deadline=None, max_examples=40)
@given(tests, st.integers(1, 3), st.integers(0, 2), rates, below)
def test_the_capital_as_a_whole_wins_nothing_over_several_ticks(
    test: ErrorTest, nc: int, nb: int, pb: float, near: float
) -> None:
    if nb == 0:
        known = test.known_rate
        assume(known is not None and 1e-6 < known < 1)
        pb = known or 0.0
    pc = near * min(1.0, test.r0 * pb + test.d)
    total = 0.0
    for path in product(list(outcomes(nc, nb, pc, pb)), repeat=2):
        evidence = begin(test)
        for counts, _ in path:
            evidence = take_in(test, evidence, counts)
        total += math.prod(p for _, p in path) * math.exp(evidence.capital.log_value)
    assert total <= 1 + 1e-6


@pytest.mark.parametrize("p0", [1e-3, 0.02, 0.1, 0.4, 0.9])
@pytest.mark.parametrize("requests", [1, 2, 5])
def test_paying_no_more_than_needed_keeps_the_promise(p0: float, requests: int) -> None:
    """All paths of a watch that ends at 1/alpha, by their probability; the capital never expects above 1."""
    test = ErrorTest(0.05, 4, p0=p0, unit="request")
    states = [(begin(test), 1.0)]
    for _ in range(4):
        following = []
        for evidence, p in states:
            if failed(test, evidence):
                following.append((evidence, p))
                continue
            for x in range(requests + 1):
                grown = take_in(test, evidence, Counts(requests, x))
                following.append((grown, p * chance(requests, x, p0)))
        states = following
        assert sum(p * math.exp(evidence.capital.log_value) for evidence, p in states) <= 1 + 1e-9
    assert sum(p for evidence, p in states if failed(test, evidence)) <= 0.05
    assert max(evidence.capital.log_value for evidence, _ in states) <= math.log(20) + 1e-9


@settings(deadline=None)
@given(tests, ticks, st.integers(0, 12))
def test_writing_evidence_down_at_any_tick_changes_nothing(
    test: ErrorTest, counts: list[Counts], at: int
) -> None:
    through = written = begin(test)
    for number, tick in enumerate(counts):
        if number == at:
            written = loads(ErrorEvidence, dumps(written))
        through, written = take_in(test, through, tick), take_in(test, written, tick)
    assert written == through


@settings(deadline=None)
@given(ticks, st.sampled_from(["tick", "request"]))
def test_a_larger_alpha_is_never_slower(counts: list[Counts], unit: str) -> None:
    def first(alpha: float) -> float:
        test = ErrorTest(alpha, 10, unit=unit)
        evidence = begin(test)
        for number, tick in enumerate(counts):
            evidence = take_in(test, evidence, tick)
            if failed(test, evidence):
                return number
        return math.inf

    assert first(0.05) <= first(1e-3) <= first(1e-9)


@settings(deadline=None)
@given(
    tests,
    st.lists(
        st.builds(
            Counts,
            *[st.sampled_from([math.nan, math.inf, -math.inf, -1, -1e-300, 1e300, 5, 7])] * 4,
        ).filter(lambda counts: not counts.possible),
        max_size=30,
    ),
)
def test_garbage_is_no_evidence(test: ErrorTest, garbage: list[Counts]) -> None:
    evidence = begin(test)
    for counts in garbage:
        evidence = take_in(test, evidence, counts)
    assert evidence.ignored == len(garbage)
    assert evidence.capital.p_value == pytest.approx(1.0)
    assert not failed(test, evidence)


@settings(deadline=None)
@given(tests, ticks)
def test_no_counts_crash_it(test: ErrorTest, counts: list[Counts]) -> None:
    evidence = begin(test)
    for tick in counts:
        evidence = take_in(test, evidence, tick)
        assert math.isfinite(evidence.capital.best)


def burst(chance: random.Random, requests: int, rate: float, mean: float) -> int:
    """Errors of a tick that come in bursts of geometric length."""
    errors = 0
    for _ in range(requests):
        if chance.random() < rate / mean:
            errors += 1
            while chance.random() < 1 - 1 / mean:
                errors += 1
    return min(errors, requests)


@pytest.mark.parametrize("mean", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("nb", [50, 450])
def test_healthy_releases_whose_errors_come_in_bursts_pass_as_often_as_promised(mean: float, nb: int) -> None:
    """200 watches at alpha 5 %: more than 21 failed ones have a chance below 0.1 % if the promise holds."""
    chance = random.Random(f"{mean} {nb}")
    test = ErrorTest(0.05, 60)
    false_alarms = 0
    for _ in range(200):
        evidence = begin(test)
        for _ in range(60):
            xc, xb = burst(chance, 50, 0.02, mean), burst(chance, nb, 0.02, mean)
            evidence = take_in(test, evidence, Counts(50, xc, nb, xb))
        false_alarms += failed(test, evidence)
    assert false_alarms <= 21


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.5, 1.0])
@pytest.mark.parametrize("unit", ["tick", "request"])
@pytest.mark.parametrize("nc", [1, 1_000_000])
def test_equal_releases_pass_at_any_rate_and_any_size_of_tick(rate: float, unit: str, nc: int) -> None:
    test = ErrorTest(1e-3, 300, unit=unit)
    known = ErrorTest(1e-3, 300, p0=rate, unit=unit)
    beside, alone = begin(test), begin(known)
    for number in range(300):
        errors = round(nc * rate) if nc > 1 else int(rate == 1 or (rate == 0.5 and number % 2))
        beside = take_in(test, beside, Counts(nc, errors, nc, errors))
        alone = take_in(known, alone, Counts(nc, errors))
    assert not failed(test, beside)
    assert not failed(known, alone)


@pytest.mark.parametrize("unit", ["tick", "request"])
def test_an_outage_is_found_within_a_few_ticks(unit: str) -> None:
    test = ErrorTest(1e-3, 300, unit=unit)
    evidence = begin(test)
    for _ in range(4):
        evidence = take_in(test, evidence, Counts(100, 50, 900, 4))
    assert failed(test, evidence)


def test_counts_wait_until_both_releases_have_some() -> None:
    test = ErrorTest(1e-3, 300, unit="request")
    apart = begin(test)
    for tick in (Counts(nc=50, xc=20), Counts(nc=50, xc=25), Counts(nb=100, xb=1)):
        assert not failed(test, apart)
        apart = take_in(test, apart, tick)
    assert failed(test, apart)
    assert apart.waiting == Counts()
    assert apart.seen == Counts(100, 45, 100, 1)


def test_a_change_of_the_traffic_share_loses_no_evidence() -> None:
    test = ErrorTest(1e-3, 300)
    evidence = begin(test)
    values = []
    for share in (10, 10, 10, 50, 50, 50):
        evidence = take_in(test, evidence, Counts(share, share // 5, 100 - share, 1))
        values.append(evidence.capital.log_value)
    assert values == sorted(values)


def test_a_short_history_is_believed_less_than_a_long_one() -> None:
    def ticks_to_fail(history: tuple[int, int]) -> int:
        test = ErrorTest(1e-3, 300, history=history)
        evidence = begin(test)
        for number in range(1, 300):
            evidence = take_in(test, evidence, Counts(100, 6))
            if failed(test, evidence):
                return number
        return 300

    assert ticks_to_fail((1_000_000, 10_000)) < ticks_to_fail((2_000, 20)) < 300


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("alpha", 0.0),
        ("alpha", 1.0),
        ("alpha", math.nan),
        ("horizon", 0),
        ("p0", 1.5),
        ("p0", math.nan),
        ("history", (0, 0)),
        ("history", (10, 11)),
        ("r0", 0.0),
        ("r0", math.inf),
        ("d", -0.1),
        ("unit", "minute"),
        ("cluster", 0.5),
        ("cluster", math.nan),
    ],
)
def test_a_wrong_setting_is_named(field: str, wrong: object) -> None:
    settings_: dict[str, object] = {"alpha": 1e-3, "horizon": 10, field: wrong}
    with pytest.raises(UsageError, match=f"^{field} is "):
        ErrorTest(**settings_)  # type: ignore[arg-type]

"""Good enough to promote: rarely said of a bad release, soon of a good one, never of a silent one."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.enumerating import outcomes, pasts

from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import UsageError
from lastgood.evidence.counts import Counts
from lastgood.evidence.errors import ErrorEvidence
from lastgood.evidence.promotion import PromotionTest, begin, good, take_in

questions = st.builds(
    PromotionTest,
    alpha=st.just(0.05),
    r1=st.sampled_from([1.0, 1.5, 2.0, 4.0]),
    d=st.sampled_from([0.0, 0.001, 0.1]),
    unit=st.sampled_from(["tick", "request"]),
)


@settings(deadline=None)
@given(
    questions, st.integers(1, 7), st.integers(1, 7), st.floats(0, 1), st.sampled_from([1.0, 1.0, 1.3]), pasts
)
def test_a_release_at_the_edge_of_bad_wins_nothing_beside_the_old_one(
    test: PromotionTest, nc: int, nb: int, pb: float, above: float, seen: Counts
) -> None:
    pc = above * (test.r1 * pb + test.d)
    assume(pc <= 1)
    start = ErrorEvidence(begin(test).capital, seen=seen)
    expected = sum(
        p * math.exp(take_in(test, start, counts).capital.log_value) for counts, p in outcomes(nc, nb, pc, pb)
    )
    assert expected <= 1 + 1e-9


@settings(deadline=None)
@given(questions, st.integers(1, 12), st.floats(1e-6, 1), st.sampled_from([1.0, 1.3]))
def test_a_release_at_the_edge_of_bad_wins_nothing_against_a_known_rate(
    test: PromotionTest, nc: int, p0: float, above: float
) -> None:
    pc = above * (test.r1 * p0 + test.d)
    assume(pc <= 1)
    known = PromotionTest(0.05, p0=p0, r1=test.r1, d=test.d, unit=test.unit)
    expected = sum(
        p * math.exp(take_in(known, begin(known), counts).capital.log_value)
        for counts, p in outcomes(nc, 0, pc, 0.0)
    )
    assert expected <= 1 + 1e-9


@pytest.mark.parametrize("unit", ["tick", "request"])
def test_an_equal_release_is_good_after_some_thousand_requests(unit: str) -> None:
    test = PromotionTest(unit=unit)
    chance = random.Random(1)
    needed = []
    for _ in range(20):
        evidence = begin(test)
        while not good(test, evidence):
            xc, xb = (sum(chance.random() < 0.01 for _ in range(100)) for _ in range(2))
            evidence = take_in(test, evidence, Counts(100, xc, 100, xb))
        needed.append(evidence.seen.nc)
    assert 1500 <= statistics.median(needed) <= 4000


@pytest.mark.parametrize("unit", ["tick", "request"])
@pytest.mark.parametrize("d", [0.0, 0.01])
def test_a_much_worse_release_is_not_good(unit: str, d: float) -> None:
    test = PromotionTest(unit=unit, d=d)
    evidence = begin(test)
    for _ in range(300):
        evidence = take_in(test, evidence, Counts(100, 6, 100, 1))
    assert not good(test, evidence)


@pytest.mark.parametrize("unit", ["tick", "request"])
def test_silence_is_never_good(unit: str) -> None:
    test = PromotionTest(unit=unit, d=0.01, p0=0.01)
    evidence = begin(test)
    for tick in 1000 * [Counts(), Counts(nb=100)]:
        evidence = take_in(test, evidence, tick)
    assert not good(test, evidence)
    assert evidence.capital.log_value == pytest.approx(0)


@pytest.mark.parametrize("unit", ["tick", "request"])
def test_without_any_error_a_difference_that_is_tolerated_makes_it_good(unit: str) -> None:
    strict, tolerant = PromotionTest(unit=unit), PromotionTest(unit=unit, d=0.01)
    one, other = begin(strict), begin(tolerant)
    for _ in range(30):
        one = take_in(strict, one, Counts(100, 0, 100, 0))
        other = take_in(tolerant, other, Counts(100, 0, 100, 0))
    assert not good(strict, one)
    assert good(tolerant, other)


@pytest.mark.parametrize("known", [{"p0": 0.01}, {"history": (100_000, 1000)}])
@pytest.mark.parametrize("unit", ["tick", "request"])
def test_a_known_rate_does_where_nothing_runs_beside(unit: str, known: dict[str, object]) -> None:
    test = PromotionTest(unit=unit, cluster=1.0, **known)  # type: ignore[arg-type]
    evidence = begin(test)
    for _ in range(30):
        evidence = take_in(test, evidence, Counts(100, 1))
    assert good(test, evidence)


@given(st.lists(st.integers(0, 20), max_size=10), st.integers(0, 9))
def test_writing_it_down_changes_nothing(errors: list[int], at: int) -> None:
    test = PromotionTest(d=0.001)
    through = written = begin(test)
    for number, bad in enumerate(errors):
        if number == at:
            written = loads(ErrorEvidence, dumps(written))
        tick = Counts(100, bad, 50, bad // 2)
        through, written = take_in(test, through, tick), take_in(test, written, tick)
    assert written == through


@pytest.mark.parametrize(("field", "wrong"), [("r1", 0.5), ("r1", math.nan), ("alpha", 2.0), ("p0", -1.0)])
def test_a_wrong_setting_is_named(field: str, wrong: float) -> None:
    with pytest.raises(UsageError, match=f"^{field} is "):
        PromotionTest(**{field: wrong})  # type: ignore[arg-type]

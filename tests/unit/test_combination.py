"""Several signals make one verdict, however they depend on each other."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.domain.codec import dumps, loads
from lastgood.evidence.combination import Combination, equal_weights

logs = st.dictionaries(st.sampled_from(["errors", "latency", "probe"]), st.floats(-50, 50), max_size=3)


def in_plain_numbers(held: dict[str, float]) -> float:
    return 0.25 + 0.25 * sum(math.exp(held.get(name, 0.0)) for name in ("errors", "latency", "probe"))


@given(st.lists(logs, max_size=5))
def test_it_is_the_weighted_sum_of_what_each_held_last(takes: list[dict[str, float]]) -> None:
    combination, held = equal_weights(("errors", "latency", "probe"), spare=0.25), {}
    for taken in takes:
        held |= taken
        combination = loads(Combination, dumps(combination)).take(taken)
    assert combination.log_value == pytest.approx(math.log(in_plain_numbers(held)), abs=1e-9)
    assert combination.best >= combination.log_value - 1e-12


def test_signals_that_come_and_go_never_make_more_than_there_was() -> None:
    combination = equal_weights(("errors",), spare=0.2).take({"errors": -math.inf})
    for number in range(20):
        combination = combination.join(f"late {number}")
    assert combination.log_value == pytest.approx(math.log(0.2))
    assert combination.spare >= 0
    assert combination.join("late 3") == combination


def test_one_signal_decides_alone_at_its_own_share_of_alpha() -> None:
    combination = equal_weights(("errors", "latency"))
    assert combination.alpha_of("errors", 1e-3) == pytest.approx(5e-4)
    assert combination.take({"errors": math.log(2000.001), "latency": -math.inf}).reached(1e-3)
    assert not combination.take({"errors": math.log(1990), "latency": -math.inf}).reached(1e-3)


def test_what_was_reached_stays_reached() -> None:
    combination = equal_weights(("errors",)).take({"errors": 9.0}).take({"errors": -9.0})
    assert combination.reached(1e-3)
    assert combination.p_value == pytest.approx(math.exp(-9))


def test_a_signal_that_no_one_announced_and_garbage_are_refused() -> None:
    combination = equal_weights(("errors",))
    for taken in ({"latency": 0.0}, {"errors": math.nan}):
        with pytest.raises(ValueError, match="the signal"):
            combination.take(taken)
    for weights in ({"errors": 1.1}, {"errors": -0.1}, {"errors": math.nan}):
        with pytest.raises(ValueError, match="no weights"):
            Combination(weights)

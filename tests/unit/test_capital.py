"""The capital of a signal: what it promises whoever bets with it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.domain.codec import dumps, loads
from lastgood.evidence.capital import Capital

WEIGHTS = (0.5, 0.3, 0.2)
factors = st.tuples(*[st.floats(-50, 50)] * 3)
horizons = st.integers(1, 12)


def in_plain_numbers(ticks: list[tuple[float, ...]], horizon: int) -> float:
    """M by its definition, without logarithms."""
    held, reserve = [0.0, 0.0, 0.0], 1.0
    for tick, logs in enumerate(ticks):
        stake = (0.8 if horizon > 1 else 1.0) if tick == 0 else 0.2 / (horizon - 1) if tick < horizon else 0.0
        reserve -= stake
        held = [
            (had + stake * weight) * math.exp(factor)
            for had, weight, factor in zip(held, WEIGHTS, logs, strict=True)
        ]
    return max(reserve, 0.0) + sum(held)


@given(st.lists(factors, max_size=20), horizons)
def test_the_logs_say_what_the_definition_says(ticks: list[tuple[float, ...]], horizon: int) -> None:
    capital = Capital(WEIGHTS, horizon)
    for logs in ticks:
        capital = capital.grow(logs)
    expected = in_plain_numbers(ticks, horizon)
    if expected > 1e-12:
        assert capital.log_value == pytest.approx(math.log(expected), abs=1e-9)


@given(st.lists(factors, min_size=1, max_size=12), horizons, st.integers(0, 12))
def test_writing_it_down_at_any_tick_changes_nothing(
    ticks: list[tuple[float, ...]], horizon: int, at: int
) -> None:
    through = written = Capital(WEIGHTS, horizon)
    for tick, logs in enumerate(ticks):
        if tick == at:
            written = loads(Capital, dumps(written))
        through, written = through.grow(logs), written.grow(logs)
    assert written == through


@given(horizons, st.integers(0, 15))
def test_ticks_without_evidence_leave_the_value_at_one(horizon: int, ticks: int) -> None:
    capital = Capital(WEIGHTS, horizon)
    for _ in range(ticks):
        capital = capital.idle()
    assert capital.log_value == pytest.approx(0.0, abs=1e-12)
    assert capital.p_value == pytest.approx(1.0)


def test_what_was_reached_stays_reached() -> None:
    capital = Capital(WEIGHTS, 10).grow((9.0, 9.0, 9.0)).grow((-40.0, -40.0, -40.0))
    assert capital.reached(1e-3)
    assert not capital.reached(1e-4)
    assert capital.log_value < 0
    assert capital.p_value == pytest.approx(1 / (0.8 * math.exp(9) + 0.2))


def test_a_bet_that_lost_all_can_be_written_down_and_is_staked_again() -> None:
    lost = Capital(WEIGHTS, 10).grow((-math.inf,) * 3)
    again = loads(Capital, dumps(lost)).grow((5.0, 5.0, 5.0))
    assert lost.log_value == pytest.approx(math.log(0.2))
    assert again.log_value > math.log(0.2)


def test_a_million_good_ticks_do_not_drown_a_late_bet() -> None:
    capital = Capital((1.0,), 3000)
    for _ in range(2000):
        capital = capital.grow((-800.0,))
    for _ in range(20):
        capital = capital.grow((2.0,))
    assert capital.reached(1e-3)


@pytest.mark.parametrize("bad", [(math.nan, 0.0, 0.0), (math.inf, 0.0, 0.0), (0.0, 0.0)])
def test_garbage_is_no_factor(bad: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="factor"):
        Capital(WEIGHTS, 10).grow(bad)


@pytest.mark.parametrize(("weights", "horizon"), [((), 10), ((0.5, 0.6), 10), ((1.0,), 0)])
def test_weights_sum_to_one_and_a_watch_has_a_tick(weights: tuple[float, ...], horizon: int) -> None:
    with pytest.raises(ValueError, match="no capital"):
        Capital(weights, horizon)

"""Alternatives and their projection on what is no worse."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lastgood.evidence.odds import OMEGA_WEIGHTS, OMEGAS, clip, odds_up, project

rates = st.floats(1e-6, 1 - 1e-6)
counts = st.integers(1, 10_000)


def distance(rate: float, other: float) -> float:
    return rate * math.log(rate / other) + (1 - rate) * math.log((1 - rate) / (1 - other))


@given(rates, st.floats(1.0, 300.0))
def test_odds_are_multiplied(rate: float, omega: float) -> None:
    up = odds_up(rate, omega)
    assert up / (1 - up) == pytest.approx(omega * rate / (1 - rate), rel=1e-6)


def test_weights_are_a_whole_for_the_grid() -> None:
    assert len(OMEGAS) == len(OMEGA_WEIGHTS)
    assert sum(OMEGA_WEIGHTS) == pytest.approx(1.0)


def test_a_rate_is_never_at_its_ends() -> None:
    assert clip(0.0) == 1e-9
    assert clip(1.0) == 1 - 1e-9


@given(
    rates, counts, counts, st.floats(0.5, 3), st.floats(0, 0.2), st.floats(1.01, 200), st.floats(-0.3, 0.3)
)
def test_nothing_on_the_edge_of_the_null_is_nearer(
    b: float, nc: int, nb: int, r0: float, d: float, omega: float, aside: float
) -> None:
    edge = r0 * b + d
    assume(edge < 0.99)
    c = odds_up(edge, omega)
    assume(c < 1 - 1e-9)
    c0, b0 = project(c, b, nc, nb, r0, d)
    assert c0 == pytest.approx(r0 * b0 + d, rel=1e-9)
    other = b0 * (1 + aside)
    assume(0 < other < 1 and r0 * other + d < 1)
    here = nc * distance(c, c0) + nb * distance(b, b0)
    there = nc * distance(c, r0 * other + d) + nb * distance(b, other)
    assert here <= there + 1e-9 * (1 + there)


@given(rates, counts, counts, st.floats(1.01, 200))
def test_without_a_margin_the_projection_is_the_pooled_rate(b: float, nc: int, nb: int, omega: float) -> None:
    c = odds_up(b, omega)
    assume(c < 1 - 1e-9)
    assert project(c, b, nc, nb)[0] == pytest.approx((nc * c + nb * b) / (nc + nb))


@given(
    rates, st.integers(1, 30), st.integers(1, 30), st.floats(0.5, 3), st.floats(0, 0.2), st.floats(1.01, 200)
)
def test_a_likelihood_ratio_against_it_expects_at_most_one(
    b: float, nc: int, nb: int, r0: float, d: float, omega: float
) -> None:
    edge = r0 * b + d
    assume(edge < 0.99)
    c = odds_up(edge, omega)
    assume(c < 1 - 1e-9)
    c0, b0 = project(c, b, nc, nb, r0, d)
    for true_b in (0.0, 1e-4, 0.01, 0.1, 0.3, 0.7, b, b0, 1.0):
        for true_c in {0.0, 0.5 * min(1.0, r0 * true_b + d), min(1.0, r0 * true_b + d)}:
            new = true_c * c / c0 + (1 - true_c) * (1 - c) / (1 - c0)
            old = true_b * b / b0 + (1 - true_b) * (1 - b) / (1 - b0)
            assert nc * math.log(new) + nb * math.log(old) <= 1e-9

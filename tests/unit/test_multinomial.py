"""The published tests of multinomial counts, to their last digit."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.domain.codec import dumps, loads
from lastgood.evidence.multinomial import Multinomial

# Categories drawn by numpy.random.multinomial(1, theta) after numpy.random.seed(1): the data of the examples
# published with Lindon and Malek's tests. theta = (.1, .3, .6):
TRAFFIC = (
    "122221112211121201121221222222212211221111220212202211201202102222121222122212121202222220212222"
    "121210021012210122122111122221122211112211222220221021111222011222102221222221221211222122212011"
    "222211212122222212202221222222112220122101220010222112121122222220210122211222220200222011122221"
    "121221211202122222222112222121211212212212101122022222202122211121020112122122222212221122012212"
    "220112012120222202"
)
# rho = (.8, .2), delta = (1.5, 2), theta = rho exp(delta) / sum:
CANARY = (
    "010000000000010000001100110001001000010111010010000000000000000000001010010010111010010100010000"
    "100000101001010010011110000010010001001010110000000100010001001100010000000100010000001001000100"
    "111100011010000011"
)


def first_below(null: tuple[float, ...], categories: str, alpha: float) -> tuple[int, float]:
    test = Multinomial(null)
    for number, category in enumerate(categories, 1):
        test = test.take_in([float(str(index) == category) for index in range(len(null))])
        if test.p_value <= alpha:
            return number, test.p_value
    return 0, test.p_value


@pytest.mark.parametrize(
    ("null", "categories", "n", "p"),
    [
        ((0.1, 0.4, 0.5), TRAFFIC, 402, 0.0484559110597),
        ((0.8, 0.2), CANARY, 210, 0.0455796317592),
    ],
)
def test_it_stops_where_the_published_example_stops(
    null: tuple[float, ...], categories: str, n: int, p: float
) -> None:
    number, p_value = first_below(null, categories, 0.05)
    assert number == n
    assert p_value == pytest.approx(p, abs=1e-13)


@given(st.lists(st.floats(0.05, 1), min_size=2, max_size=3), st.integers(1, 5), st.floats(0.1, 1000))
def test_it_expects_one_under_its_null(parts: list[float], draws: int, concentration: float) -> None:
    theta = tuple(part / math.fsum(parts) for part in parts)
    total = 0.0
    for drawn in product(range(len(theta)), repeat=draws):
        counts = [float(drawn.count(index)) for index in range(len(theta))]
        held = Multinomial(theta, concentration).take_in(counts).log_value
        total += math.prod(theta[index] for index in drawn) * math.exp(held)
    assert total == pytest.approx(1.0, rel=1e-6)


def test_counts_of_many_at_once_hold_what_they_hold_one_by_one() -> None:
    once = Multinomial((0.8, 0.2)).take_in((CANARY.count("0"), CANARY.count("1")))
    step = Multinomial((0.8, 0.2))
    for category in CANARY:
        step = loads(Multinomial, dumps(step)).take_in((category == "0", category == "1"))
    assert once.log_value == pytest.approx(step.log_value)


@pytest.mark.parametrize("counts", [(1.0,), (1.0, -1.0), (1.0, math.nan), (math.inf, 1.0)])
def test_garbage_is_no_count(counts: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="no counts"):
        Multinomial((0.5, 0.5)).take_in(counts)


@pytest.mark.parametrize("theta", [(0.5, 0.6), (1.0, 0.0), (math.nan, 0.5)])
def test_proportions_are_a_whole(theta: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="no proportions"):
        Multinomial(theta)

"""Bounds and predictions of the old release's error rate."""

from __future__ import annotations

from math import exp, fsum, lgamma, log, log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.evidence.baseline import lower_bound, predicted_rate, upper_bound
from lastgood.evidence.counts import Counts
from lastgood.evidence.odds import odds_up


def tail(errors: int, requests: int, rate: float) -> float:
    """The chance of `errors` or more: the binomial sum."""
    logs = (
        lgamma(requests + 1)
        - lgamma(n + 1)
        - lgamma(requests - n + 1)
        + n * log(rate)
        + (requests - n) * log1p(-rate)
        for n in range(errors, requests + 1)
    )
    return fsum(map(exp, logs)) if 0 < rate < 1 else float(rate >= 1)


@pytest.mark.parametrize(
    ("requests", "errors", "level", "upper"),
    [  # published: 95 % two-sided intervals, thus 2.5 % a side
        (10, 0, 0.025, 0.3084971078187608),
        (10, 1, 0.025, 0.4450161011021),
        (100, 5, 0.025, 0.1128349075),
        (20, 10, 0.025, 0.7280424),
    ],
)
def test_bounds_are_those_of_the_tables(requests: int, errors: int, level: float, upper: float) -> None:
    assert upper_bound(requests, errors, level) == pytest.approx(upper, rel=1e-5)


@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([1e-5, 1e-4, 0.005, 0.05, 0.5]))
def test_at_the_bounds_what_was_seen_is_just_refuted(requests: int, share: float, level: float) -> None:
    errors = round(requests * share)
    if errors < requests:
        upper = upper_bound(requests, errors, level)
        assert 1 - tail(errors + 1, requests, upper) == pytest.approx(level, rel=1e-3, abs=1e-10)
    if errors > 0:
        lower = lower_bound(requests, errors, level)
        assert tail(errors, requests, lower) == pytest.approx(level, rel=1e-3)


@pytest.mark.parametrize(
    ("requests", "errors"), [(10**9, 10**6), (10**12, 0), (10**12, 5 * 10**11), (1, 1), (1, 0)]
)
def test_long_and_short_histories_have_bounds(requests: int, errors: int) -> None:
    upper = upper_bound(requests, errors, 1e-4)
    assert errors / requests <= upper <= 1
    assert 0 <= lower_bound(requests, errors, 1e-4) <= errors / requests
    if requests > 1:
        assert upper - errors / requests < 1e-3


@given(
    st.floats(1e-4, 0.9), st.floats(1.1, 100) | st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from([1, 9, 0.2])
)
def test_a_prediction_learns_from_both_releases(rate: float, omega: float, old_for_each_new: float) -> None:
    nc, nb = 1e9, 1e9 * old_for_each_new
    seen = Counts(nc, nc * odds_up(rate, omega), nb, nb * rate)
    assert predicted_rate(seen, omega) == pytest.approx(rate, rel=1e-3)


def test_without_a_past_the_prior_is_predicted() -> None:
    assert predicted_rate(Counts(), 2.0, 0.03) == pytest.approx(0.03)

"""The streams of the detection benchmark are what their names say."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from bench._simulated import SLOWER, bursts, latency_limit

BY_NAME = {slower.name: slower for slower in SLOWER}


@pytest.mark.parametrize("cluster", [1, 3, 10])
def test_bursts_keep_the_rate_and_spread_as_their_size_says(cluster: float) -> None:
    errors = bursts(np.random.default_rng(1), 1000, 0.01, cluster, 20_000)
    assert np.mean(errors) == pytest.approx(10, rel=0.05)
    spread = float(np.var(errors) / np.mean(errors))  # of a geometric size: 2 cluster - 1
    assert spread == pytest.approx(2 * cluster - 1, rel=0.1)


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_drawn_is_what_the_limit_is_computed_from(name: str) -> None:
    slower = BY_NAME[name]
    drawn = slower.scores(np.random.default_rng(2), 400_000)
    z = np.linspace(-9, 14, 200_001)
    density = slower.density(z)
    step = float(z[1] - z[0])
    assert float(np.sum(density)) * step == pytest.approx(1.0, abs=1e-3)
    for limit in (0.0, 2.0, 3.0):
        above = float(np.sum(density[z > limit])) * step
        assert float(np.mean(drawn > limit)) == pytest.approx(above, rel=0.1)


def test_doubling_only_the_p99_doubles_the_p99_and_leaves_the_median() -> None:
    drawn = np.exp(0.5 * BY_NAME["only the p99 doubled"].scores(np.random.default_rng(3), 400_000))
    old = np.exp(0.5 * np.random.default_rng(4).standard_normal(400_000))
    assert np.quantile(drawn, 0.99) / np.quantile(old, 0.99) == pytest.approx(2.0, rel=0.05)
    assert np.median(drawn) / np.median(old) == pytest.approx(1.0, abs=0.02)


def test_the_limit_of_a_shift_is_the_textbooks() -> None:
    shift = log(2.0) / 0.5
    known = latency_limit(1e-3, BY_NAME["x2"], None)
    assert known == pytest.approx(log(1000) / (shift * shift / 2), rel=1e-4)
    assert known < latency_limit(1e-3, BY_NAME["x2"], 9) < latency_limit(1e-3, BY_NAME["x2"], 1)

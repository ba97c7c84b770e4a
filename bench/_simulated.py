"""Seeded streams to be judged: errors alone and in bursts, latencies, gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Random = np.random.Generator

SIGMA = 0.5  # of the lognormal latencies
_Q99 = NormalDist().inv_cdf(0.99)
_DOUBLED = log(2) / SIGMA


# --- errors -------------------------------------------------------------------------------------------


def bursts(chance: Random, requests: int, rate: float, cluster: float, ticks: int) -> NDArray[np.int64]:
    """Errors a tick, in bursts of geometric size with mean `cluster`; alone where that is 1."""
    if cluster == 1:
        return chance.binomial(requests, rate, ticks)
    faults = chance.poisson(requests * rate / cluster, ticks)
    sizes = chance.negative_binomial(np.maximum(faults, 1), 1 / cluster) + faults
    return np.minimum(np.where(faults > 0, sizes, 0), requests)


def swings(chance: Random, ticks: int, size: float = 0.3, keeps: float = 0.95) -> Floats:
    """A factor a tick that wanders about 1: what swings both releases."""
    return np.exp(size * wandering(chance, ticks, keeps) * (1 - keeps**2) ** 0.5)


# --- latencies, as normal scores of the old release's distribution ---------------------------------------


@dataclass(frozen=True)
class Slower:
    """`scores(chance, n)` draws the new release's; `density(z)` is theirs, relative to nothing."""

    name: str
    scores: Callable[[Random, int], Floats]
    density: Callable[[Floats], Floats]


def normal_density(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z * z) / (2 * np.pi) ** 0.5)


def shifted(name: str, factor: float) -> Slower:
    by = log(factor) / SIGMA
    return Slower(name, lambda chance, n: chance.standard_normal(n) + by, lambda z: normal_density(z - by))


def _slow_hundredth(chance: Random, n: int) -> Floats:
    z = chance.standard_normal(n)
    slow = chance.random(n) < 0.01
    return np.where(slow, _above_q99(chance, n) + _DOUBLED, z)


def _above_q99(chance: Random, n: int) -> Floats:
    """Normal scores above their 99 % quantile, by Marsaglia's rejection."""
    found = np.empty(0)
    while len(found) < n:
        z = np.sqrt(_Q99**2 - 2 * np.log1p(-chance.random(2 * n + 8)))
        found = np.concatenate([found, z[chance.random(len(z)) * z < _Q99]])
    return found[:n]


SLOWER = (
    shifted("+5 %", 1.05),
    shifted("+20 %", 1.2),
    shifted("x2", 2.0),
    Slower(
        "only the p99 doubled",  # a hundredth of requests takes twice what the slowest hundredth took
        _slow_hundredth,
        lambda z: 0.99 * normal_density(z) + np.where(z > _Q99 + _DOUBLED, normal_density(z - _DOUBLED), 0.0),
    ),
)


def latency_limit(alpha: float, slower: Slower, old_for_each_new: int | None) -> float:
    """log(1/alpha)/KL requests of the new release, from the whole distributions."""
    z = np.linspace(-9, 14, 2_000_001)
    new, old = slower.density(z), normal_density(z)
    if old_for_each_new is None:
        gain = _divergence(new, old)
    else:
        pooled = (new + old_for_each_new * old) / (1 + old_for_each_new)
        gain = _divergence(new, pooled) + old_for_each_new * _divergence(old, pooled)
    return -log(alpha) / (gain * float(z[1] - z[0]))


def _divergence(one: Floats, other: Floats) -> float:
    some = (one > 0) & (other > 0)
    return float(np.sum(one[some] * np.log(one[some] / other[some])))


def seconds(scores: Floats) -> list[float]:
    return list(map(float, 0.1 * np.exp(SIGMA * scores)))


# --- gauges ---------------------------------------------------------------------------------------------


def wandering(chance: Random, points: int, keeps: float) -> Floats:
    found = chance.standard_normal(points)
    for at in range(1, points):
        found[at] += keeps * found[at - 1]
    return found


PERIOD = 288  # points a day, one each five minutes


def gauges() -> Iterator[tuple[str, Callable[[Random, int], Floats]]]:
    yield "independent", lambda chance, n: chance.standard_normal(n)
    yield "autocorrelated .95", lambda chance, n: wandering(chance, n, 0.95)
    yield "random walk", lambda chance, n: np.cumsum(chance.standard_normal(n))
    yield "trend", lambda chance, n: 0.05 * np.arange(n) + wandering(chance, n, 0.7)
    yield (
        "daily season",
        lambda chance, n: 10 * np.sin(np.arange(n) * 2 * np.pi / PERIOD) + wandering(chance, n, 0.7),
    )
    yield "heavy tails", lambda chance, n: chance.standard_t(1.5, n) + wandering(chance, n, 0.9)

"""How many requests of a bad release pass before it is known: beside the limit log(1/alpha)/KL."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from statistics import fmean, stdev

import numpy as np

from bench._report import Row
from bench._simulated import SLOWER, Slower, bursts, latency_limit, seconds
from lastgood.evidence import errors, latency
from lastgood.evidence.counts import Counts
from lastgood.evidence.limit import limit_requests

ALPHA = 1e-3
ROOM = 1.15  # of the figures of the prototype, which stand below
NORMAL_HISTORY = 100_000  # latencies; with so many the baseline is as good as known
STEPS = 100  # ticks to the limit
HORIZON = 360  # ticks of a watch, where they count
GIVE_UP = 12  # times the limit
KNOWN, BESIDE = None, {1: "50/50", 9: "10/90"}

ERRORS = (
    (0.001, 0.002, (1.26, 1.21, 1.23)),
    (0.001, 0.01, (1.35, 1.28, 1.34)),
    (0.01, 0.02, (1.20, 1.19, 1.19)),
    (0.01, 0.05, (1.29, 1.21, 1.24)),
    (0.05, 0.1, (1.23, 1.25, 1.19)),
    (0.005, 0.5, (1.53, 1.32, 1.41)),
)
LATENCY = ((1.36, 1.33, 1.27), (1.31, 1.34, 1.37), (1.52, 1.47, 1.47), (5.0, 1.67, 2.06))  # as SLOWER
TICKS = (  # unit tick, 100 requests of the new release each
    (0.005, 0.5, 1, 8.0),
    (0.005, 0.5, 9, 3.0),
    (0.01, 0.05, 1, 17.0),
    (0.01, 0.05, 9, 7.5),
    (0.01, 0.02, 1, 71.0),
    (0.01, 0.02, 9, 35.0),
)


def error_delays(runs: int) -> Iterator[Row]:
    for old, new, figures in ERRORS:
        for beside, figure in zip((KNOWN, *BESIDE), figures, strict=True):
            limit = limit_requests(ALPHA, new, old, beside)
            case = f"errors {100 * old:g} -> {100 * new:g} %, {_named(beside)}"
            delays = [_error_delay(seed, old, new, beside, limit) for seed in range(runs)]
            yield _row(case, delays, limit, figure)


def _error_delay(seed: int, old: float, new: float, beside: int | None, limit: float) -> float:
    chance = np.random.default_rng([seed, int(1e6 * new)])
    step = max(1, round(limit / STEPS))
    ticks = int(GIVE_UP * limit / step) + 10
    test = errors.ErrorTest(ALPHA, ticks, p0=old if beside is None else None, unit="request")
    nb = step * (beside or 0)
    return step * _error_ticks(
        test,
        zip(bursts(chance, step, new, 1, ticks), bursts(chance, nb, old, 1, ticks), strict=True),
        step,
        nb,
    )


def tick_delays(runs: int) -> Iterator[Row]:
    for old, new, beside, figure in TICKS:
        found = [_tick_delay(seed, old, new, beside, 0) for seed in range(runs)]
        case = f"errors {100 * old:g} -> {100 * new:g} %, {_named(beside)}, unit tick"
        yield _ticks_row(case, found, figure)
    late = 180
    found = [_tick_delay(seed, 0.01, 0.05, 9, late) - late for seed in range(runs)]
    yield _ticks_row(f"errors 1 -> 5 % after {late} good ticks, {_named(9)}, unit tick", found, 10.0)
    found = [_tick_delay(seed, 0.01, 0.05, 1, late, "request") - late for seed in range(runs)]
    yield _ticks_row(f"errors 1 -> 5 % after {late} good ticks, {_named(1)}, unit request", found, 10.0)


def _tick_delay(seed: int, old: float, new: float, beside: int, good: int, unit: str = "tick") -> int:
    chance = np.random.default_rng([seed, 7])
    ticks = good + 600
    own = bursts(chance, 100, new, 1, ticks)
    own[:good] = bursts(chance, 100, old, 1, good)
    test = errors.ErrorTest(ALPHA, HORIZON, unit=unit)
    pairs = zip(own, bursts(chance, 100 * beside, old, 1, ticks), strict=True)
    return _error_ticks(test, pairs, 100, 100 * beside)


def _error_ticks(test: errors.ErrorTest, pairs: Iterator[tuple[np.int64, np.int64]], nc: int, nb: int) -> int:
    evidence, count = errors.begin(test), 0
    for xc, xb in pairs:
        count += 1
        evidence = errors.take_in(test, evidence, Counts(nc, int(xc), nb, int(xb)))
        if errors.failed(test, evidence):
            break
    return count


def latency_delays(runs: int) -> Iterator[Row]:
    histories = [
        seconds(np.random.default_rng([99, seed]).standard_normal(NORMAL_HISTORY)) for seed in range(8)
    ]
    for slower, figures in zip(SLOWER, LATENCY, strict=True):
        for beside, figure in zip((KNOWN, *BESIDE), figures, strict=True):
            limit = latency_limit(ALPHA, slower, beside)
            delays = [
                latency_delay(seed, slower, beside, limit, histories[seed % len(histories)])
                for seed in range(runs)
            ]
            yield _row(f"latency {slower.name}, {_named(beside)}", delays, limit, figure)
    short = [history[:20_000] for history in histories]
    for slower in SLOWER:
        limit = latency_limit(ALPHA, slower, KNOWN)
        delays = [latency_delay(seed, slower, KNOWN, limit, short[seed % len(short)]) for seed in range(runs)]
        yield _row(f"latency {slower.name}, history of 20000", delays, limit, None)


def latency_delay(seed: int, slower: Slower, beside: int | None, limit: float, history: list[float]) -> float:
    chance = np.random.default_rng([seed, 11])
    step = max(1, round(limit / STEPS))
    ticks = int(GIVE_UP * limit / step) + 10
    test = latency.LatencyTest(ALPHA, ticks, concurrent=beside is not None)
    evidence = latency.begin(test, history)
    served = 0
    while served < step * ticks:
        served += step
        new = seconds(slower.scores(chance, step))
        old = seconds(chance.standard_normal(step * (beside or 0)))
        evidence = latency.take_in(test, evidence, new, old)
        if latency.failed(test, evidence):
            break
    return served


def _named(beside: int | None) -> str:
    return "known" if beside is None else BESIDE[beside]


def _row(case: str, delays: list[float], limit: float, figure: float | None) -> Row:
    goal = None if figure is None else f"<= {ROOM * figure:.3f} x"
    return Row(case, "mean delay", "requests", fmean(delays), "limit", limit, goal, mean_range(delays))


def _ticks_row(case: str, delays: list[int], figure: float) -> Row:
    goal = f"<= {ROOM * figure:.4g}"
    return Row(case, "mean delay", "ticks", fmean(delays), goal=goal, spread=mean_range(delays))


def mean_range(values: list[float] | list[int]) -> tuple[float, float]:
    """Two standard errors about the mean."""
    error = 2 * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return fmean(values) - error, fmean(values) + error

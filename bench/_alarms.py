"""False alarms: how often a release that is no worse is failed within a million requests, or by a gauge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt

import numpy as np

from bench._peers import rank_sum_z
from bench._report import Row
from bench._simulated import PERIOD, Random, bursts, gauges, seconds, swings
from lastgood.evidence import errors, gauge, latency
from lastgood.evidence.counts import Counts

ALPHA = 0.01
REQUESTS = 1_000_000  # of the new release, a watch
RATE = 0.01
GAUGE_POINTS = 4000  # of history: two weeks of five minutes
RANK_TEST_CRITICAL = 2.5758  # two-sided at 1 %
LATENCY_ALPHA = 0.05  # dear to simulate: a larger alpha needs fewer watches

Drawn = Iterator[Counts]


def error_alarms(watches: int) -> Iterator[Row]:
    beside = errors.ErrorTest(ALPHA, 1000)
    known = errors.ErrorTest(ALPHA, 1000, p0=RATE)
    short = errors.ErrorTest(ALPHA, 1000, history=(2000, 20))
    single = errors.ErrorTest(ALPHA, 1000, unit="request")
    yield _alarms("independent, 50/50", watches, beside, lambda chance: _steady(chance, 1, 1000))
    yield _alarms("independent, 10/90", watches, beside, lambda chance: _steady(chance, 1, 1000, 9))
    yield _alarms("independent, known", watches, known, lambda chance: _steady(chance, 1, 1000, 0))
    yield _alarms("independent, unit request", watches, single, lambda chance: _steady(chance, 1, 1000))
    yield _alarms("bursts of 3, 50/50", watches, beside, lambda chance: _steady(chance, 3, 1000))
    yield _alarms("bursts of 10, 50/50", watches, beside, lambda chance: _steady(chance, 10, 1000))
    yield _alarms("bursts of 10, 10/90", watches, beside, lambda chance: _steady(chance, 10, 1000, 9))
    yield _alarms("bursts of 10, known", watches, known, lambda chance: _steady(chance, 10, 1000, 0))
    yield _alarms("common swings, 50/50", watches, beside, _swinging)
    yield _alarms("one request a tick, 50/50", watches, beside, _low)
    yield _alarms("one request a tick, known", watches, known, _low_alone)
    yield _alarms("history of 2000", watches, short, lambda chance: _after_history(chance))


def unfit_unit(watches: int) -> Iterator[Row]:
    """Why the tick is the unit: the other one in bursts. No goal."""
    single = errors.ErrorTest(ALPHA, 1000, unit="request")
    row = _alarms("bursts of 3, unit request", watches, single, lambda chance: _steady(chance, 3, 1000))
    yield Row(row.case, row.metric, row.unit, row.value)


def _alarms(case: str, watches: int, test: errors.ErrorTest, drawn: Callable[[Random], Drawn]) -> Row:
    fired = sum(_fired(test, drawn(np.random.default_rng([seed, 23]))) for seed in range(watches))
    return alarm_row(f"errors {case}", fired, watches, ALPHA)


def _fired(test: errors.ErrorTest, ticks: Drawn) -> bool:
    evidence = errors.begin(test)
    for tick in ticks:
        evidence = errors.take_in(test, evidence, tick)
        if errors.failed(test, evidence):
            return True
    return False


def _steady(chance: Random, cluster: float, requests: int, beside: int = 1) -> Drawn:
    ticks, nb = REQUESTS // requests, requests * beside
    own, old = (bursts(chance, n, RATE, cluster, ticks) if n else np.zeros(ticks) for n in (requests, nb))
    return (Counts(requests, float(xc), nb, float(xb)) for xc, xb in zip(own, old, strict=True))


def _swinging(chance: Random) -> Drawn:
    ticks = REQUESTS // 1000
    rates = np.minimum(RATE * swings(chance, ticks, 0.7), 0.5)
    own, old = (chance.binomial(1000, rates) for _ in range(2))
    return (Counts(1000, float(xc), 1000, float(xb)) for xc, xb in zip(own, old, strict=True))


def _low(chance: Random) -> Drawn:
    served = chance.poisson(1, (2000, 2))
    failed = chance.binomial(served, RATE)
    for (nc, nb), (xc, xb) in zip(served, failed, strict=True):
        yield Counts(float(nc), float(xc), float(nb), float(xb))


def _low_alone(chance: Random) -> Drawn:
    return (Counts(tick.nc, tick.xc) for tick in _low(chance))


def _after_history(chance: Random) -> Drawn:
    """The history held 20 errors in 2000; the truth is whatever made that likely."""
    rate = chance.beta(20.5, 1980.5)
    return (Counts(1000, float(xc)) for xc in chance.binomial(1000, rate, 1000))


def latency_alarms(watches: int) -> Iterator[Row]:
    def independent(chance: Random) -> Iterator[tuple[list[float], list[float]]]:
        for _ in range(REQUESTS // 1000):
            yield seconds(chance.standard_normal(1000)), seconds(chance.standard_normal(1000))

    def rounded(chance: Random) -> Iterator[tuple[list[float], list[float]]]:
        for new, old in independent(chance):
            yield [round(100 * one) / 100 for one in new], [round(100 * one) / 100 for one in old]

    def swinging(chance: Random) -> Iterator[tuple[list[float], list[float]]]:
        for (new, old), factor in zip(
            independent(chance), swings(chance, REQUESTS // 1000).tolist(), strict=True
        ):
            yield [one * factor for one in new], [one * factor for one in old]

    def low(chance: Random) -> Iterator[tuple[list[float], list[float]]]:
        for nc, nb in chance.poisson(1, (2000, 2)):
            yield seconds(chance.standard_normal(nc)), seconds(chance.standard_normal(nb))

    for case, concurrent, drawn in (
        ("independent, 50/50", True, independent),
        ("common swings, 50/50", True, swinging),
        ("history of 5000", False, independent),
        ("history of 5000, rounded to 10 ms", False, rounded),
        ("one request a tick, history of 5000", False, low),
    ):
        fired = 0
        for seed in range(watches):
            chance = np.random.default_rng([seed, 29])
            past = seconds(chance.standard_normal(5000))
            if drawn is rounded:
                past = [round(100 * one) / 100 for one in past]
            test = latency.LatencyTest(LATENCY_ALPHA, 1000, concurrent)
            evidence = latency.begin(test, past)
            for new, old in drawn(chance):
                evidence = latency.take_in(test, evidence, new, old)
                if latency.failed(test, evidence):
                    fired += 1
                    break
        yield alarm_row(f"latency {case}", fired, watches, LATENCY_ALPHA)


def gauge_alarms(series: int) -> Iterator[Row]:
    for kind, drawn in gauges():
        placebo = ranks = seen = 0
        for seed in range(series):
            values = drawn(np.random.default_rng([seed, 31]), GAUGE_POINTS + 36).tolist()
            history, after = values[:GAUGE_POINTS], values[GAUGE_POINTS:]
            found = gauge.calibrate(history, ALPHA, period=PERIOD)
            placebo += _gauge_fired(found, after)
            ranks += abs(rank_sum_z(after, history[-36:])) > RANK_TEST_CRITICAL
            jump = 12 * float(np.std(np.diff(history[-PERIOD:])))
            seen += _gauge_fired(found, [point + jump for point in after])
        goal = f"<= {_with_error(ALPHA, series):.4f}"
        case = f"gauge {kind}"
        yield Row(case, "false alarms", "of deploys", placebo / series, "rank test", ranks / series, goal)
        yield Row(case, "jumps of 12 sigma caught", "of deploys", seen / series)


def _gauge_fired(found: gauge.Placebo | gauge.InsufficientData, after: list[float]) -> bool:
    if isinstance(found, gauge.InsufficientData):
        return False
    state = gauge.watch(found)
    for point in after:
        state = gauge.observe(state, point)
    return state.failed_at is not None


def alarm_row(case: str, fired: int, watches: int, alpha: float) -> Row:
    goal = f"<= {_with_error(alpha, watches):.4f}"
    return Row(case, f"false alarms at {100 * alpha:g} %", "of watches", fired / watches, goal=goal)


def _with_error(alpha: float, times: int) -> float:
    """alpha and three binomial standard errors of what is measured."""
    return alpha + 3 * sqrt(alpha * (1 - alpha) / times)

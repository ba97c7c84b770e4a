"""Detection: delays beside the limit and the peers, false alarms, and what one tick costs.

A few runs (--quick) only show that everything works: their means still scatter about the goals."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from bench._alarms import error_alarms, gauge_alarms, latency_alarms, unfit_unit
from bench._beside import beside_peers
from bench._delays import error_delays, latency_delays, tick_delays
from bench._report import Row, run
from lastgood.evidence import errors, latency
from lastgood.evidence.counts import Counts

SIGNALS_GOAL, LATENCY_GOAL_MICROSECONDS = 10_000, 450


def measure(quick: bool) -> Iterator[Row]:
    yield from costs()
    yield from tick_delays(20 if quick else 200)
    yield from error_delays(20 if quick else 300)
    yield from latency_delays(4 if quick else 100)
    yield from beside_peers(3 if quick else 100)
    yield from error_alarms(8 if quick else 300)
    yield from unfit_unit(8 if quick else 50)
    yield from latency_alarms(1 if quick else 30)
    yield from gauge_alarms(10 if quick else 150)


def costs() -> Iterator[Row]:
    """Time of the processor, the least of several rounds: other programs do not count."""
    for name, test, tick in (
        ("50/50", errors.ErrorTest(1e-3, 1000), Counts(100, 1, 100, 1)),
        ("known", errors.ErrorTest(1e-3, 1000, p0=0.01), Counts(100, 1)),
        ("one request a tick, 50/50", errors.ErrorTest(1e-3, 1000), Counts(1, 0, 1, 0)),
    ):
        each = _least(lambda test=test, tick=tick: _error_ticks(test, tick))
        goal = f">= {SIGNALS_GOAL}"
        yield Row(f"errors {name}", "signals of one tick", "a second on one core", 1 / each, goal=goal)
    chance = random.Random(1)
    new, old, *past = ([chance.lognormvariate(0, 0.5) for _ in range(100)] for _ in range(202))
    history = [sample for samples in past for sample in samples]
    for name, concurrent in (("50/50", True), ("history", False)):
        watched = latency.LatencyTest(1e-3, 1000, concurrent)
        each = _least(lambda watched=watched: _latency_ticks(watched, history, new, old))
        goal = f"<= {LATENCY_GOAL_MICROSECONDS}"
        yield Row(f"latency {name}, 100 requests", "one tick", "us", 1e6 * each, goal=goal)


def _least(spend: Callable[[], float]) -> float:
    return min(spend() for _ in range(15))


def _error_ticks(test: errors.ErrorTest, tick: Counts, count: int = 500) -> float:
    evidence = errors.begin(test)
    started = time.process_time()
    for _ in range(count):
        evidence = errors.take_in(test, evidence, tick)
    return (time.process_time() - started) / count


def _latency_ticks(
    test: latency.LatencyTest, history: list[float], new: list[float], old: list[float], count: int = 100
) -> float:
    evidence = latency.begin(test, history)
    started = time.process_time()
    for _ in range(count):
        evidence = latency.take_in(test, evidence, new, old)
    return (time.process_time() - started) / count


if __name__ == "__main__":
    run(__doc__, measure)

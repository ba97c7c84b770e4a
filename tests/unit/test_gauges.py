"""Gauges of the documents: calibrated by their past, asked at its pace, silent without one."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from math import inf

from lastgood.deciding.gauges import Gauge, take_in
from lastgood.domain.signal import Reading
from lastgood.domain.watching import Measure, NumberCommand, WatchedSignal

BEGAN = datetime(2026, 1, 8, tzinfo=UTC)
SIGNAL = WatchedSignal("queue", Measure.GAUGE, NumberCommand(("queue-length",)))
STEP = timedelta(minutes=1)
ALPHA = 0.01


def history(points: int, seed: int = 1) -> Reading:
    chance = random.Random(seed)
    began = BEGAN - points * STEP
    found = tuple(((began + index * STEP).timestamp(), chance.gauss(100, 5)) for index in range(points))
    return Reading("queue", "history", "new", BEGAN, history=found)


def value(minutes: float, number: float) -> Reading:
    return Reading("queue", "gauge", "new", BEGAN + timedelta(minutes=minutes), value=number)


def watched(gauge: Gauge, level: float, every_minutes: float, minutes: int) -> Gauge:
    chance = random.Random(7)
    for index in range(1, int(minutes / every_minutes)):
        gauge = take_in(gauge, value(index * every_minutes, chance.gauss(level, 5)), SIGNAL, ALPHA)
    return gauge


def test_a_jump_that_no_day_before_had_is_evidence() -> None:
    calm = take_in(Gauge(), history(4000), SIGNAL, ALPHA)
    assert watched(calm, 100, 1, 40).log_capital == -inf
    assert watched(calm, 200, 1, 40).log_capital > 0


def test_reading_more_often_than_the_history_gains_no_points() -> None:
    calm = take_in(Gauge(), history(4000), SIGNAL, ALPHA)
    often, seldom = watched(calm, 100, 0.1, 20), watched(calm, 100, 1, 20)
    assert often.state is not None
    assert seldom.state is not None
    assert abs(len(often.state.points) - len(seldom.state.points)) <= 2


def test_without_a_long_enough_past_it_says_nothing_and_why() -> None:
    short = take_in(Gauge(), history(20), SIGNAL, ALPHA)
    assert "points before the deploy" in short.missing
    assert watched(short, 1000, 1, 40).log_capital == 0.0

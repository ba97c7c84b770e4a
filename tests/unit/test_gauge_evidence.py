"""Evidence on gauges: what the history does without any deploy is never blamed on the deploy."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastgood.domain.codec import dumps, loads
from lastgood.evidence.gauge import (
    AFTER,
    Direction,
    GaugeWatch,
    InsufficientData,
    Placebo,
    beside,
    calibrate,
    increases,
    observe,
    watch,
)

points = st.one_of(
    st.none(),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308, 5e-324]),
    st.floats(-1e3, 1e3),
)


def noise(count: int, seed: int, level: float = 100.0) -> list[float]:
    chance = random.Random(seed)
    return [level + chance.gauss(0, 1) for _ in range(count)]


def wandering(count: int, seed: int, keeps: float = 0.95) -> list[float]:
    chance, found, now = random.Random(seed), [], 0.0
    for _ in range(count):
        now = keeps * now + chance.gauss(0, 1)
        found.append(now)
    return found


def placebo(history: list[float | None], alpha: float = 0.02, **options: object) -> Placebo:
    found = calibrate(history, alpha, **options)  # type: ignore[arg-type]
    assert isinstance(found, Placebo)
    return found


def watched(found: Placebo, after: Iterable[float | None]) -> GaugeWatch:
    state = watch(found)
    for point in after:
        state = observe(state, point)
    return state


# --- what fires and what does not -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worse", "jump", "fails"),
    [("up", 8, True), ("up", -8, False), ("down", -8, True), ("down", 8, False), ("both", 8, True)],
)
def test_a_jump_fails_only_in_the_direction_that_is_worse(worse: Direction, jump: float, fails: bool) -> None:
    state = watched(placebo(noise(1500, 1), worse=worse), (point + jump for point in noise(36, 2)))
    assert (state.failed_at is not None) is fails
    assert state.capital == (50.0 if fails else 0.0)


def test_a_large_jump_is_seen_at_the_third_point() -> None:
    assert watched(placebo(noise(1500, 1)), [150.0] * 36).failed_at == AFTER[0] - 1


def test_a_daily_season_is_not_blamed_on_the_deploy_and_a_jump_on_top_of_it_is() -> None:
    period = 96
    day = [20 * math.sin(2 * math.pi * at / period) for at in range(20 * period + 36)]
    series = [level + one for level, one in zip(day, noise(len(day), 3), strict=True)]
    history, after = series[: 20 * period], series[20 * period :]
    seasonal = placebo(history, period=period)
    assert any(seasonal.earlier)
    assert watched(seasonal, after).failed_at is None
    assert watched(seasonal, (point + 10 for point in after)).failed_at is not None


def test_level_shifts_of_the_past_make_a_shift_of_their_size_unremarkable() -> None:
    steps = [100.0 * (at // 150 % 2) + one for at, one in enumerate(noise(3000, 4))]
    found = placebo(steps)
    assert watched(found, (point + 80 for point in noise(36, 5, steps[-1]))).failed_at is None


def test_false_alarms_on_a_wandering_series_stay_at_alpha() -> None:
    alpha, series = 0.05, 120
    fired = 0
    for seed in range(series):
        values = wandering(1036, seed)
        fired += watched(placebo(values[:1000], alpha), values[1000:]).failed_at is not None
    assert fired <= alpha * series + 3 * math.sqrt(series * alpha * (1 - alpha))


@pytest.mark.parametrize("level", [0.0, 7.0, 1e-300, 1e300])
def test_a_constant_gauge_that_stays_constant_is_no_alarm_and_one_that_leaves_it_is(level: float) -> None:
    found = placebo([level] * 2000)
    assert watched(found, [level] * 36).failed_at is None
    assert watched(found, [level * (1 + 1e-13)] * 36).failed_at is None
    assert watched(found, [level * 2 + 1e-3] * 36).failed_at == 2


# --- gaps, counters, controls -----------------------------------------------------------------------


def test_a_dead_metrics_server_is_no_alarm() -> None:
    found = placebo(noise(1500, 1))
    for nothing in (None, math.nan, math.inf, -math.inf):
        state = watched(found, [nothing] * 40)
        assert (state.failed_at, state.capital, state.finished) == (None, 0.0, True)


def test_gaps_in_history_and_after_are_left_out() -> None:
    chance = random.Random(6)

    def holed(values: list[float]) -> list[float | None]:
        return [None if chance.random() < 0.2 else value for value in values]

    found = placebo(holed(noise(1500, 1)))
    assert watched(found, holed(noise(36, 2))).failed_at is None
    assert watched(found, holed(noise(36, 2, 120.0))).failed_at is not None


@pytest.mark.parametrize("history", [[], [1.0] * 35, [1.0] * 120, [None] * 5000, [1.0] * 5000 + [None] * 30])
def test_too_little_history_is_insufficient_data(history: list[float | None]) -> None:
    found = calibrate(history, 0.02)
    assert isinstance(found, InsufficientData)
    assert found.windows < found.needed == 50


def test_the_least_history_holds_one_window_for_each_chance_in_alpha() -> None:
    least = 36 + 36 + 49
    assert isinstance(calibrate(noise(least - 1, 1), 0.02), InsufficientData)
    assert placebo(noise(least, 1)).windows == 50


def test_a_counter_reset_is_a_gap_and_no_fall() -> None:
    assert increases([5, 7, 2, 4, None, 9, 10]) == [None, 2, None, 2, None, None, 1]
    counter = [float(3 * at) for at in range(2000)]
    found = placebo(increases(counter))
    restarted = increases([counter[-1], *(float(3 * at) for at in range(36))])[1:]
    assert watched(found, restarted).failed_at is None


def test_what_the_control_does_too_is_not_the_releases_doing() -> None:
    swing = wandering(1536, 8, 0.99)
    gauge = [one + other for one, other in zip(swing, noise(1536, 9), strict=True)]
    swing[1500:] = [point + 30 for point in swing[1500:]]
    gauge[1500:] = [point + 30 for point in gauge[1500:]]
    difference = beside(gauge, swing)
    found = placebo(difference[:1500])
    assert watched(found, difference[1500:]).failed_at is None
    assert watched(found, (point + 8 for point in difference[1500:] if point)).failed_at is not None
    assert watched(placebo(gauge[:1500]), gauge[1500:]).failed_at is not None
    assert beside([1.0, None, math.nan], [0.5, 1.0, 1.0]) == [0.5, None, None]


# --- state, garbage ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    st.lists(points, max_size=200),
    st.lists(points, max_size=45),
    st.integers(0, 40),
    st.sampled_from([None, 0, 5, 40, 1000]),
    st.sampled_from(["up", "down", "both"]),
)
def test_garbage_never_crashes_and_state_survives_json_at_any_point(
    history: list[float | None],
    after: list[float | None],
    restart: int,
    period: int | None,
    worse: Direction,
) -> None:
    found = calibrate(history, 0.1, period=period, worse=worse)
    if isinstance(found, InsufficientData):
        return
    straight = restarted = watch(found)
    for at, point in enumerate(after):
        if at == restart:
            restarted = loads(GaugeWatch, dumps(restarted))
        straight, restarted = observe(straight, point), observe(restarted, point)
    assert restarted == straight
    assert len(straight.points) <= AFTER[-1]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_an_alpha_that_is_no_chance_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        calibrate([1.0] * 100, alpha)

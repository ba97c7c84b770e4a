"""Samples of the past to counts a tick, and counts to a stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.adapters.signals.prometheus.answer import Series
from lastgood.adapters.signals.prometheus.past import Counting
from lastgood.application.past_metrics import PastRollout, read_metrics
from lastgood.domain.errors import Undecided, UsageError
from lastgood.domain.past import Grown, PastCounters
from lastgood.domain.watching import Access, PrometheusQuery
from lastgood.evidence.replay import detect

START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
STEP = timedelta(seconds=15)


def counting(ticks: int = 4) -> Counting:
    query = PrometheusQuery(Access(("http://127.0.0.1:9090",)), total="total", bad="bad")
    return Counting(PastCounters(query, START, STEP, ticks, STEP))


def series(*samples: tuple[float, float], code: str = "200", instance: str = "a:1") -> Series:
    """Times in seconds from the start."""
    labels = {"job": "shop", "instance": instance, "code": code}
    return Series(labels, tuple((START.timestamp() + at, value) for at, value in samples))


def grown(total: tuple[Series, ...], bad: tuple[Series, ...] = (), ticks: int = 4) -> Grown:
    counted = counting(ticks)
    counted.take(total, bad)
    return counted.grown()


def test_growth_belongs_to_the_tick_of_the_later_sample() -> None:
    found = grown((series((-5, 100), (10, 130), (25, 150), (55, 190), (60, 999)),))
    assert [total for total, _ in found.ticks] == [30, 20, 0, 40]


def test_what_came_before_the_start_is_not_counted_in_it() -> None:
    found = grown((series((-200, 1), (-5, 500), (5, 500), (20, 510)),))
    assert [total for total, _ in found.ticks] == [0, 10, 0, 0]


def test_a_counter_that_begins_anew_counts_from_0_and_one_misread_counts_nothing() -> None:
    assert grown((series((-5, 1000), (10, 1010), (25, 7), (40, 9)),)).total == 10 + 7 + 2
    assert grown((series((-5, 1000), (10, 999), (25, 1001)),)).total == 2


def test_doubled_samples_those_out_of_order_and_impossible_ones_change_nothing() -> None:
    plain = ((-5.0, 10.0), (10.0, 30.0), (25.0, 60.0))
    odd = [*plain[::-1], (11.0, float("nan")), (12.0, float("inf")), (13.0, -4.0), (14.0, 1e300), plain[1]]
    assert grown((series(*odd),)) == grown((series(*plain),))


def test_the_first_error_makes_a_series_and_a_new_instance_is_counted_from_its_second_sample() -> None:
    total = (series((-5, 50), (10, 60), (25, 70)), series((25, 3), code="500"))
    assert grown(total, (series((25, 3), code="500"),)).ticks[1] == (13, 3)
    joined = (series((-5, 0), (10, 5)), series((10, 8000), (25, 8010), instance="b:1"))
    assert [total for total, _ in grown(joined).ticks] == [5, 10, 0, 0]


def test_bad_ones_beyond_all_are_told_as_astray_and_never_as_a_rate_above_one() -> None:
    found = grown((series((-5, 0), (10, 10), (25, 20)),), (series((-5, 0), (10, 100), (25, 300)),))
    assert found.ticks[:2] == ((10, 10), (10, 10))
    assert found.astray == 280


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=40),
    st.lists(st.floats(-300, 60), max_size=4),
)
def test_it_does_not_matter_in_which_spans_it_was_asked(steps: list[int], cuts: list[float]) -> None:
    """A span more or less, also within a tick: the counts are the same, and nothing is lost."""
    samples: list[tuple[float, float]] = []
    for index, step in enumerate(steps):
        samples.append((-299 + 359 * index / len(steps), (samples[-1][1] if samples else 0) + step))
    edges = [-300.0, *sorted(cuts), 60.0]
    parted = counting()
    for since, until in pairwise(edges):
        part = series(*(sample for sample in samples if since <= sample[0] <= until))
        parted.take((part,), (part,))
    whole = grown((series(*samples),), (series(*samples),))
    assert parted.grown().ticks == whole.ticks
    before = [value for at, value in samples if at < 0]
    assert whole.total == samples[-1][1] - before[-1]


# --- the stream --------------------------------------------------------------------------------------------


class Memory:
    """A ReadPast that knows what to answer of each counter, in the rollout and before it."""

    def __init__(self, **known: Grown) -> None:
        self.known, self.asked = known, list[PastCounters]()

    def __call__(self, asked: PastCounters) -> Grown:
        self.asked.append(asked)
        return self.known[asked.query.total + ("_before" if asked.start < START else "")]


def told(*ticks: tuple[int, int], astray: int = 0, bad_seen: bool = True) -> Grown:
    return Grown(ticks, total_seen=any(total for total, _ in ticks), bad_seen=bad_seen, astray=astray)


def rollout(**changes: str) -> PastRollout:
    given = {"total_new": "new", "bad_new": "new_bad", "rollout_at": START.isoformat(), **changes}
    return PastRollout("http://127.0.0.1:9090", **given)  # type: ignore[arg-type]


BESIDE = {"total_old": "old", "bad_old": "old_bad"}


def test_beside_the_old_release_its_past_is_not_asked_for() -> None:
    memory = Memory(new=told((10, 0), (12, 6)), old=told((90, 1), (80, 0)))
    stream = read_metrics(rollout(**BESIDE, until="14:00:30"), memory)
    assert stream["ticks"] == [[10, 0, 90, 1], [12, 6, 80, 0]]
    assert "history" not in stream and len(memory.asked) == 2
    assert (stream["started_at"], stream["tick_seconds"]) == (START.isoformat(), 15.0)


def test_an_old_release_that_was_drained_is_also_told_by_its_past() -> None:
    memory = Memory(
        new=told((10, 0), (90, 1), (99, 9)), old=told((80, 1), (0, 0), (0, 0)), old_before=told((500, 5))
    )
    stream = read_metrics(rollout(**BESIDE, until="14:00:45"), memory)
    assert stream["ticks"] == [[10, 0, 80, 1], [90, 1, 0, 0], [99, 9, 0, 0]]
    assert stream["history"] == [500, 5]


def test_a_bad_release_with_only_a_past_to_compare_is_found() -> None:
    memory = Memory(new=told(*[(100, 1)] * 10, *[(100, 20)] * 20), new_before=told((100_000, 1000)))
    stream = read_metrics(rollout(until="14:07:30"), memory)
    assert 10 <= (detect(stream) or 0) < 20
    past = memory.asked[1]
    assert past.start == START - timedelta(days=1) and past.ticks * past.step == timedelta(days=1)


def test_the_end_is_until_or_the_rollback_or_an_hour_and_empty_ticks_at_the_end_are_cut() -> None:
    for ends, ticks in (({}, 240), ({"rolled_back_at": "14:12:20"}, 50), ({"until": "14:01"}, 4)):
        memory = Memory(new=told((5, 1), (7, 1), (0, 0)), new_before=told((9, 0)))
        stream = read_metrics(rollout(**ends), memory)
        assert memory.asked[0].ticks == ticks
        assert stream["ticks"] == [[5, 1, 0, 0], [7, 1, 0, 0]]


def test_a_long_past_is_asked_in_longer_ticks() -> None:
    memory = Memory(new=told((5, 1)), new_before=told((9, 0)))
    read_metrics(rollout(history="30d", step="1s"), memory)
    past = memory.asked[1]
    assert past.ticks <= 10_000 and past.ticks * past.step >= timedelta(days=30)


def test_counters_of_different_things_are_refused() -> None:
    memory = Memory(new=told((100, 100), astray=500))
    with pytest.raises(UsageError, match="new_bad counted 600 and new only 100"):
        read_metrics(rollout(), memory)
    scraped_apart = Memory(new=told((100, 3), astray=2), new_before=told((9, 0)))
    assert read_metrics(rollout(), scraped_apart)["ticks"] == [[100, 3, 0, 0]]


def test_no_errors_and_a_wrong_selector_are_told_apart_by_whether_it_was_ever_there() -> None:
    with pytest.raises(Undecided, match="never had a sample of new_bad"):
        read_metrics(
            rollout(), Memory(new=told((9, 0), bad_seen=False), new_before=told((9, 0), bad_seen=False))
        )
    known_before = Memory(new=told((9, 0), bad_seen=False), new_before=told((9, 0)))
    assert detect(read_metrics(rollout(), known_before)) is None

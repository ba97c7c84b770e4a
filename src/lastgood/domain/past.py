"""Counters of a time that is over: what is asked of them, and how much they grew in each tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lastgood.domain.watching import PrometheusQuery


@dataclass(frozen=True, slots=True)
class PastCounters:
    """`query` names the counters `total` and `bad`. `ticks` of the length `step` from `start` on; `limit` for
    each answer."""

    query: PrometheusQuery
    start: datetime
    step: timedelta
    ticks: int
    limit: timedelta


@dataclass(frozen=True, slots=True)
class Grown:
    """(all, bad) events of each tick; what was counted between two samples belongs to the tick of the later.

    `total_seen`, `bad_seen`: whether there was a sample of that counter at all. `astray`: bad events beyond
    the number of all events, which no pair of counters of the same thing has."""

    ticks: tuple[tuple[int, int], ...]
    total_seen: bool
    bad_seen: bool
    astray: int = 0

    @property
    def total(self) -> int:
        return sum(total for total, _ in self.ticks)

    @property
    def bad(self) -> int:
        return sum(bad for _, bad in self.ticks)


ReadPast = Callable[[PastCounters], Grown]
"""Raises ActionFailed when the server cannot tell."""

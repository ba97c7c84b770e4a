"""What counters did in a time that is over, from the samples that Prometheus keeps of them.

Asked are raw samples (a selector with a range, https://prometheus.io/docs/prometheus/latest/querying/api/),
not /query_range: that gives the same sample again for each step of five minutes, and hides resets between
steps. They are counted tick by tick as the watch counts them live.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta

from lastgood.adapters.signals.asking import Server, Servers, TooLong
from lastgood.adapters.signals.looking import Unseen
from lastgood.adapters.signals.prometheus.answer import Sample, Series, read_answer
from lastgood.adapters.signals.prometheus.counters import Pair
from lastgood.domain.errors import ActionFailed
from lastgood.domain.past import Grown, PastCounters

WARM_UP = timedelta(minutes=5)
"""Read before the start: growth is told from two samples, and only the second is inside."""
SPAN_SECONDS = 3600  # of one question
SHORTEST_SPAN_SECONDS = 60
WHOLE_LIMIT = timedelta(minutes=10)  # for all questions


def read_past(asked: PastCounters, read_secret: Callable[[str], str]) -> Grown:
    """Raises ActionFailed when the server is gone, refuses, or gives an answer that is none."""
    access = asked.query.access
    try:
        return Servers(access, asked.limit, read_secret).ask(lambda server: _counted(server, asked))
    except Unseen as unseen:
        raise ActionFailed(
            f"Prometheus did not tell the past: {unseen}.",
            "Nothing was judged.",
            "Look whether the address, the way in (--token, --certificates) and the selectors are right, "
            "and ask again.",
        ) from unseen


def _counted(server: Server, asked: PastCounters) -> Grown:
    deadline = time.monotonic() + WHOLE_LIMIT.total_seconds()
    counting = Counting(asked)
    end = counting.start + asked.ticks * counting.step
    since = counting.start - max(WARM_UP.total_seconds(), 2 * counting.step)
    while since < end:
        until = min(since + SPAN_SECONDS, end)
        total = _samples(server, asked.query.total, since, until, deadline)
        counting.take(total, _samples(server, asked.query.bad, since, until, deadline))
        since = until
    return counting.grown()


def _samples(
    server: Server, selector: str, since: float, until: float, deadline: float
) -> tuple[Series, ...]:
    """Of each series in that time, and no others; an answer that is too long is asked for in two parts."""
    if time.monotonic() > deadline:
        raise Unseen(f"not all was told within {WHOLE_LIMIT.total_seconds() / 60:g} minutes")
    span = until - since
    values = {"query": f"{selector}[{round(span * 1000)}ms]", "time": f"{until:.3f}"}
    try:
        answer = read_answer(server.get("/api/v1/query", values))
    except TooLong:
        if span <= SHORTEST_SPAN_SECONDS:
            raise
        middle = since + span / 2
        return (
            *_samples(server, selector, since, middle, deadline),
            *_samples(server, selector, middle, until, deadline),
        )
    if answer.kind != "matrix":
        raise Unseen(f"it gives no samples over time (resultType {answer.kind})")
    return tuple(
        Series(one.labels, tuple(sample for sample in one.samples if since <= sample[0] <= until))
        for one in answer.series
    )


class Counting:
    """Pure but for its memory: samples in, span after span, and the growth in each tick out."""

    def __init__(self, asked: PastCounters) -> None:
        self.start, self.step = asked.start.timestamp(), asked.step.total_seconds()
        self._ticks = [[0, 0] for _ in range(asked.ticks)]
        self._pair = Pair()
        self._inside = self._total_seen = self._bad_seen = False

    def take(self, total: Iterable[Series], bad: Iterable[Series]) -> None:
        """Ticks come in their order; one that two spans share may come in two parts."""
        totals, bads = self._by_tick(total), self._by_tick(bad)
        for tick in sorted({*totals, *bads}):
            if tick >= 0 and not self._inside:
                self._inside = True
                self._pair.forget_waiting()  # it was counted before the start
            grown = self._pair.take(totals.get(tick, ()), bads.get(tick, ()))
            if 0 <= tick < len(self._ticks):
                self._total_seen |= tick in totals
                self._ticks[tick][0] += grown[0]
                self._ticks[tick][1] += grown[1]
            self._bad_seen |= tick in bads

    def grown(self) -> Grown:
        astray = self._pair.waiting_bad if self._inside else 0
        ticks = tuple((total, bad) for total, bad in self._ticks)
        return Grown(ticks, self._total_seen, self._bad_seen, int(astray))

    def _by_tick(self, series: Iterable[Series]) -> dict[int, list[Series]]:
        found: dict[int, list[Series]] = defaultdict(list)
        for one in series:
            cut: dict[int, list[Sample]] = defaultdict(list)
            for sample in one.samples:
                cut[int((sample[0] - self.start) // self.step)].append(sample)
            for tick, samples in cut.items():
                found[tick].append(Series(one.labels, tuple(samples)))
        return dict(found)

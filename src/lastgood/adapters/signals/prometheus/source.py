"""PrometheusSource: numbers and pairs of counters, each arm by its own query, all from one server.

Everything that is compared in time is told by the server's clock: a jump of ours changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TypeVar

from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.asking import Server, Servers
from lastgood.adapters.signals.looking import Look, LookingSource, Unseen, unknown
from lastgood.adapters.signals.prometheus.answer import Answer, finite, one_number, read_answer
from lastgood.adapters.signals.prometheus.counters import Pair
from lastgood.adapters.signals.repeating import utc_now
from lastgood.domain.signal import Reading
from lastgood.domain.system import fill
from lastgood.domain.watching import Measure, PrometheusQuery, WatchedSignal, in_promql, tells_apart

_A = TypeVar("_A")
_B = TypeVar("_B")
HISTORY_TRIES = 3
MOST_POINTS = 5000  # of a history; Prometheus itself gives at most 11,000


def prometheus_source(
    signal: WatchedSignal, seen: PrometheusQuery, arms: Arms, read_secret: Callable[[str], str]
) -> LookingSource:
    apart = tells_apart((seen.query, seen.total, seen.bad))
    places: dict[str, Mapping[str, str]] = {
        arm.id: in_promql(arm.places()) for arm in (arms.both() if apart else ())
    } or {"": in_promql(arms.new.places())}

    def begin() -> Look:
        return _Looking(signal, seen, arms, places, Servers(seen.access, signal.limit, read_secret)).look

    return LookingSource(signal.name, signal.every, tuple(places), begin)


class _Looking:
    def __init__(
        self,
        signal: WatchedSignal,
        seen: PrometheusQuery,
        arms: Arms,
        places: Mapping[str, Mapping[str, str]],
        servers: Servers,
    ) -> None:
        self._signal, self._seen, self._arms = signal, seen, arms
        self._places, self._servers = places, servers
        self._server = ""
        self._clock = -math.inf  # the server's, at the last look
        self._pairs: dict[str, Pair] = {}
        self._history_tries: dict[str, int] = {}

    def look(self) -> tuple[Reading, ...]:
        return self._servers.ask(self._round)

    def _round(self, server: Server) -> tuple[Reading, ...]:
        now = one_number(_ask(server, "time()"))[0]
        if not math.isfinite(now):
            raise Unseen("it does not know the time")
        if server.address != self._server or now < self._clock - self._seen.stale_after.total_seconds():
            self._begin_anew(
                server.address
            )  # another server, or a clock that was put back: nothing carries on
        self._clock = max(now, self._clock)
        return tuple(
            reading for instance_id in self._places for reading in self._of_instance(server, instance_id, now)
        )

    def _begin_anew(self, address: str) -> None:
        self._server, self._clock = address, -math.inf
        self._pairs = {instance_id: Pair() for instance_id in self._places}
        wanted = self._places if self._signal.history > timedelta(0) else ()
        self._history_tries = {one: HISTORY_TRIES for one in wanted if one != self._arms.new.id}

    def _of_instance(self, server: Server, instance_id: str, now: float) -> tuple[Reading, ...]:
        """Unseen here is the arm's own: the server answered for the others."""
        fill_in = partial(fill, values=self._places[instance_id])
        try:
            if self._signal.measures is Measure.GAUGE:
                live = self._gauge(server, instance_id, fill_in(self._seen.query), now)
            else:
                live = self._errors(server, instance_id, fill_in, now)
            return (*self._history(server, instance_id, fill_in, now), live)
        except _Answered as answered:
            return (unknown(self._signal.name, instance_id, str(answered)),)

    def _gauge(self, server: Server, instance_id: str, query: str, now: float) -> Reading:
        answer = _ask(server, query, now)
        with_value = _answered(one_number, answer)
        if answer.kind == "vector":
            sampled = _answered(one_number, _ask(server, f"timestamp({query})", now))[1]
            self._require_fresh(now - sampled)
        return Reading(self._signal.name, "gauge", instance_id, utc_now(), value=with_value[1])

    def _errors(self, server: Server, instance_id: str, fill_in: Callable[[str], str], now: float) -> Reading:
        window = round(max((2 * self._signal.every + self._seen.stale_after).total_seconds(), 1))
        bad = _ask(server, f"{fill_in(self._seen.bad)}[{window}s]", now)
        total = _ask(server, f"{fill_in(self._seen.total)}[{window}s]", now)
        pair = self._pairs[instance_id]
        if not total.series:
            raise _Answered(f"it has no samples of {fill_in(self._seen.total)}")
        total_grown, bad_grown = pair.take(total.series, bad.series)
        self._require_fresh(now - pair.newest)
        return Reading(self._signal.name, "errors", instance_id, utc_now(), total_grown, bad_grown)

    def _require_fresh(self, age_seconds: float) -> None:
        if age_seconds > self._seen.stale_after.total_seconds():
            raise _Answered(f"its newest sample is {age_seconds:.0f} s old")

    def _history(
        self, server: Server, instance_id: str, fill_in: Callable[[str], str], now: float
    ) -> tuple[Reading, ...]:
        """Once a server, up to the start of the new instance: of the old arm, or of the whole service.
        Where it cannot be had the signal goes on without it."""
        if not self._history_tries.get(instance_id):
            return ()
        self._history_tries[instance_id] -= 1
        began = self._arms.new.instance.started_at
        end = now - max(0.0, (utc_now() - began).total_seconds())
        counts = self._signal.measures is Measure.ERRORS
        try:
            told = (self._counted if counts else self._pointed)(server, instance_id, fill_in, end, now)
        except (Unseen, _Answered):
            return ()
        self._history_tries[instance_id] = 0
        return told

    def _counted(
        self, server: Server, instance_id: str, fill_in: Callable[[str], str], end: float, now: float
    ) -> tuple[Reading, ...]:
        over = f"[{round(self._signal.history.total_seconds())}s]"
        total = _sum_at(server, f"sum(increase({fill_in(self._seen.total)}{over}))", end)
        bad = _sum_at(server, f"sum(increase({fill_in(self._seen.bad)}{over}))", end)
        counted = round(total), min(round(bad), round(total))
        return (Reading(self._signal.name, "history", instance_id, utc_now(), *counted),) if total else ()

    def _pointed(
        self, server: Server, instance_id: str, fill_in: Callable[[str], str], end: float, now: float
    ) -> tuple[Reading, ...]:
        span = self._signal.history.total_seconds()
        step = max(self._signal.every.total_seconds(), span / MOST_POINTS, 1.0)
        values = {
            "query": fill_in(self._seen.query),
            "start": f"{end - span:.3f}",
            "end": f"{end:.3f}",
            "step": f"{step:.3f}",
        }
        points = finite(read_answer(server.get("/api/v1/query_range", values)).series)
        ours = utc_now().timestamp() - now  # from the server's clock to this one's
        told = tuple((at + ours, value) for at, value in points)
        return (Reading(self._signal.name, "history", instance_id, utc_now(), history=told),) if told else ()


class _Answered(Exception):
    """The server answered well; what it said is that nothing is known of this instance."""


def _ask(server: Server, query: str, at: float | None = None) -> Answer:
    values = {"query": query} if at is None else {"query": query, "time": f"{at:.3f}"}
    return read_answer(server.get("/api/v1/query", values))


def _sum_at(server: Server, query: str, at: float) -> float:
    """0 where there were no samples."""
    answer = _ask(server, query, at)
    return max(0.0, one_number(answer)[1]) if answer.series else 0.0


def _answered(read: Callable[[_A], _B], answer: _A) -> _B:
    try:
        return read(answer)
    except Unseen as unseen:
        raise _Answered(str(unseen)) from unseen

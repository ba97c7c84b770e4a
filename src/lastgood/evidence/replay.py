"""Replay: a recorded rollout is judged tick by tick, as the watch would have judged it live.

    kind          fields
    errors,probe  alpha, horizon (ticks of the watch), ticks [[nc, xc, nb, xb], ...] (nb = 0: nothing runs
                  beside), then p0 (known rate) or history [n, x]; optional r0, d; unit request or tick;
                  optional cluster
    latency       alpha, horizon, history (old samples), ticks [[[new ...], [old ...]], ...]; optional
                  concurrent, slack (margin), cluster (design effect)
    gauge         alpha, history, period (points a day), ticks
    promote       as errors, and r1

Everything is read when its tick comes, so the answer at a tick depends on nothing later. A stream that is not
of this form raises UsageError naming the field; numbers that no service can have produced (NaN, negative,
more errors than requests) are no observation: the tick passes without evidence, as it would live.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

from lastgood.domain.errors import UsageError
from lastgood.evidence import promotion
from lastgood.evidence.counts import Counts
from lastgood.evidence.limit import limit_requests
from lastgood.evidence.stream import Stream, arms, counts, kind_of, number, pair, ticks
from lastgood.evidence.watches import GaugeWatch, Watch, promotion_watch, watch


def detect(stream: Stream) -> int | None:
    """The index (from 0) of the tick after which to roll back; None where there is no reason to.

    Raises UsageError for a stream that is not of the form above."""
    if kind_of(stream) == "promote":
        raise UsageError(
            "kind is 'promote'.", "That asks whether a release is good.", "Use promote, or the kind errors."
        )
    return _first(watch(stream), stream)


def promote(stream: Stream) -> int | None:
    """The index (from 0) of the tick after which the release is good enough; None where that was never shown.

    Takes the kinds promote, errors and probe. Raises UsageError for a stream that is not of their form."""
    if kind_of(stream) not in ("promote", "errors", "probe"):
        raise UsageError(
            f"kind is {stream['kind']!r}.",
            "Whether a release is good is told by errors and probes.",
            "Write the kind promote.",
        )
    return _first(promotion_watch(stream), stream)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a replay showed. `logs`: natural logarithm of the evidence after each tick; `at`: index of the
    tick that decided; `needed`: the logarithm that decides. `served`, `errors`: requests of the new release
    (for latencies: samples) until then, or in all. `limit`: requests that the fastest test would need at the
    rates of the whole recording; None where that is not asked. `missing`: why nothing can be said."""

    kind: str
    alpha: float
    needed: float
    logs: tuple[float, ...]
    at: int | None
    served: float
    errors: float
    limit: float | None
    ignored: int
    missing: str = ""


def trace(stream: Stream) -> Trace:
    """The evidence after every tick, beyond the decision too. Raises UsageError as detect does."""
    watching = watch(stream)
    kind = kind_of(stream)
    logs: list[float] = []
    at = None
    total, until = Counts(), Counts()
    for index, tick in enumerate(ticks(stream)):
        decided = watching.step(tick)
        logs.append(watching.log_value)
        total = total + _counted(kind, tick, index)
        if at is None:
            until = total
            at = index if decided else None
    return Trace(
        kind,
        number(stream, "alpha", promotion.ALPHA if kind == "promote" else None),
        -log(watching.level),
        tuple(logs),
        at,
        until.nc,
        until.xc,
        _limit(stream, kind, total, watching.level),
        watching.ignored,
        watching.missing if isinstance(watching, GaugeWatch) else "",
    )


def _first(watching: Watch, stream: Stream) -> int | None:
    for index, tick in enumerate(ticks(stream)):
        if watching.step(tick):
            return index
    return None


def _counted(kind: str, tick: object, index: int) -> Counts:
    if kind == "gauge":
        return Counts(1.0)
    if kind == "latency":
        new, old = arms(tick, index)
        return Counts(len(new), 0.0, len(old), 0.0)
    found = counts(tick, index)
    return found if found.possible else Counts()


def _limit(stream: Stream, kind: str, total: Counts, level: float) -> float | None:
    """By the rates of the whole recording: hindsight, for comparison only."""
    if kind not in ("errors", "probe") or total.nc == 0:
        return None
    r0, d = number(stream, "r0", 1.0), number(stream, "d", 0.0)
    pc = total.xc / total.nc
    if total.nb > 0:
        found = limit_requests(level, pc, total.xb / total.nb, total.nb / total.nc, r0, d)
    else:
        past = pair(stream, "history")
        if stream.get("p0") is None and past is None:
            return None
        p0 = number(stream, "p0", past[1] / past[0] if past else None)
        found = limit_requests(level, pc, p0, None, r0, d)
    return found if found < inf else None

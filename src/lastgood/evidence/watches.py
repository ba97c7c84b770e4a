"""One watch a kind of stream: each reads its ticks and asks its own test. See replay.py for the streams."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, log
from typing import Protocol

from lastgood.domain.errors import UsageError
from lastgood.evidence import errors, gauge, latency, promotion
from lastgood.evidence.stream import Stream, arms, counts, kind_of, number, pair, sample, samples, whole


class Watch(Protocol):
    """One signal of one rollout. `level`: the alpha that its test has; `ignored`: what was no observation."""

    level: float

    def step(self, tick: object) -> bool:
        """Take in the next tick; True when the answer is there (and ever after)."""

    @property
    def log_value(self) -> float:
        """Natural logarithm of the evidence now: log M, or for a gauge 0 and then log(1/alpha)."""

    @property
    def ignored(self) -> int: ...


def watch(stream: Stream) -> Watch:
    """A watch for the stream's kind; its ticks are for the caller to step through."""
    return _WATCHES[kind_of(stream)](stream)


class _ErrorWatch:
    def __init__(self, test: errors.ErrorTest) -> None:
        self._test, self._evidence, self._index = test, errors.begin(test), -1
        self.level = test.level

    def step(self, tick: object) -> bool:
        self._index += 1
        self._evidence = errors.take_in(self._test, self._evidence, counts(tick, self._index))
        return errors.failed(self._test, self._evidence)

    @property
    def log_value(self) -> float:
        return self._evidence.capital.log_value

    @property
    def ignored(self) -> int:
        return self._evidence.ignored


class _PromotionWatch:
    def __init__(self, test: promotion.PromotionTest) -> None:
        self._test, self._evidence, self._index = test, promotion.begin(test), -1
        self.level = test.settings.level

    def step(self, tick: object) -> bool:
        self._index += 1
        self._evidence = promotion.take_in(self._test, self._evidence, counts(tick, self._index))
        return promotion.good(self._test, self._evidence)

    @property
    def log_value(self) -> float:
        return self._evidence.capital.log_value

    @property
    def ignored(self) -> int:
        return self._evidence.ignored


class _LatencyWatch:
    def __init__(self, test: latency.LatencyTest, history: list[float | None]) -> None:
        self._test, self._evidence, self._index = test, latency.begin(test, history), -1
        self.level = test.alpha

    def step(self, tick: object) -> bool:
        self._index += 1
        new, old = arms(tick, self._index)
        self._evidence = latency.take_in(self._test, self._evidence, new, old)
        return latency.failed(self._test, self._evidence)

    @property
    def log_value(self) -> float:
        return self._evidence.capital.log_value

    @property
    def ignored(self) -> int:
        return self._evidence.ignored


class GaugeWatch:
    def __init__(self, placebo: gauge.Placebo | gauge.InsufficientData, alpha: float) -> None:
        self.level, self.ignored, self._index = alpha, 0, -1
        self.missing = placebo.reason if isinstance(placebo, gauge.InsufficientData) else ""
        self._state = None if isinstance(placebo, gauge.InsufficientData) else gauge.watch(placebo)

    def step(self, tick: object) -> bool:
        self._index += 1
        point = sample(tick, f"ticks[{self._index}]")
        self.ignored += point is None or not isfinite(point)
        if self._state is None:
            return False
        self._state = gauge.observe(self._state, point)
        return self._state.failed_at is not None

    @property
    def log_value(self) -> float:
        return -log(self.level) if self._state is not None and self._state.failed_at is not None else 0.0


def _errors(stream: Stream) -> Watch:
    return _ErrorWatch(
        errors.ErrorTest(
            number(stream, "alpha"),
            whole(stream, "horizon"),
            p0=number(stream, "p0") if stream.get("p0") is not None else None,
            history=pair(stream, "history"),
            r0=number(stream, "r0", 1.0),
            d=number(stream, "d", 0.0),
            unit=stream.get("unit") or "tick",
            cluster=number(stream, "cluster") if stream.get("cluster") is not None else None,
        )
    )


def promotion_watch(stream: Stream) -> Watch:
    return _PromotionWatch(
        promotion.PromotionTest(
            number(stream, "alpha", promotion.ALPHA),
            p0=number(stream, "p0") if stream.get("p0") is not None else None,
            history=pair(stream, "history"),
            r1=number(stream, "r1", promotion.R1),
            d=number(stream, "d", 0.0),
            unit=stream.get("unit") or "tick",
            cluster=number(stream, "cluster") if stream.get("cluster") is not None else None,
        )
    )


def _latency(stream: Stream) -> Watch:
    test = latency.LatencyTest(
        number(stream, "alpha"),
        whole(stream, "horizon"),
        concurrent=bool(stream.get("concurrent") or False),
        slack=number(stream, "slack", 0.0),
        cluster=number(stream, "cluster", 1.0),
    )
    return _LatencyWatch(test, samples(stream, "history") if stream.get("history") is not None else [])


def _gauge(stream: Stream) -> Watch:
    alpha = number(stream, "alpha")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha}.", "Nothing was judged.", "Write a probability such as 0.01.")
    period = whole(stream, "period") if stream.get("period") is not None else None
    return GaugeWatch(gauge.calibrate(samples(stream, "history"), alpha, period=period), alpha)


_WATCHES: dict[str, Callable[[Stream], Watch]] = {
    "errors": _errors,
    "probe": _errors,
    "promote": promotion_watch,
    "latency": _latency,
    "gauge": _gauge,
}

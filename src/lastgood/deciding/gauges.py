"""Gauges of the documents' signals: numbers after the deploy beside what the past would have shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf, log

from lastgood.domain.signal import Reading
from lastgood.domain.watching import WatchedSignal
from lastgood.evidence import gauge

_DAY = timedelta(days=1)
_WORSE: dict[str, gauge.Direction] = {"up": "up", "down": "down", "both": "both"}


@dataclass(frozen=True, slots=True)
class Gauge:
    """`state`: None until the history came; `missing`: why it cannot say anything. `step_seconds`: from point
    to point in the history, and so in the watch, however often the number is read; `at`: Unix seconds of the
    newest point."""

    state: gauge.GaugeWatch | None = None
    missing: str = "no history came yet"
    step_seconds: float = 0.0
    at: float = 0.0

    @property
    def log_capital(self) -> float:
        """0 while nothing can be said: a gauge that is not watched neither wins nor loses."""
        if self.state is None:
            return 0.0
        return log(self.state.capital) if self.state.capital else -inf


def take_in(found: Gauge, reading: Reading, signal: WatchedSignal, alpha: float) -> Gauge:
    """A history calibrates once; of the numbers afterwards, one a step of the history is a point."""
    if reading.kind == "history":
        return found if found.state is not None else _calibrated(found, reading, signal, alpha)
    now = reading.at.timestamp()
    if found.state is None or reading.value is None or now < found.at + found.step_seconds:
        return found
    return replace(found, state=gauge.observe(found.state, reading.value), at=now)


def _calibrated(found: Gauge, reading: Reading, signal: WatchedSignal, alpha: float) -> Gauge:
    times = [at for at, _ in reading.history]
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    period = round(_DAY.total_seconds() / step) if step > 0 else None
    points = [value for _, value in reading.history]
    answer = gauge.calibrate(points, alpha, period=period, worse=_WORSE[signal.direction.value])
    if isinstance(answer, gauge.InsufficientData):
        return replace(found, missing=answer.reason)
    return Gauge(gauge.watch(answer), "", step, times[-1] if times else 0.0)

"""What is asked of each signal of a watch: tests, alpha and weights, fixed before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from lastgood.domain.policy import Detection
from lastgood.domain.watching import SYNTHETIC, Measure
from lastgood.evidence import errors
from lastgood.evidence.errors import ErrorTest
from lastgood.evidence.latency import LatencyTest
from lastgood.evidence.promotion import PromotionTest

TICK = timedelta(milliseconds=250)
ACCEPTED_ERROR_RATE = 0.05  # of a first release, with nothing to compare with

REQUEST_WEIGHTS = {"errors": 0.5, "slow": 0.25, "latency": 0.25}
_SIGNALS_SHARE = 0.4  # of the evidence, for all signals of the documents together
_LATENCIES_HANG_TOGETHER = 4.0  # design effect: requests of one tick share locks, caches and a processor
_GOOD_AT = 0.05  # the chance of calling a release good enough that is not


@dataclass(frozen=True, slots=True)
class Arm:
    """Requests of one release, or events of one signal."""

    total: int = 0
    errors: int = 0
    slow: int = 0

    def __add__(self, other: Arm) -> Arm:
        return Arm(self.total + other.total, self.errors + other.errors, self.slow + other.slow)


def error_test(detection: Detection, name: str, past: Arm | None = None, beside: bool = False) -> ErrorTest:
    """0.9 alpha beside the old release, and 0.9 alpha with a history, whose bound may be wrong with the rest:
    alpha in all. Nothing to compare with: an accepted rate."""
    alpha, horizon = detection.false_alarm, _horizon(detection)
    if beside:
        return ErrorTest((1 - errors.HISTORY_SHARE) * alpha, horizon)
    if past is not None and past.total:
        bad = min(past.slow if name == "slow" else past.errors, past.total)
        return ErrorTest(alpha, horizon, history=(past.total, bad))
    return ErrorTest((1 - errors.HISTORY_SHARE) * alpha, horizon, p0=ACCEPTED_ERROR_RATE)


def good_test(detection: Detection) -> PromotionTest:
    # real and written requests may each show it: two ways to be wrong share the chance
    level = _GOOD_AT if detection.synthetic is None else _GOOD_AT / 2
    return PromotionTest(level, r1=detection.good_ratio, d=detection.good_below, unit="request")


def latency_test(detection: Detection) -> LatencyTest:
    return LatencyTest(
        detection.false_alarm,
        _horizon(detection),
        concurrent=True,
        slack=detection.latency_margin or 0.0,
        cluster=_LATENCIES_HANG_TOGETHER,
    )


def weights(detection: Detection) -> dict[str, float]:
    """Of each signal, fixed before anything is seen."""
    requests = dict(REQUEST_WEIGHTS)
    if detection.slow_after is None:
        del requests["slow"]
    if detection.latency_margin is None:
        del requests["latency"]
    others = {
        signal.name: signal.weight for signal in detection.signals if signal.measures is not Measure.PRESENCE
    }
    if detection.synthetic is not None:
        others[SYNTHETIC] = detection.synthetic.weight
    share = _SIGNALS_SHARE if others else 0.0
    shares = {name: (1 - share) * weight / sum(requests.values()) for name, weight in requests.items()}
    return shares | {name: share * weight / sum(others.values()) for name, weight in others.items()}


def is_gauge(detection: Detection, name: str) -> bool:
    return any(signal.name == name and signal.measures is Measure.GAUGE for signal in detection.signals)


def _horizon(detection: Detection) -> int:
    """Ticks of the whole watch."""
    watch = sum((step.at_most for step in detection.canary), detection.bake)
    return max(1, ceil(watch / TICK))

"""What Prometheus answers (https://prometheus.io/docs/prometheus/latest/querying/api/). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lastgood.adapters.signals.looking import Unseen

MOST_SERIES = 1000

Sample = tuple[float, float]
"""(Unix seconds by the server's clock, value). The value may be NaN or infinite."""


@dataclass(frozen=True, slots=True)
class Series:
    labels: Mapping[str, str]
    samples: tuple[Sample, ...]

    @property
    def key(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.labels.items())


@dataclass(frozen=True, slots=True)
class Answer:
    kind: str  # scalar | vector | matrix
    series: tuple[Series, ...]


def read_answer(told: Any) -> Answer:
    """The series of a good and whole answer. Raises Unseen for any other."""
    if not isinstance(told, dict) or told.get("status") != "success":
        raise Unseen("its answer is none of Prometheus")
    if warnings := told.get("warnings"):  # Thanos and others tell so that part of the data is missing
        first = str(warnings[0] if isinstance(warnings, list) else warnings)
        raise Unseen(f"its answer is partial: {first[:200]}")
    data = told.get("data")
    if not isinstance(data, dict):
        raise Unseen("its answer holds no data")
    kind, result = data.get("resultType"), data.get("result")
    if not isinstance(result, list) or kind not in ("scalar", "vector", "matrix"):
        raise Unseen(f"its answer is no number (resultType {str(kind)[:20]})")
    if kind == "scalar":
        return Answer("scalar", (Series({}, (_sample(result),)),))
    if len(result) > MOST_SERIES:
        raise Unseen(f"it gives {len(result):,} series; select fewer, or aggregate them with sum()")
    return Answer(kind, tuple(_series(entry, kind) for entry in result))


def one_number(answer: Answer) -> Sample:
    """The only sample of a scalar or a vector. Raises Unseen for none, several, NaN and infinities."""
    if not answer.series:
        raise Unseen("it has no value")
    if len(answer.series) > 1 or answer.kind == "matrix":
        raise Unseen(f"it gives {len(answer.series)} series where one number is asked; aggregate with sum()")
    at, value = answer.series[0].samples[0]
    if not math.isfinite(value):
        raise Unseen(f"its value is {value}")
    return at, value


def finite(series: tuple[Series, ...]) -> tuple[Sample, ...]:
    """The finite samples of one series, oldest first, one an instant. Raises Unseen for several series."""
    if len(series) > 1:
        raise Unseen(f"it gives {len(series)} series where one number is asked; aggregate with sum()")
    found = {at: value for one in series for at, value in one.samples if math.isfinite(value)}
    return tuple(sorted(found.items()))


def _series(entry: Any, kind: str) -> Series:
    if not isinstance(entry, dict):
        raise Unseen("its answer holds a series that is none")
    labels = entry.get("metric")
    samples = [entry.get("value")] if kind == "vector" else entry.get("values")
    if not isinstance(labels, dict) or not isinstance(samples, list):
        raise Unseen("its answer holds a series that is none")
    texts = {str(name): str(value) for name, value in labels.items()}
    return Series(texts, tuple(_sample(pair) for pair in samples))


def _sample(pair: Any) -> Sample:
    try:
        at, value = pair
        at = float(at)
        value = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unseen("its answer holds a value that is no number") from error
    if not math.isfinite(at):
        raise Unseen("its answer holds a time that is none")
    return at, value

"""Signals: what is observed of a service, and the verdict that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Probe:
    """A question asked of a running instance. `target` may hold ${host} and ${port} of the instance.

    kind `http`: target is a path ("/health") or a whole URL; passes on a status in `statuses`
    (empty: 200 to 399). kind `tcp`: passes when a connection opens. kind `command`: target is not
    used, `command` runs without a shell and passes with exit code 0.
    """

    name: str
    kind: str
    target: str = ""
    command: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    every: timedelta = timedelta(seconds=1)
    limit: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one signal saw of one instance since its last reading: `bad` of `total` observations.

    A probe or an invariant gives total 1. The process signal gives `total` = `bad` = exits seen.
    `latencies_seconds` holds one entry a request where the signal knows it.
    """

    signal: str
    kind: str  # outcomes | probe | exit | invariant
    instance_id: str
    at: datetime
    total: int
    bad: int
    detail: str = ""
    latencies_seconds: tuple[float, ...] = ()


class Outcome(StrEnum):
    HEALTHY = "healthy"
    FAILED = "failed"
    UNDECIDED = "undecided"
    INSUFFICIENT = "insufficient data"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` are plain sentences; `false_alarm` bounds the chance of failing a healthy release."""

    outcome: Outcome
    signal: str
    reasons: tuple[str, ...]
    false_alarm: float
    data_suspect: bool = False  # an invariant of the data is broken: data may have to go back too
    figures: Mapping[str, float] = field(default_factory=dict)

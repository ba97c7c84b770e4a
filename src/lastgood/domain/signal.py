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

    kind         total, bad                               and
    outcomes     requests, failed ones                    `latencies_seconds`, one a request, where known
    probe        1, whether it failed
    exit         exits seen, the same
    invariant    1, whether it is broken
    errors       events counted, bad ones                 requests by counters, or lines of a log
    gauge                                                 `value`, always a finite number
    alert        alerts that burn, those that began since the release
    fingerprint  lines of one kind of error that the old release never logged (the kind in `detail`)
    history      events, bad ones in the time before      or `history`: (Unix seconds, value), oldest first
    unknown                                               why the signal cannot be seen, in `detail`

    `unknown` comes when that begins and when its reason changes; any other reading of the same signal and
    instance ends it. A signal that cannot tell the instances apart gives an empty `instance_id`: it speaks
    of the service as a whole. A `history` replaces what came before it of that signal and instance.
    """

    signal: str
    kind: str
    instance_id: str
    at: datetime
    total: int = 0
    bad: int = 0
    detail: str = ""
    latencies_seconds: tuple[float, ...] = ()
    value: float | None = None
    history: tuple[tuple[float, float], ...] = ()


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

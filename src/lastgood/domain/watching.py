"""Watched signals: what else than requests, probes, exits and invariants tells of a release, and where.

Texts may hold ${instance}, ${release}, ${label}, ${host} and ${port} of an instance: the signal then tells
the new release from the old one beside it. Without one of these it speaks of the service as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

PLACES = ("instance", "release", "label", "host", "port")


class Measure(StrEnum):
    ERRORS = "errors"  # bad ones among all: readings of kind `errors`
    GAUGE = "gauge"  # a number: readings of kind `gauge`
    PRESENCE = "presence"  # something is there that should not be: `alert`


class Direction(StrEnum):
    """Which way a gauge gets worse."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Access:
    """How a server is asked. `token` and `password` are references to secrets, never the secrets. `servers`
    hold the same data: the first that answers is asked, and its answers are never mixed with another's."""

    servers: tuple[str, ...]
    token: str = ""
    user: str = ""
    password: str = ""
    certificates: Path | None = None  # the certificate authorities to trust, PEM


@dataclass(frozen=True, slots=True)
class PrometheusQuery:
    """Either `query`, which gives one number, or the counters `total` and `bad`, as plain selectors."""

    access: Access
    query: str = ""
    total: str = ""
    bad: str = ""
    stale_after: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AlertsOfAlertmanager:
    """Asked by its API, or told by its webhook where `listen` is given (HOST:PORT; `token` is a reference).

    An alert that burned before the release counts only after it was gone for `settled_after`."""

    access: Access
    matchers: tuple[str, ...]
    listen: str = ""
    token: str = ""
    settled_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ErrorLines:
    """What makes a line an error: one of the `patterns` (regular expressions), or a level in the JSON field
    `level_field` that is `at_least` or above. With `new_kinds`, kinds of errors that the old release never
    logged are told one by one."""

    patterns: tuple[str, ...] = ()
    level_field: str = "level"
    at_least: str = "error"
    new_kinds: bool = True


@dataclass(frozen=True, slots=True)
class LogFile:
    """`path` is empty for the output of the instances themselves."""

    lines: ErrorLines
    path: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """`matches` as journalctl takes them: FIELD=VALUE. `folder` is another journal than this machine's."""

    lines: ErrorLines
    matches: tuple[str, ...]
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class StoreQuery:
    store: str
    query: str  # gives one number


@dataclass(frozen=True, slots=True)
class NumberCommand:
    command: tuple[str, ...]  # prints one number


@dataclass(frozen=True, slots=True)
class MemoryGrowth:
    """Bytes a minute that an instance grows by, over the last `window`."""

    window: timedelta = timedelta(minutes=5)


Seen = PrometheusQuery | AlertsOfAlertmanager | LogFile | Journal | StoreQuery | NumberCommand | MemoryGrowth


@dataclass(frozen=True, slots=True)
class WatchedSignal:
    """`weight` is its share of the evidence beside the other signals; `history` is how far before the release
    it is looked back, zero where nothing is kept of the past."""

    name: str
    measures: Measure
    seen: Seen
    direction: Direction = Direction.UP
    weight: float = 1.0
    every: timedelta = timedelta(seconds=5)
    limit: timedelta = timedelta(seconds=5)
    history: timedelta = timedelta(0)


SYNTHETIC = "synthetic"  # the name of that signal
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class WrittenRequest:
    """`statuses` that are right; empty: 200 to 399."""

    method: str
    path: str
    body: str = ""
    content_type: str = "application/json"
    statuses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Written requests for a candidate that gets fewer real ones than needed. `weight` as of a signal."""

    requests: tuple[WrittenRequest, ...]
    per_second: float = 5.0
    limit: timedelta = timedelta(seconds=2)
    weight: float = 1.0


def tells_apart(texts: tuple[str, ...]) -> bool:
    """Whether one of the texts holds a place of an instance."""
    return any(f"${{{place}}}" in text for text in texts for place in PLACES)


def in_promql(values: Mapping[str, str]) -> dict[str, str]:
    """The values as they may stand between double quotes of PromQL and of Alertmanager's matchers."""
    return {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in values.items()}

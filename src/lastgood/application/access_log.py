"""An access log as a stream to replay: requests and server errors a tick, of the new release and the old.

Lines are of the combined (or common) format, or JSON objects one a line; a request failed when its status is
500 or above. The new release's lines are those that a pattern matches (its upstream's address, its version);
without one, all from the rollout on, and what was before is the history of the old release.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any

from lastgood.application.replaying import parse_time
from lastgood.domain.errors import UsageError
from lastgood.evidence.stream import Stream

MOST_TICKS = 100_000
HORIZON = 300  # ticks; not the length of the log, which no watch knows beforehand
_COMBINED = re.compile(r'\[([^\]]{20,32})\] "(?:[^"\\]|\\.)*" (\d{3})(?: |$)')
_TIME_FIELDS = ("time", "timestamp", "@timestamp", "ts", "time_iso8601", "time_local", "date")
_STATUS_FIELDS = ("status", "status_code", "code", "response_code", "http_status")


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    failed: bool
    new: bool


def read_log(file: Path, rollout_at: str, pattern: str | None, tick_seconds: float, alpha: float) -> Stream:
    """The stream (kind errors) of a log file. Raises UsageError for a file that cannot be read, a pattern
    that is none, a time that is none, and a log without requests of the new release."""
    if not (isfinite(tick_seconds) and 0.001 <= tick_seconds <= 86_400):
        raise UsageError(f"tick is {tick_seconds}.", "Nothing was judged.", "Write seconds, such as 10.")
    rollout = parse_time("rollout-at", rollout_at)
    try:
        marked = re.compile(pattern) if pattern is not None else None
    except re.error as error:
        raise UsageError(
            f"new is no regular expression: {error}.", "Nothing was judged.", "Write one, such as ':8081 '."
        ) from None
    try:
        with file.open(errors="replace") as lines:
            return stream_of(parse(lines, marked, rollout), rollout, tick_seconds, alpha, marked is not None)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}.", "Nothing was judged.", "Name a log that is there."
        ) from None


def parse(lines: Iterable[str], marked: re.Pattern[str] | None, rollout: datetime) -> Iterator[Line]:
    """Lines that are no requests are passed over."""
    for text in lines:
        found = _of_json(text) if text.lstrip().startswith("{") else _of_combined(text)
        if found is not None:
            at, status = found
            new = at >= rollout if marked is None else marked.search(text) is not None
            yield Line(at, status >= 500, new)


def stream_of(
    lines: Iterable[Line], rollout: datetime, tick_seconds: float, alpha: float, beside: bool
) -> Stream:
    """Counts a tick from the rollout on; `beside`: the old release's requests are counted in each tick."""
    length = timedelta(seconds=tick_seconds)
    ticks: dict[int, list[int]] = {}
    before = [0, 0]
    for line in lines:
        if line.at < rollout:
            before[0] += 1
            before[1] += line.failed
            continue
        counts = ticks.setdefault((line.at - rollout) // length, [0, 0, 0, 0])
        first = 0 if line.new else 2
        counts[first] += 1
        counts[first + 1] += line.failed
    if not any(counts[0] for counts in ticks.values()):
        raise UsageError(
            "The log holds no request of the new release.",
            "Nothing was judged.",
            "Look at --rollout-at (its time zone too) and --new.",
        )
    last = max(ticks)
    if last >= MOST_TICKS:
        raise UsageError(
            f"The log goes on for {last + 1} ticks.", "Nothing was judged.", "Write a longer --tick."
        )
    stream: dict[str, Any] = {
        "kind": "errors",
        "alpha": alpha,
        "horizon": HORIZON,
        "started_at": rollout.isoformat(),
        "tick_seconds": tick_seconds,
        "ticks": [ticks.get(index, [0, 0, 0, 0]) for index in range(last + 1)],
    }
    if not beside:
        if before[0] == 0:
            raise UsageError(
                "The log holds no request from before the rollout.",
                "There is nothing to compare the new release with.",
                "Give a log that begins earlier, or --new to tell the releases apart.",
            )
        stream["history"] = before
    return stream


def _of_combined(text: str) -> tuple[datetime, int] | None:
    found = _COMBINED.search(text)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%d/%b/%Y:%H:%M:%S %z"), int(found[2])
    except ValueError:
        return None


def _of_json(text: str) -> tuple[datetime, int] | None:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    told = next((entry[field] for field in _TIME_FIELDS if field in entry), None)
    status = next((entry[field] for field in _STATUS_FIELDS if field in entry), None)
    try:
        return _json_time(told), int(status)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _json_time(told: object) -> datetime:
    """ISO, the combined format's, or seconds (or milliseconds) since 1970."""
    if isinstance(told, int | float):
        return datetime.fromtimestamp(told / 1000 if told > 1e11 else told, UTC)
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        return datetime.strptime(str(told), "%d/%b/%Y:%H:%M:%S %z")
    return found if found.tzinfo else found.replace(tzinfo=UTC)

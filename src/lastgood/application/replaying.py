"""Replay: when lastgood would have acted on a rollout that is over."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from math import log
from pathlib import Path

from lastgood.domain.errors import UsageError
from lastgood.evidence.replay import Trace, trace
from lastgood.evidence.stream import Stream, number, unknown_fields
from lastgood.reports.replayed import Replayed


def replay(stream: Stream, rolled_back_at: str | None = None) -> Replayed:
    """`rolled_back_at`: when people did, an ISO time or a time of the day of the recording.

    Raises UsageError naming the field that is wrong."""
    found = trace(stream)
    started, length = _started(stream), _tick_length(stream)
    at = started + (found.at + 1) * length if started and length and found.at is not None else None
    told = rolled_back_at if rolled_back_at is not None else stream.get("rolled_back_at")
    theirs = parse_time("rolled_back_at", told, started) if told is not None else None
    return Replayed(
        kind=found.kind,
        decision=_decision(found),
        alpha=found.alpha,
        ticks=len(found.logs),
        tick=found.at,
        at=at,
        requests=found.served,
        errors=found.errors,
        limit_requests=found.limit,
        tick_seconds=length.total_seconds() if length else None,
        rolled_back_at=theirs,
        sooner=theirs - at if theirs and at else None,
        ignored=found.ignored,
        needed=found.needed / log(10),
        evidence=tuple(value / log(10) for value in found.logs),
        notes=_notes(stream, found, started, theirs),
    )


def read_stream(file: Path) -> Stream:
    """Raises UsageError for a file that cannot be read or holds no JSON object."""
    try:
        text = file.read_text()
        found = json.loads(text)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}.", "Nothing was judged.", "Name a file that is there."
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{file} holds no JSON: {error}.", "Nothing was judged.", "Write one JSON object with a kind."
        ) from None
    if not isinstance(found, dict):
        raise UsageError(f"{file} holds no object.", "Nothing was judged.", "Write one JSON object.")
    return found


def parse_time(field: str, text: object, around: datetime | None = None) -> datetime:
    """An ISO time, UTC where it names no zone; 14:03 or 14:03:20 is the one on the day of `around`."""
    try:
        written = str(text).strip()
        if around is not None and ":" in written[:3] and len(written) <= 8:
            day: date = around.date()
            written = f"{day.isoformat()}T{written}{around.strftime('%z')}"
        found = datetime.fromisoformat(written)
    except ValueError:
        raise UsageError(
            f"{field} is {str(text)[:40]!r}.", "Nothing was judged.", "Write it as 2026-11-24T14:03:20Z."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _started(stream: Stream) -> datetime | None:
    told = stream.get("started_at")
    return parse_time("started_at", told) if told is not None else None


def _tick_length(stream: Stream) -> timedelta | None:
    if stream.get("tick_seconds") is None:
        return None
    seconds = number(stream, "tick_seconds")
    if not 0 < seconds <= 1e6:
        raise UsageError(f"tick_seconds is {seconds}.", "Nothing was judged.", "Write a number of seconds.")
    return timedelta(seconds=seconds)


def _decision(found: Trace) -> str:
    if found.missing:
        return "insufficient data"
    if found.at is None:
        return "none"
    return "promote" if found.kind == "promote" else "roll back"


def _notes(
    stream: Stream, found: Trace, started: datetime | None, theirs: datetime | None
) -> tuple[str, ...]:
    notes = []
    if found.missing:
        notes.append(found.missing)
    if found.ignored:
        notes.append(
            f"{found.ignored} observations were impossible (no number, negative, more errors than requests) "
            "and were ignored, as they would be live."
        )
    if unknown := unknown_fields(stream):
        notes.append(f"Fields that nothing reads: {', '.join(unknown)}.")
    if theirs is not None and started is None:
        notes.append("How much sooner cannot be said: the recording has no started_at and tick_seconds.")
    return tuple(notes)

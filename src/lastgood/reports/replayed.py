"""A replay in words and as a chart. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lastgood.reports.chart import svg


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would have been. `decision`: roll back, promote, none or insufficient data; `tick`: index (from 0)
    of the tick after which, `at` its time where the recording knows one. `requests`, `errors`: of the new
    release until then. `limit_requests`: what the fastest test needs on average at these rates. `sooner`:
    than the people did. `evidence`: log10 of the e-value after each tick, `needed` what decides."""

    kind: str
    decision: str
    alpha: float
    ticks: int
    tick: int | None
    at: datetime | None
    requests: float
    errors: float
    limit_requests: float | None
    tick_seconds: float | None
    rolled_back_at: datetime | None
    sooner: timedelta | None
    ignored: int
    needed: float
    evidence: tuple[float, ...]
    notes: tuple[str, ...]


def sentences(found: Replayed) -> tuple[str, ...]:
    said = [_verdict(found)]
    if found.tick is not None and found.sooner is not None and found.rolled_back_at is not None:
        said.append(f"You did at {found.rolled_back_at:%H:%M:%S}, {_apart(found.sooner)}.")
    if found.kind in ("errors", "probe", "promote"):
        until = "by then" if found.tick is not None else "in all"
        said.append(
            f"{_count(found.requests)} requests of the new release, {_count(found.errors)} errors {until}."
        )
    if found.limit_requests is not None:
        said.append(
            f"The fastest test with this alpha needs {_count(found.limit_requests)} on average, at the rates "
            "of the whole recording."
        )
    return (*said, *found.notes)


def chart(found: Replayed) -> str:
    said = sentences(found)
    marks = {}
    if found.sooner is not None and found.tick is not None and found.tick_seconds:
        theirs = found.tick + round(found.sooner.total_seconds() / found.tick_seconds)
        if 0 <= theirs <= 3 * found.ticks:
            marks[theirs] = "people rolled back"
    return svg(
        found.evidence,
        found.needed,
        found.tick,
        title=_title(found),
        description=" ".join(said),
        says=_when(found) if found.tick is not None else "",
        marks=marks,
    )


def _verdict(found: Replayed) -> str:
    match found.decision:
        case "roll back":
            return f"lastgood would have rolled back {_when(found)} of {found.ticks}."
        case "promote":
            return f"lastgood would have called the release good {_when(found)} of {found.ticks}."
        case "insufficient data":
            return "Insufficient data: neither failed nor good."
    asked = "shown to be good" if found.kind == "promote" else "rolled back"
    return f"Not {asked}: the evidence of {found.ticks} ticks is not enough at alpha {found.alpha:g}."


def _title(found: Replayed) -> str:
    about = "the new release is good" if found.kind == "promote" else "the new release is worse"
    return f"Evidence that {about} ({found.kind}, alpha {found.alpha:g})"


def _when(found: Replayed) -> str:
    tick = (found.tick or 0) + 1
    return f"at {found.at:%H:%M:%S}, after tick {tick}" if found.at else f"after tick {tick}"


def _apart(sooner: timedelta) -> str:
    seconds = abs(sooner.total_seconds())
    length = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    return f"{length} {'later' if sooner >= timedelta() else 'earlier'}"


def _count(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")

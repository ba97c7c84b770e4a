"""Counters in Prometheus as a stream to replay: requests and errors a tick, of the new release and the old.

Where the old release ran beside the new one they are compared tick by tick; where not, its past stands for
it: that of the old release's counters, or what the given counters told before the rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lastgood.application.access_log import HORIZON, MOST_TICKS
from lastgood.application.replaying import parse_time
from lastgood.domain.errors import Undecided, UsageError
from lastgood.domain.past import Grown, PastCounters, ReadPast
from lastgood.domain.watching import PrometheusQuery
from lastgood.evidence.stream import Stream

LENGTH = timedelta(hours=1)  # of the rollout, where nobody says how long it went on
MOST_HISTORY = timedelta(days=31)
MOST_HISTORY_TICKS = 10_000
_OPTIONS = {"servers": "--from-prometheus", "every": "--step"}  # others are called as their field


@dataclass(frozen=True, slots=True)
class PastRollout:
    """As people write it. `step`, `history` and `limit` are durations such as 15s. It ends at `until`, else
    at `rolled_back_at`, else after LENGTH. `way_in` holds token, user, password (references to secrets) and
    certificates (a file), where they are given."""

    server: str
    total_new: str
    bad_new: str
    rollout_at: str
    total_old: str = ""
    bad_old: str = ""
    until: str | None = None
    rolled_back_at: str | None = None
    step: str = "15s"
    history: str = "1d"
    limit: str = "30s"
    alpha: float = 0.001
    way_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Times:
    rollout: datetime
    until: datetime
    step: timedelta
    history: timedelta
    limit: timedelta

    @property
    def ticks(self) -> int:
        return -(-(self.until - self.rollout) // self.step)


def read_metrics(told: PastRollout, read_past: ReadPast) -> Stream:
    """The stream (kind errors). Raises UsageError for what is written wrong, Undecided for too little data,
    and ActionFailed when the server cannot tell."""
    if bool(told.total_old) != bool(told.bad_old):
        raise UsageError(
            "Of --total-old and --bad-old one is missing.", "Nothing was asked.", "Write both, or none."
        )
    new, times = _checked(told, "new", told.total_new, told.bad_new)
    old = _checked(told, "old", told.total_old, told.bad_old)[0] if told.total_old else None
    seen = read_past(PastCounters(new, times.rollout, times.step, times.ticks, times.limit))
    _require_requests(new, seen, times)
    if old is None:
        past = _past(new, times, read_past)
        _require_errors_seen(new, seen, past)
        return _stream(told, times, seen, None, past)
    beside = read_past(PastCounters(old, times.rollout, times.step, times.ticks, times.limit))
    _require_subset(old, beside)
    if _ran_beside(seen, beside):
        _require_errors_seen(new, seen, beside)
        return _stream(told, times, seen, beside, None)
    past = _past(old, times, read_past)
    _require_errors_seen(new, seen, beside, past)
    return _stream(told, times, seen, beside, past)


def _checked(told: PastRollout, which: str, total: str, bad: str) -> tuple[PrometheusQuery, _Times]:
    """By the rules of the signal `prometheus` in rollback-detection.yml."""
    from pydantic import ValidationError

    from lastgood.documents.watched_signal import PrometheusEntry

    for name, selector in ((f"--total-{which}", total), (f"--bad-{which}", bad)):
        if not selector.strip():
            raise UsageError(
                f"{name} is empty.", "Nothing was asked.", "Write a counter such as http_requests_total."
            )
    written = {"name": which, "kind": "prometheus", "servers": [told.server], "total": total, "bad": bad}
    written |= {"every": told.step, "history": told.history, "limit": told.limit, **told.way_in}
    try:
        entry = PrometheusEntry.model_validate(written)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]  # an input may be a secret
        problem, _, mend = str(detail.get("ctx", {}).get("error", detail["msg"])).partition("; ")
        name = str(detail["loc"][0]) if detail["loc"] else ""
        option = _OPTIONS.get(name, f"--{name}" if name else "The way in")
        option += f"-{which}" if name in ("total", "bad") else ""
        raise UsageError(
            f"{option} {problem}.", "Nothing was asked.", f"{mend[:1].upper()}{mend[1:]}." if mend else ""
        ) from None
    signal = entry.to_domain()
    assert isinstance(signal.seen, PrometheusQuery)
    return signal.seen, _times(told, signal.every, signal.history, signal.limit)


def _times(told: PastRollout, step: timedelta, history: timedelta, limit: timedelta) -> _Times:
    rollout = parse_time("rollout-at", told.rollout_at)
    if not 1980 <= rollout.year < 9000:
        raise UsageError(
            f"rollout-at is in the year {rollout.year}.", "Nothing was asked.", "Write when it began."
        )
    name = "until" if told.until is not None else "rolled-back-at"
    text = told.until if told.until is not None else told.rolled_back_at
    until = parse_time(name, text, rollout) if text is not None else rollout + LENGTH
    if until <= rollout:
        raise UsageError(
            f"{name} is not after rollout-at.",
            "There is nothing to judge.",
            "Write a later time (look at the zones, too).",
        )
    if not timedelta(seconds=1) <= step <= timedelta(days=1):
        raise UsageError("--step is out of range.", "Nothing was asked.", "Write one from 1s to 1d.")
    if history > MOST_HISTORY:
        raise UsageError(
            f"--history is longer than {MOST_HISTORY.days} days.",
            "Nothing was asked.",
            "Write less, like 7d.",
        )
    times = _Times(rollout, until, step, history, limit)
    if times.ticks > MOST_TICKS:
        raise UsageError(
            f"The rollout goes on for {times.ticks} ticks.",
            "Nothing was asked.",
            "Write an earlier --until or a longer --step.",
        )
    return times


def _past(query: PrometheusQuery, times: _Times, read_past: ReadPast) -> Grown:
    """Up to the rollout. Only its sums are needed: the ticks of a long one are longer."""
    if not times.history:
        return Grown((), total_seen=False, bad_seen=False)
    step = max(times.step, times.history / MOST_HISTORY_TICKS)
    ticks = -(-times.history // step)
    found = read_past(PastCounters(query, times.rollout - ticks * step, step, ticks, times.limit))
    _require_subset(query, found)
    return found


def _require_requests(query: PrometheusQuery, seen: Grown, times: _Times) -> None:
    between = f"between {_shown(times.rollout)} and {_shown(times.until)}"
    if not seen.total_seen:
        raise Undecided(
            f"Prometheus has no samples of {query.total} {between}.",
            "Nothing is known of the new release.",
            "Look at --total-new, --rollout-at (its time zone too), and how long Prometheus keeps samples.",
        )
    if not seen.total:
        raise Undecided(
            f"{query.total} did not grow {between}.",
            "The new release had no requests that were counted.",
            "Look at --total-new, or write a later --until.",
        )
    _require_subset(query, seen)


def _require_subset(query: PrometheusQuery, seen: Grown) -> None:
    """A few may wait for their total at the end: the two counters are asked for one after the other."""
    if seen.astray > 1 + seen.total // 10:
        raise UsageError(
            f"{query.bad} counted {seen.bad + seen.astray} and {query.total} only {seen.total} in that time.",
            "The bad ones are not among all, so there is no rate to judge.",
            "Write counters of the same requests.",
        )


def _require_errors_seen(query: PrometheusQuery, *parts: Grown) -> None:
    if not any(part.bad_seen for part in parts):
        raise Undecided(
            f"Prometheus has never had a sample of {query.bad} in that time, nor of a bad one of the old "
            "release.",
            "Whether there were no errors or the selector is wrong cannot be told.",
            "Look at --bad-new; a counter that is there from 0 on tells one from the other.",
        )


def _ran_beside(new: Grown, old: Grown) -> bool:
    """In at least half of the ticks: a release that is drained does not stand beside what comes later."""
    return 2 * sum(total > 0 for total, _ in old.ticks) >= sum(total > 0 for total, _ in new.ticks)


def _stream(told: PastRollout, times: _Times, new: Grown, old: Grown | None, past: Grown | None) -> Stream:
    none = ((0, 0),) * len(new.ticks)
    ticks = [[*ours, *theirs] for ours, theirs in zip(new.ticks, old.ticks if old else none, strict=True)]
    while not any(ticks[-1][:2]):  # the time to come, or after the release was taken away
        ticks.pop()
    stream: dict[str, Any] = {
        "kind": "errors",
        "alpha": told.alpha,
        "horizon": HORIZON,
        "started_at": times.rollout.isoformat(),
        "tick_seconds": times.step.total_seconds(),
        "ticks": ticks,
    }
    if past is not None:
        if not past.total:
            raise Undecided(
                f"Prometheus counted no request before the rollout at {_shown(times.rollout)}"
                + (", and hardly any of the old release beside the new one." if old else "."),
                "There is nothing to compare the new release with.",
                "Write --total-old and --bad-old, or counters that the old release had too, or a longer "
                "--history.",
            )
        stream["history"] = [past.total, past.bad]
    return stream


def _shown(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")

"""Alerts that burn, and which of them began since the release."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lastgood.adapters.signals.looking import Unseen

MOST_ALERTS = 1000
_MATCHER = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Alert:
    """`id` is Alertmanager's fingerprint: the same for the same labels, however often it burns."""

    id: str
    labels: Mapping[str, str]
    began: datetime

    @property
    def name(self) -> str:
        return self.labels.get("alertname", self.id)


def read_alert(told: Any) -> Alert:
    """One alert as the API and the webhook tell it. Raises Unseen when it is none."""
    try:
        labels = {str(name): str(value) for name, value in told["labels"].items()}
        began = datetime.fromisoformat(_micro(told["startsAt"]))
        fingerprint = str(told["fingerprint"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unseen("its answer holds an alert that is none") from error
    if began.tzinfo is None:
        raise Unseen("its answer holds an alert that began at no time")
    return Alert(fingerprint, labels, began)


def _micro(time: str) -> str:
    """Go writes up to nine digits; Python 3.11 reads six."""
    return re.sub(r"(\.\d{6})\d+", r"\1", time)


class Before:
    """Remembers which alerts burned before the release: they count only once they were gone long enough.

    `seconds gone` is None while one burns. It is counted in looks of this process, so no clock can jump it.
    """

    def __init__(self, started_at: datetime, settled_seconds: float, noted: Mapping[str, Any] | None) -> None:
        self._started_at, self._settled_seconds = started_at, settled_seconds
        self._first = noted is None
        self._gone: dict[str, float | None] = {
            str(one): float(seconds) if isinstance(seconds, int | float) else None
            for one, seconds in (noted or {}).items()
        }

    @property
    def noted(self) -> dict[str, float | None]:
        return dict(self._gone)

    def since(self, burning: Sequence[Alert], seconds_passed: float, early: bool = True) -> tuple[Alert, ...]:
        """Those that count. `seconds_passed` since the last look. What burns at the first of all looks was
        there before, whatever the clock of another machine says, if that look is `early`."""
        for one, gone in self._gone.items():
            self._gone[one] = (gone or 0.0) + seconds_passed
        counting = []
        for alert in burning:
            gone = self._gone.get(alert.id)
            flaps = gone is not None and gone - seconds_passed <= self._settled_seconds
            if (self._first and early) or flaps or alert.began <= self._started_at:
                self._gone[alert.id] = None
            else:
                self._gone.pop(alert.id, None)
                counting.append(alert)
        self._first = False
        return tuple(counting)


def matches(labels: Mapping[str, str], matchers: Sequence[str]) -> bool:
    """Whether all of Alertmanager's matchers hold. Raises Unseen for one that cannot be understood."""
    return all(_holds(labels, matcher) for matcher in matchers)


def _holds(labels: Mapping[str, str], matcher: str) -> bool:
    parts = _MATCHER.fullmatch(matcher.strip())
    if parts is None:
        raise Unseen(f"the matcher {matcher} is none")
    name, operator, value = parts.groups()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    found = labels.get(name, "")
    if operator in ("=", "!="):
        return (found == value) == (operator == "=")
    try:
        return bool(re.fullmatch(value, found)) == (operator == "=~")
    except re.error as error:
        raise Unseen(f"the matcher {matcher} holds no regular expression") from error

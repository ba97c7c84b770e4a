"""A clock that shows what it is set to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class StoppedClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, span: timedelta) -> None:
        self.at += span

"""Clock: the only way to the time below the adapters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall clock, UTC, for records."""

    def monotonic(self) -> float:
        """Seconds that never go back, for limits and durations."""

    def sleep(self, span: timedelta) -> None: ...

"""Signals: where observations come from."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from lastgood.domain.signal import Reading


class SignalSource(Protocol):
    """Unknown is no reading, or one of kind `unknown` that says why: a source that cannot see raises nothing
    and invents nothing."""

    name: str

    def open(self) -> None:
        """Begin to observe: readings count from here."""

    def read(self, now: datetime) -> tuple[Reading, ...]:
        """What was seen since the last call. Returns at once (work goes on in a thread where it must)."""

    def close(self) -> None:
        """Stop observing and free everything. May be called twice."""

"""Questions asked again and again, each in a thread of its own so that one that hangs delays no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from lastgood.domain.signal import Reading

Question = Callable[[], tuple[Reading, ...]]


class Repeating:
    """Collects the readings of questions between the calls of `taken`."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._readings: list[Reading] = []

    def ask(self, name: str, every: timedelta, question: Question) -> None:
        """Ask now and then at each `every`; a question that took longer is asked again at once."""
        threading.Thread(target=self._go_on, args=(every, question), name=name, daemon=True).start()

    def taken(self) -> tuple[Reading, ...]:
        with self._lock:
            readings, self._readings = tuple(self._readings), []
        return readings

    def close(self) -> None:
        """Returns at once: a question under way ends within its own limit, and its answer is dropped."""
        self._closed.set()
        self.taken()

    def _go_on(self, every: timedelta, question: Question) -> None:
        next_at = time.monotonic()
        while not self._closed.is_set():
            readings = question()
            with self._lock:
                if not self._closed.is_set():
                    self._readings.extend(readings)
            next_at = max(next_at + every.total_seconds(), time.monotonic())
            self._closed.wait(next_at - time.monotonic())


def utc_now() -> datetime:
    return datetime.now(UTC)

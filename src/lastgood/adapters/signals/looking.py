"""LookingSource: a signal that is looked at again and again, and says when it cannot be seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from lastgood.adapters.signals.repeating import Repeating, utc_now
from lastgood.domain.signal import Reading

OVERDUE_AFTER = timedelta(seconds=60)

Look = Callable[[], tuple[Reading, ...]]
"""One look. Raises Unseen when nothing can be seen at all."""


class Unseen(Exception):
    """Why something cannot be seen now: words for people, without secrets. Never an error of the release."""


class LookingSource:
    """`begin` makes the look when observing begins, so that what it remembers begins there too;
    `end` frees what it held. A look that takes longer than `overdue_after` (a name server or a store that
    hangs cannot be interrupted) is unknown until it comes back.

    `instance_ids` are those of whom nothing is known when a look is Unseen ("" for the whole service).
    """

    def __init__(
        self,
        name: str,
        every: timedelta,
        instance_ids: Sequence[str],
        begin: Callable[[], Look],
        end: Callable[[], None] = lambda: None,
        overdue_after: timedelta = OVERDUE_AFTER,
    ) -> None:
        self.name = name
        self._end, self._overdue_after = end, overdue_after
        self._asked_at: float | None = None
        self._every, self._instance_ids, self._begin = every, tuple(instance_ids), begin
        self._asking: Repeating | None = None
        self._said = UnknownOnce()

    @property
    def unknown(self) -> dict[str, str]:
        """Instance -> why the signal cannot be seen of it."""
        return self._said.unknown

    def open(self) -> None:
        self.close()
        self._said = UnknownOnce()
        look, said = self._begin(), self._said
        self._asking = Repeating()
        self._asking.ask(self.name, self._every, lambda: said.new_in(self._looked(look)))

    def read(self, now: datetime) -> tuple[Reading, ...]:
        if self._asking is None:
            return ()
        asked_at, limit = self._asked_at, self._overdue_after.total_seconds()
        if asked_at is None or time.monotonic() - asked_at < limit:
            return self._asking.taken()
        late = [unknown(self.name, one, f"no answer within {limit:g} s") for one in self._instance_ids]
        return (*self._asking.taken(), *self._said.new_in(late))

    def close(self) -> None:
        if self._asking is not None:
            self._asking.close()
            self._asking = None
            self._end()

    def _looked(self, look: Look) -> tuple[Reading, ...]:
        self._asked_at = time.monotonic()
        try:
            return look()
        except Unseen as unseen:
            return tuple(unknown(self.name, one, str(unseen)) for one in self._instance_ids)
        finally:
            self._asked_at = None


class UnknownOnce:
    """Lets `unknown` through when it begins and when its reason changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unknown: dict[str, str] = {}

    @property
    def unknown(self) -> dict[str, str]:
        with self._lock:
            return dict(self._unknown)

    def new_in(self, readings: Iterable[Reading]) -> tuple[Reading, ...]:
        with self._lock:
            return tuple(reading for reading in readings if self._is_new(reading))

    def _is_new(self, reading: Reading) -> bool:
        before = self._unknown.pop(reading.instance_id, None)
        if reading.kind != "unknown":
            return True
        self._unknown[reading.instance_id] = reading.detail
        return reading.detail != before


def unknown(signal: str, instance_id: str, why: str) -> Reading:
    return Reading(signal, "unknown", instance_id, utc_now(), detail=why)

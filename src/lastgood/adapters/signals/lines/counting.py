"""Counting of lines: how many, how many errors, and how many a flood kept from being looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lastgood.adapters.signals.lines.kinds import NewKinds, kind_of
from lastgood.adapters.signals.repeating import utc_now
from lastgood.domain.signal import Reading

MOST_LINES = 20_000
"""Looked at in one look; the others are counted as dropped and are in no ratio."""


@dataclass(slots=True)
class Count:
    """Lines of one arm since its last reading."""

    total: int = 0
    bad: int = 0
    dropped: int = 0
    skipped_bytes: int = 0
    last: str = field(default="")

    def take(
        self, lines: list[bytes], error_in: Callable[[bytes], str | None], note: Callable[[str], None]
    ) -> None:
        """`note` gets the kind of each error."""
        room = max(0, MOST_LINES - self.total)
        self.dropped += max(0, len(lines) - room)
        for line in lines[:room]:
            self.total += 1
            said = error_in(line)
            if said is not None:
                self.bad += 1
                self.last = kind_of(said)
                note(self.last)

    def reading(self, signal: str, instance_id: str) -> Reading:
        """And begins anew."""
        said = [f"the last: {self.last}"] if self.last else []
        if self.dropped:
            said.append(f"a flood: {self.dropped} more lines were not looked at")
        if self.skipped_bytes:
            said.append(f"{self.skipped_bytes} bytes were passed over")
        reading = Reading(signal, "errors", instance_id, utc_now(), self.total, self.bad, "; ".join(said))
        self.total = self.bad = self.dropped = self.skipped_bytes = 0
        self.last = ""
        return reading


def new_kind_readings(signal: str, instance_id: str, kinds: NewKinds) -> tuple[Reading, ...]:
    return tuple(
        Reading(signal, "fingerprint", instance_id, utc_now(), lines, lines, kind)
        for kind, lines in kinds.told().items()
    )

"""Records: events in, history out, over the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from lastgood.domain.capsule import Tip
from lastgood.domain.event import Event
from lastgood.domain.history import History


class Records(Protocol):
    def record(self, event: Event, key: str) -> None:
        """Append once: the same key again changes nothing. Durable on return."""

    def history(self) -> History:
        """What all events add up to now."""

    def copy_to(self, file: Path) -> Tip:
        """A consistent copy of the ledger, for the capsule; where the copy ends."""

    def tip(self) -> Tip:
        """Where the ledger ends now."""

    def holds(self, tip: Tip) -> bool:
        """Whether the ledger went through that tip: it is that one, or that one went on."""

    def prove(self) -> int:
        """Check the ledger's chain; the number of entries. Raises ActionFailed."""

"""Events in, history out, over the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from lastgood.domain.capsule import Tip
from lastgood.domain.codec import from_json, to_json
from lastgood.domain.event import Dated, Event
from lastgood.domain.history import History, fold
from lastgood.ports.ledger import Entry, Ledger

_TYPES = {kind.__name__: kind for kind in get_args(Event)}


class LedgerRecords:
    """Implements ports.records.Records; an event's kind in the ledger is the name of its type."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(self, event: Event, key: str) -> None:
        self._ledger.append(type(event).__name__, to_json(event), key)

    def history(self) -> History:
        return fold(
            Dated(entry.at, from_json(_TYPES[entry.kind], entry.body)) for entry in self._ledger.entries()
        )

    def copy_to(self, file: Path) -> Tip:
        return _tip(self._ledger.copy_to(file))

    def tip(self) -> Tip:
        return _tip(self._ledger.last())

    def holds(self, tip: Tip) -> bool:
        if not tip.entries:
            return True
        entry = next(iter(self._ledger.entries(after=tip.entries - 1)), None)
        return entry is not None and _tip(entry) == tip

    def prove(self) -> int:
        return self._ledger.prove()


def _tip(last: Entry | None) -> Tip:
    return Tip(last.sequence, last.hash) if last else Tip(0, "")

"""Events in, history out, over the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from lastgood.domain.capsule import Tip
from lastgood.domain.codec import from_json, to_json
from lastgood.domain.event import Dated, Event
from lastgood.domain.history import History, fold
from lastgood.ports.ledger import Entry, Ledger
from lastgood.records.shortcut import read_shortcut, write_shortcut

_TYPES = {kind.__name__: kind for kind in get_args(Event)}


SNAPSHOT_EVERY = 100  # entries


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the ledger adds up to as of one of its entries, by this very program (`program`)."""

    program: str = ""
    sequence: int = 0
    hash: str = ""
    history: History = field(default_factory=History)


class LedgerRecords:
    """Implements ports.records.Records; an event's kind in the ledger is the name of its type.

    What was read once is not read again; with a `snapshot` file, not by the next process either.
    """

    def __init__(self, ledger: Ledger, snapshot: Path | None = None, program: str = "") -> None:
        self._ledger = ledger
        self._file = snapshot
        self._program = program
        self._known: Snapshot | None = None

    def record(self, event: Event, key: str) -> None:
        self._ledger.append(type(event).__name__, to_json(event), key)

    def history(self) -> History:
        known = self._known or self._recalled()
        entries = list(self._ledger.entries(max(0, known.sequence - 1)))
        if known.sequence:
            # the last one known comes first: a ledger that was exchanged for another is read anew
            if entries and (entries[0].sequence, entries[0].hash) == (known.sequence, known.hash):
                del entries[0]
            else:
                known, entries = Snapshot(), list(self._ledger.entries())
        if entries:
            history = fold((_dated(entry) for entry in entries), known.history)
            known = Snapshot(self._program, entries[-1].sequence, entries[-1].hash, history)
            if self._file is not None and len(entries) >= SNAPSHOT_EVERY:
                write_shortcut(self._file, known)
        self._known = known
        return known.history

    def _recalled(self) -> Snapshot:
        found = None if self._file is None else read_shortcut(Snapshot, self._file)
        return found if found is not None and found.program == self._program else Snapshot()

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


def _dated(entry: Entry) -> Dated:
    return Dated(entry.at, from_json(_TYPES[entry.kind], entry.body))

"""Ledger: the append-only, hash-chained record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """`hash` is SHA-256 over the canonical JSON of the other fields, `previous` the hash before it."""

    sequence: int
    at: datetime
    kind: str
    body: Mapping[str, object]
    key: str
    previous: str
    hash: str


class Ledger(Protocol):
    def append(self, kind: str, body: Mapping[str, object], key: str) -> Entry:
        """Record once: a key that is there already gives its entry back unchanged. Durable on return."""

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """In order, those with a greater sequence than `after`."""

    def prove(self) -> int:
        """Check the whole chain; the number of entries. Raises ActionFailed naming the broken one."""

    def last(self) -> Entry | None:
        """The newest entry; None in an empty ledger."""

    def copy_to(self, file: Path) -> Entry | None:
        """A consistent copy, for the capsule; the last entry in the copy."""

"""Recovery points and the backups they tie together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Marker:
    """A store's consistent position: when, and what was in it (for sqlite: rows a table)."""

    store: str
    at: datetime
    figures: Mapping[str, int] = field(default_factory=dict)  # name -> count (rows a table, files, bytes)
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Backup:
    id: str
    store: str
    vault: str
    snapshot: str  # the vault's own name of it
    marker: Marker
    size_bytes: int
    taken_at: datetime
    seconds: float
    verified_at: datetime | None = None  # last restore of it that passed; None counts as unverified


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """A consistent cut. `releases` maps service to release id; `skew` is first to last marker."""

    id: str
    at: datetime
    why: str
    releases: Mapping[str, str]
    backups: tuple[Backup, ...]
    capsules: Mapping[str, str]  # vault -> snapshot of the capsule
    skew: timedelta
    held: bool = False  # writers were held while the markers were set

    def backup_of(self, store: str) -> Backup | None:
        return next((backup for backup in self.backups if backup.store == store), None)


@dataclass(frozen=True, slots=True)
class Stake:
    """Rows that a rewind would take back: name (table or folder) -> how many, since the marker.

    `exact` is False where counting each would have cost too much; then the figures are a lower bound.
    """

    store: str
    added: Mapping[str, int]
    changed_or_removed: Mapping[str, int]
    exact: bool = True

    @property
    def total(self) -> int:
        return sum(self.added.values()) + sum(self.changed_or_removed.values())

"""Vaults: where backups live, encrypted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class VaultCapabilities:
    deduplicates: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`size_bytes` is what was put; `added_bytes` what the vault grew by (0 when unknown)."""

    id: str
    tags: Mapping[str, str]
    taken_at: datetime
    size_bytes: int = 0
    added_bytes: int = 0


class Vault(Protocol):
    """Raises VaultUnreachable, VaultKeyWrong, VaultDamaged, DiskFull, ToolMissing; all are VaultFailed or
    ActionFailed."""

    capabilities: VaultCapabilities

    def prepare(self) -> None:
        """Make the vault where there is none, or prove that the key opens it. Idempotent."""

    def put(self, folder: Path, tags: Mapping[str, str]) -> Snapshot:
        """Store the contents of the folder (its files stand at the root of the snapshot). Either whole or
        an error: a snapshot that is listed is complete."""

    def get(self, snapshot_id: str, folder: Path) -> None:
        """Restore into the (new or empty) folder, and prove that the content is what was put."""

    def snapshots(self, tags: Mapping[str, str]) -> tuple[Snapshot, ...]:
        """Those that carry all of these tags, oldest first."""

    def check(self, read_data: bool) -> None:
        """Structure, or with read_data every stored byte."""

    def forget(self, snapshot_ids: Sequence[str]) -> None:
        """Remove these snapshots and free what only they needed."""

"""A vault that can be read and not changed: what a drill gets of the live one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lastgood.domain.errors import Refused
from lastgood.ports.vault import Snapshot, Vault


class ReadOnlyVault:
    """Wraps another vault. `prepare` proves that the key opens it and makes none."""

    def __init__(self, name: str, vault: Vault) -> None:
        self._name = name
        self._vault = vault
        self.capabilities = vault.capabilities

    def prepare(self) -> None:
        self._vault.snapshots({"kind": "capsule"})

    def put(self, folder: Path, tags: Mapping[str, str]) -> Snapshot:
        raise self._refused("store something in")

    def get(self, snapshot_id: str, folder: Path) -> None:
        self._vault.get(snapshot_id, folder)

    def snapshots(self, tags: Mapping[str, str]) -> tuple[Snapshot, ...]:
        return self._vault.snapshots(tags)

    def check(self, read_data: bool) -> None:
        self._vault.check(read_data)

    def forget(self, snapshot_ids: Sequence[str]) -> None:
        raise self._refused("remove something from")

    def _refused(self, what: str) -> Refused:
        return Refused(
            f"A drill wanted to {what} the live vault {self._name}.",
            "It was not let; the vault is as it was.",
            "This is a fault in lastgood: report it.",
        )

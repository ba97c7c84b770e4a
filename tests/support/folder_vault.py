"""A vault of plain copies: the port without what restic costs (half a second a call).

For tests that make hundreds of calls; what the real vaults do when they are killed is in their own suite."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lastgood.domain.errors import DiskFull, VaultDamaged
from lastgood.ports.vault import Snapshot, VaultCapabilities


class FolderVault:
    """SNAPSHOT/content and SNAPSHOT/tags.json; a snapshot is complete when its tags are there."""

    capabilities = VaultCapabilities(deduplicates=False)

    def __init__(self, location: Path) -> None:
        self._location = location

    def prepare(self) -> None:
        self._location.mkdir(parents=True, exist_ok=True)

    def put(self, folder: Path, tags: Mapping[str, str]) -> Snapshot:
        snapshot_id = uuid.uuid4().hex
        place = self._location / snapshot_id
        with _translated(place):
            shutil.copytree(folder, place / "content", symlinks=True)
        taken_at = datetime.now(UTC)
        (place / "tags.part").write_text(json.dumps({"tags": dict(tags), "at": taken_at.isoformat()}))
        (place / "tags.part").rename(place / "tags.json")
        return Snapshot(snapshot_id, dict(tags), taken_at)

    def get(self, snapshot_id: str, folder: Path) -> None:
        if not (self._location / snapshot_id / "tags.json").exists():
            raise VaultDamaged(
                f"{snapshot_id} is not in the vault.", "Nothing was restored.", "Take another."
            )
        with _translated(folder):
            shutil.copytree(
                self._location / snapshot_id / "content", folder, symlinks=True, dirs_exist_ok=True
            )

    def snapshots(self, tags: Mapping[str, str]) -> tuple[Snapshot, ...]:
        found = [self._read(file) for file in self._location.glob("*/tags.json")]
        fitting = [snapshot for snapshot in found if tags.items() <= snapshot.tags.items()]
        return tuple(sorted(fitting, key=lambda snapshot: snapshot.taken_at))

    def check(self, read_data: bool) -> None:
        """A plain copy has nothing to check."""

    def forget(self, snapshot_ids: Sequence[str]) -> None:
        for snapshot_id in snapshot_ids:
            shutil.rmtree(self._location / snapshot_id)

    def _read(self, file: Path) -> Snapshot:
        noted = json.loads(file.read_text())
        return Snapshot(file.parent.name, noted["tags"], datetime.fromisoformat(noted["at"]))


@contextmanager
def _translated(place: Path) -> Iterator[None]:
    try:
        yield
    except shutil.Error as error:  # it holds a list, without their numbers
        if "No space left" not in str(error):
            raise
        raise DiskFull(
            f"There is no room left at {place}.", "Nothing was kept.", "Free some room."
        ) from error

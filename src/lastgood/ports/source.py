"""Sources of releases, and the shelf where their immutable trees stand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from lastgood.domain.release import FileEntry


class Source(Protocol):
    """A folder, a tarball or a git revision."""

    label: str  # what people call this version: the revision, the file's or folder's name

    def fetch(self, folder: Path, exclude: Sequence[str]) -> None:
        """Lay the source's files into the new, empty folder. Raises ActionFailed."""


class Shelf(Protocol):
    """Trees addressed by their digest, read-only, under the state folder."""

    def keep(self, folder: Path) -> tuple[str, int]:
        """Take the staged folder over (it is gone afterwards): (artifact digest, bytes). Idempotent."""

    def entries(self, folder: Path) -> tuple[FileEntry, ...]:
        """What is in a folder, every file read."""

    def tree(self, digest: str) -> Path | None:
        """The folder of that digest, None when the shelf does not hold it (not checked)."""

    def prove(self, digest: str) -> Path:
        """The folder, after every byte was read and compared. Raises ArtifactChanged."""

    def discard(self, digest: str) -> None:
        """Remove it. Unknown digests are no error."""

"""What a put has to upload: copies of the contents that the vault does not hold, named by their digest.

They are copies (reflinks where the file system can), because a live file that changed between reading its
digest and its upload would lie in the vault under the name of another content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lastgood.adapters.disk import copy_file
from lastgood.adapters.vaults.rclone.tree import Entry, digest_of


class Staging:
    """`stored` maps what the vault holds to its size in bytes."""

    def __init__(self, folder: Path, stored: Mapping[str, int]) -> None:
        self.folder = folder
        self.added_bytes = 0
        self._stored = stored
        folder.mkdir()

    def add(self, folder: Path, entry: Entry) -> Entry | None:
        """The entry as it was staged: a file that changed meanwhile is taken as it is now; None when it is
        gone."""
        if entry.kind != "file" or self._held(entry.digest, entry.size):
            return entry
        incoming = self.folder / "incoming"
        incoming.unlink(missing_ok=True)
        try:
            copy_file(folder / entry.path, incoming)
        except FileNotFoundError:
            return None
        status = incoming.stat()
        staged = replace(
            entry,
            digest=digest_of(incoming),
            size=status.st_size,
            modified_nanoseconds=status.st_mtime_ns,
        )
        if self._held(staged.digest, staged.size):
            incoming.unlink()
        else:
            self.added_bytes += staged.size
            incoming.rename(self._place(staged.digest))
        return staged

    def add_content(self, content: bytes) -> tuple[str, int]:
        """Stage these bytes; their digest and size."""
        digest = hashlib.sha256(content).hexdigest()
        if not self._held(digest, len(content)):
            self.added_bytes += len(content)
            self._place(digest).write_bytes(content)
        return digest, len(content)

    def _held(self, digest: str, size: int) -> bool:
        path = object_path(digest)
        return self._stored.get(path) == size or (self.folder / path).is_file()

    def _place(self, digest: str) -> Path:
        place = self.folder / object_path(digest)
        place.parent.mkdir(exist_ok=True)
        return place


def object_path(digest: str) -> str:
    return f"{digest[:2]}/{digest}"

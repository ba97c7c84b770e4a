"""The store `files`: vaults read the live folder itself, restored folders are switched in by name."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from lastgood.adapters.disk import exchange, remove, sync_folder, translated
from lastgood.adapters.keeping import Keeping
from lastgood.adapters.stores.files.switching import switch
from lastgood.adapters.stores.files.tree import copy_tree, entry, walk
from lastgood.documents.fields import DocumentPath, Strict
from lastgood.domain.errors import StoreFailed
from lastgood.domain.point import Marker, Stake
from lastgood.ports.store import StoreCapabilities


class FilesOptions(Strict):
    kind: Literal["files"] = Field(description="A folder of files, such as uploads.")
    path: DocumentPath = Field(description="The folder.")
    exclude: tuple[str, ...] = Field(
        default=(),
        description="What in it is no data and stays as it is on a restore: names (`cache`, `*.tmp`) match"
        " anywhere, paths (`a/cache`) from the folder.",
    )


def relocate(options: FilesOptions, folder: Path, name: str) -> FilesOptions:
    """The same store living as FOLDER/NAME instead: for sandboxes, drills and a new machine."""
    return options.model_copy(update={"path": folder / name})


def values(options: FilesOptions) -> dict[str, str]:
    """What documents may refer to as ${stores.NAME.path}."""
    return {"path": str(options.path)}


class FilesStore:
    """A copy is a folder with the same content. Figures: `files` (links too) and `bytes`; empty folders
    stand in the fingerprint only. Where something is excluded a vault cannot read the live folder itself: it
    would store that too, so a copy is made first."""

    def __init__(self, name: str, options: FilesOptions) -> None:
        self.name = name
        self._label = options.path.name
        self._live = options.path.resolve()  # a link is followed once: its target is what is replaced
        self._exclude = options.exclude
        self.capabilities = StoreCapabilities(
            queries=False, switches_under_running_services=True, copies_aside=bool(options.exclude)
        )

    def present(self) -> bool:
        return self._live.is_dir()

    def copy_to(self, folder: Path) -> Marker:
        with translated(StoreFailed, f"the copy of the store {self.name}", folder):
            self._require_folder(self._live)
            folder.parent.mkdir(parents=True, exist_ok=True)
            aside = folder.with_name(f".{folder.name}.lastgood-new")
            remove(aside)
            try:
                copy_tree(self._live, aside, self._exclude)
                if not (folder.is_dir() and exchange(folder, aside)):
                    remove(folder)
                    aside.rename(folder)
                sync_folder(folder.parent)
            finally:
                remove(aside)
            return self._marker(folder)

    def check(self, folder: Path) -> Marker:
        """Reads every file. What belongs in it the vault proves; here it is counted and fingerprinted."""
        with translated(StoreFailed, f"the check of a copy of the store {self.name}", folder):
            self._require_folder(folder)
            return self._marker(folder)

    def switch_in(self, folder: Path, keep_as: Path) -> None:
        with translated(StoreFailed, f"switching the store {self.name}", self._live):
            self._require_folder(folder)
            switch(self._live, folder, keep_as, self._exclude)

    def kept_whole(self, keep_as: Path) -> bool:
        return Keeping(keep_as).whole

    def stake(self, since: Path) -> Stake:
        """Files and links under the live folder's name. Equal size and time count as equal content."""
        with translated(StoreFailed, f"comparing the store {self.name} with a copy", since):
            self._require_folder(since)
            now = self._files(self._live) if self.present() else {}
            before = self._files(since)
            added = len(now.keys() - before.keys())
            removed = len(before.keys() - now.keys()) if self.present() else 0
            changed = sum(
                self._differs(since, path, now[path], before[path]) for path in now.keys() & before.keys()
            )
            return Stake(
                self.name,
                {self._label: added} if added else {},
                {self._label: changed + removed} if changed + removed else {},
            )

    def ask(self, query: str) -> str:
        raise StoreFailed(
            f"The store {self.name} is a folder and answers no queries.",
            f"What {query!r} should tell is unknown.",
            "Write this invariant as a command that exits with 0.",
        )

    def live_folder(self) -> Path:
        return self._live

    def _files(self, folder: Path) -> dict[str, os.stat_result]:
        return {
            path: status for path, status in walk(folder, self._exclude) if not stat.S_ISDIR(status.st_mode)
        }

    def _differs(self, since: Path, path: str, now: os.stat_result, before: os.stat_result) -> bool:
        if (now.st_size, now.st_mode) != (before.st_size, before.st_mode):
            return True
        if now.st_mtime_ns == before.st_mtime_ns and not stat.S_ISLNK(now.st_mode):
            return False
        return entry(self._live, path, now) != entry(since, path, before)

    def _marker(self, folder: Path) -> Marker:
        entries = sorted(
            (entry(folder, path, status) for path, status in walk(folder, self._exclude)),
            key=lambda found: found.path,
        )
        digest = hashlib.sha256()
        for found in entries:
            line = f"{found.path}\0{found.kind}\0{found.mode:o}\0{found.size}\0{found.digest}\n"
            digest.update(os.fsencode(line))
        files = [found for found in entries if found.kind != "folder"]
        figures = {"files": len(files), "bytes": sum(found.size for found in files)}
        return Marker(self.name, datetime.now(UTC), figures, digest.hexdigest())

    def _require_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            raise StoreFailed(
                f"The folder {folder} of the store {self.name} is not there.",
                "Nothing was changed.",
                "Make it, mount what holds it, or restore it with `lastgood restore`.",
            )

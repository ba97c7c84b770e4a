"""The vault `rclone`: what restic does, for machines where only pip can install.

    LOCATION/lastgood-vault.json            plain: a seal that tells a wrong key from an empty place
    LOCATION/data/objects/ab/SHA256         encrypted: contents of files, and of trees (lists of entries)
    LOCATION/data/snapshots/ID.json         encrypted: tags, time, the digest of the tree; written last

So a listed snapshot is complete, and what a killed put left are objects that the next put uses or the next
forget removes. `put` and `forget` of one vault exclude each other on one machine, by a lock in `cache`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationInfo

from lastgood.adapters.disk import remove, translated
from lastgood.adapters.vaults.rclone.remote import Remote
from lastgood.adapters.vaults.rclone.seal import is_sealed, require_sealed, write_seal
from lastgood.adapters.vaults.rclone.staging import Staging, object_path
from lastgood.adapters.vaults.rclone.tree import (
    Entry,
    digest_of,
    lay_tree,
    parse_tree,
    read_tree,
    write_tree,
)
from lastgood.documents.fields import DocumentPath, Strict
from lastgood.domain.errors import VaultFailed
from lastgood.ports.vault import Snapshot, VaultCapabilities

_REMOTE = re.compile(r"[\w.+@][\w.+@ -]*:|:[a-z0-9]+[,:]")
_ALONE_LIMIT = timedelta(hours=1)  # how long another run's put or forget is waited for
_PAUSE_SECONDS = 0.1


def _place(value: str, info: ValidationInfo) -> str:
    if _REMOTE.match(value):
        return value
    return str(TypeAdapter(DocumentPath).validate_python(value, context=info.context))


class RcloneOptions(Strict):
    kind: Literal["rclone"] = Field(description="An encrypted folder that rclone keeps.")
    location: Annotated[str, AfterValidator(_place)] = Field(
        description="A folder, or a remote of your rclone configuration with a path in it.",
        examples=["/mnt/backup/shop", "mydrive:backups/shop"],
    )


class RcloneVault:
    """`cache` is a folder of its own for the lock and for what is being uploaded."""

    capabilities = VaultCapabilities(deduplicates=True)

    def __init__(self, name: str, options: RcloneOptions, key_file: Path, cache: Path) -> None:
        self.name = name
        self._remote = Remote(name, options.location, key_file)
        self._cache = cache

    def prepare(self) -> None:
        with self._workspace() as folder:
            if not is_sealed(self._remote):
                write_seal(self._remote, folder)

    def put(self, folder: Path, tags: Mapping[str, str]) -> Snapshot:
        require_sealed(self._remote)
        with self._alone(), self._workspace() as workspace:
            if not folder.is_dir():
                raise VaultFailed(
                    f"The folder {folder} is not there.",
                    "Nothing was stored.",
                    "Make it or correct its path.",
                )
            staging = Staging(workspace / "objects", self._remote.listed("objects"))
            entries = [staged for entry in read_tree(folder) if (staged := staging.add(folder, entry))]
            tree = staging.add_content(write_tree(entries))
            self._upload(staging.folder, "vault:objects")
            head = {
                "tags": dict(tags),
                "taken_at": datetime.now(UTC).isoformat(),
                "tree": tree[0],
                "tree_bytes": tree[1],
                "size_bytes": sum(entry.size for entry in entries),
                "added_bytes": staging.added_bytes,
            }
            return self._write_snapshot(workspace / "snapshots", head)

    def get(self, snapshot_id: str, folder: Path) -> None:
        require_sealed(self._remote)
        with translated(VaultFailed, f"restoring from the vault {self.name}", folder):
            if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
                raise VaultFailed(
                    f"{folder} is there already and not an empty folder.",
                    "Nothing was restored, and nothing in it was changed.",
                    "Name a new folder.",
                )
            aside = folder.with_name(f".{folder.name}.lastgood-new")
            remove(aside)
            aside.mkdir(parents=True, mode=0o700)
            try:
                self._restore(snapshot_id, aside)
                (aside / "tree").chmod(folder.stat().st_mode & 0o7777 if folder.is_dir() else 0o755)
                (aside / "tree").rename(folder)
            finally:
                remove(aside)

    def snapshots(self, tags: Mapping[str, str]) -> tuple[Snapshot, ...]:
        """A snapshot whose record is damaged is none, and not listed; `check` reports it."""
        require_sealed(self._remote)
        found = [_snapshot(snapshot_id, head) for snapshot_id, head in self._heads()[0].items()]
        chosen = [snapshot for snapshot in found if tags.items() <= snapshot.tags.items()]
        return tuple(sorted(chosen, key=lambda snapshot: (snapshot.taken_at, snapshot.id)))

    def check(self, read_data: bool) -> None:
        require_sealed(self._remote)
        heads, broken = self._heads()
        if broken:
            raise self._remote.damaged(f"the records of the snapshots {', '.join(broken)} cannot be read")
        stored = self._remote.listed("objects")
        wanted = self._wanted(heads)
        bad = [digest for digest, size in wanted.items() if stored.get(object_path(digest)) != size]
        if bad:
            raise self._remote.damaged(f"{len(bad)} objects are missing or cut short, one is {bad[0]}")
        if read_data and wanted:
            self._prove_objects(wanted)

    def forget(self, snapshot_ids: Sequence[str]) -> None:
        """First the records, then the objects that no record needs: killed between, objects are left over
        and go with the next forget."""
        require_sealed(self._remote)
        with self._alone():
            self._remote.remove("snapshots", [f"{snapshot_id}.json" for snapshot_id in snapshot_ids])
            heads, broken = self._heads()
            if broken:
                raise self._remote.damaged(
                    f"the records of the snapshots {', '.join(broken)} cannot be read, so nothing was freed"
                )
            needed = {object_path(digest) for digest in self._wanted(heads)}
            self._remote.remove("objects", sorted(self._remote.listed("objects").keys() - needed))

    def _restore(self, snapshot_id: str, aside: Path) -> None:
        heads, _ = self._heads([snapshot_id])
        if snapshot_id not in heads:
            if f"{snapshot_id}.json" in self._remote.listed("snapshots"):
                raise self._remote.damaged(f"the record of snapshot {snapshot_id} cannot be read")
            raise VaultFailed(
                f"The vault {self.name} has no snapshot {snapshot_id}.",
                "Nothing was restored.",
                "Choose one that `lastgood points` lists.",
            )
        entries = self._trees([str(heads[snapshot_id]["tree"])])[0]
        digests = {entry.digest for entry in entries if entry.kind == "file"}
        (aside / "objects").mkdir()
        objects = self._fetch_objects(digests, aside / "objects")
        (aside / "tree").mkdir()
        lay_tree(entries, objects, aside / "tree")

    def _fetch_objects(self, digests: set[str], target: Path) -> dict[str, Path]:
        """The objects as files, each proven by its digest. Raises VaultDamaged."""
        if digests:
            self._remote.fetch("objects", target, sorted(map(object_path, digests)))
        objects = {digest: target / object_path(digest) for digest in digests}
        for digest, file in objects.items():
            if not file.is_file() or digest_of(file) != digest:
                raise self._remote.damaged(f"object {digest} is missing or not what was stored")
        return objects

    def _trees(self, digests: Sequence[str]) -> list[list[Entry]]:
        with self._workspace() as folder:
            objects = self._fetch_objects(set(digests), folder)
            return [parse_tree(objects[digest].read_bytes()) for digest in digests]

    def _wanted(self, heads: Mapping[str, Mapping[str, object]]) -> dict[str, int]:
        """Every object that these snapshots need, with its size in bytes."""
        wanted = {str(head["tree"]): int(str(head["tree_bytes"])) for head in heads.values()}
        for entries in self._trees(sorted(wanted)):
            wanted.update({entry.digest: entry.size for entry in entries if entry.kind == "file"})
        return wanted

    def _heads(self, only: Sequence[str] | None = None) -> tuple[dict[str, Mapping[str, object]], list[str]]:
        """The records of snapshots by id, and the ids of those that are damaged."""
        with self._workspace() as folder:
            names = None if only is None else [f"{snapshot_id}.json" for snapshot_id in only]
            listed = set(self._remote.listed("snapshots")) if names is None else set(names)
            self._remote.fetch("snapshots", folder, names)
            heads: dict[str, Mapping[str, object]] = {}
            for file in folder.glob("*.json"):
                content = file.read_bytes()
                if file.stem == _id(content):
                    heads[file.stem] = json.loads(content)
            whole = {Path(name).stem for name in listed if name.endswith(".json")}
            return heads, sorted(whole - heads.keys())

    def _prove_objects(self, digests: Iterable[str]) -> None:
        missing = {object_path(digest): digest for digest in digests}
        names = "".join(f"{path}\n" for path in missing).encode()
        done = self._remote.run(
            "hashsum", "sha256", "--download", "vault:objects", "--files-from-raw", "-", given=names
        )
        for line in done.text.splitlines():
            digest, _, path = line.partition("  ")
            if missing.pop(path, "") != digest:
                raise self._remote.damaged(f"object {path} is not what was stored")
        if missing:
            raise self._remote.damaged(f"{len(missing)} objects could not be read")

    def _write_snapshot(self, folder: Path, head: Mapping[str, object]) -> Snapshot:
        content = json.dumps(head, sort_keys=True).encode()
        folder.mkdir()
        (folder / f"{_id(content)}.json").write_bytes(content)
        self._upload(folder, "vault:snapshots")
        return _snapshot(_id(content), head)

    def _upload(self, folder: Path, target: str) -> None:
        self._remote.run("copy", str(folder), target, "--no-traverse", "--retries", "2")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._cache / f"{self.name}.lock").open("w") as lock:
            ends_at = time.monotonic() + _ALONE_LIMIT.total_seconds()
            while not _locked(lock.fileno()):
                if time.monotonic() > ends_at:
                    raise VaultFailed(
                        f"Another run kept the vault {self.name} busy for {_ALONE_LIMIT}.",
                        "Nothing was changed.",
                        "Wait until it has ended; `lastgood runs` lists it.",
                    )
                time.sleep(_PAUSE_SECONDS)
            yield

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        with translated(VaultFailed, f"work for the vault {self.name}", self._cache):
            self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(dir=self._cache, prefix="work-") as folder:
                yield Path(folder)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _id(content: bytes) -> str:
    """A record's name is the digest of what it says, so that a damaged one is noticed."""
    return hashlib.sha256(content).hexdigest()[:32]


def _snapshot(snapshot_id: str, head: Mapping[str, object]) -> Snapshot:
    tags = head["tags"]
    return Snapshot(
        snapshot_id,
        {str(name): str(value) for name, value in tags.items()} if isinstance(tags, dict) else {},
        datetime.fromisoformat(str(head["taken_at"])),
        int(str(head["size_bytes"])),
        int(str(head["added_bytes"])),
    )

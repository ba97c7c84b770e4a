"""The vault `restic`: one snapshot a backup, the folder's content at its root."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal
from urllib.parse import quote, unquote

from pydantic import AfterValidator, Field, TypeAdapter, ValidationInfo

from lastgood.adapters.disk import remove, translated
from lastgood.adapters.vaults.restic.repository import ANSWER_LIMIT, Repository, last_message
from lastgood.documents.fields import DocumentPath, Strict
from lastgood.domain.errors import VaultFailed
from lastgood.ports.vault import Snapshot, VaultCapabilities

_URL = re.compile(r"(rest|sftp|s3|b2|azure|gs|swift|rclone):.")
_HOST = "lastgood"  # fixed, so that a vault reads the same on the machine that recovers
_READABLE_IN_TAGS = " :/+@#=.~()[]"  # a comma would end the tag
_PARTIAL = 3  # restic's exit code when a source file could not be read
_TRIES = 3
_NOTHING = ".lastgood-nothing"


def _place(value: str, info: ValidationInfo) -> str:
    if _URL.match(value):
        return value
    return str(TypeAdapter(DocumentPath).validate_python(value, context=info.context))


class ResticOptions(Strict):
    kind: Literal["restic"] = Field(description="A restic repository.")
    location: Annotated[str, AfterValidator(_place)] = Field(
        description="A folder, or a repository URL of restic: rest:, sftp:, s3:, b2:, azure:, gs:, rclone:.",
        examples=["/mnt/backup/shop", "sftp:backup@other:/shop", "s3:s3.example.com/shop"],
    )


class ResticVault:
    """`cache` is a folder of its own for restic's cache; without it only speed is lost."""

    capabilities = VaultCapabilities(deduplicates=True)

    def __init__(self, name: str, options: ResticOptions, key_file: Path, cache: Path) -> None:
        self.name = name
        self._repository = Repository(name, options.location, key_file, cache)

    def prepare(self) -> None:
        if not self._repository.exists():
            self._repository.run("init", limit=ANSWER_LIMIT)

    def put(self, folder: Path, tags: Mapping[str, str]) -> Snapshot:
        """restic compares with the newest snapshot of the same folder by itself, so an unchanged folder
        that stays in its place is not read again."""
        if not folder.is_dir():
            raise VaultFailed(
                f"The folder {folder} is not there.", "Nothing was stored.", "Make it or correct its path."
            )
        self._repository.require_writable()
        if not any(folder.iterdir()):
            return self._put_nothing(tags)
        tagging = [part for tag in _written(tags) for part in ("--tag", tag)]
        for _ in range(_TRIES):
            begun = datetime.now(UTC)
            done = self._repository.run(
                "backup", "--json", "--host", _HOST, *tagging, ".", folder=folder, accept=(0, _PARTIAL)
            )
            summary = last_message(done, "summary")
            snapshot_id = self._full_id(str(summary["snapshot_id"]))
            if done.exit_code == 0:
                return Snapshot(
                    snapshot_id,
                    dict(tags),
                    begun,
                    int(str(summary["total_bytes_processed"])),
                    int(str(summary.get("data_added_packed", summary["data_added"]))),
                )
            # a file that vanished while it was read also ends here: the next try does not meet it
            self._repository.run("forget", snapshot_id, limit=ANSWER_LIMIT)
        raise VaultFailed(
            f"Some files in {folder} could not be read in {_TRIES} tries: {done.error_text[-500:]}",
            "An incomplete backup is none: it was removed again.",
            "Make these files readable for this user, or exclude what changes all the time.",
        )

    def _put_nothing(self, tags: Mapping[str, str]) -> Snapshot:
        """restic refuses an empty snapshot: a file that stands for "nothing" is stored, and left out again
        by get."""
        with TemporaryDirectory(prefix="lastgood-") as aside:
            (Path(aside) / _NOTHING).touch()
            return self.put(Path(aside), tags)

    def get(self, snapshot_id: str, folder: Path) -> None:
        with translated(VaultFailed, f"restoring from the vault {self.name}", folder):
            _require_empty(folder)
            aside = folder.with_name(f".{folder.name}.lastgood-new")
            remove(aside)
            aside.mkdir(parents=True, mode=0o700)
            try:
                self._restore(snapshot_id, aside)
                (aside / _NOTHING).unlink(missing_ok=True)
                aside.chmod(folder.stat().st_mode & 0o7777 if folder.is_dir() else 0o755)
                aside.rename(folder)
            finally:
                remove(aside)

    def snapshots(self, tags: Mapping[str, str]) -> tuple[Snapshot, ...]:
        self._repository.require_there()
        wanted = ["--tag", ",".join(_written(tags))] if tags else []
        done = self._repository.run(
            "snapshots", "--json", "--no-lock", "--host", _HOST, *wanted, limit=ANSWER_LIMIT
        )
        found = [_snapshot(entry) for entry in json.loads(done.text) or ()]
        return tuple(sorted(found, key=lambda snapshot: snapshot.taken_at))

    def check(self, read_data: bool) -> None:
        self._repository.require_there()
        lock = ("--no-lock",) if self._repository.read_only else ()
        self._repository.run("check", *(["--read-data"] if read_data else []), *lock)

    def forget(self, snapshot_ids: Sequence[str]) -> None:
        self._repository.require_writable()
        if snapshot_ids:
            self._repository.run("forget", "--prune", *snapshot_ids)

    def _restore(self, snapshot_id: str, aside: Path) -> None:
        self._repository.require_there()
        lock = ("--no-lock",) if self._repository.read_only else ()
        self._repository.run("restore", snapshot_id, "--target", str(aside), "--verify", *lock)

    def _full_id(self, snapshot_id: str) -> str:
        """restic before 0.17 tells the short form of a new snapshot's id only."""
        local = self._repository.local
        if len(snapshot_id) == 64:
            return snapshot_id
        if local is not None:
            return next((local / "snapshots").glob(f"{snapshot_id}*")).name
        done = self._repository.run("snapshots", "--json", "--no-lock", snapshot_id, limit=ANSWER_LIMIT)
        return str(json.loads(done.text)[0]["id"])


def _written(tags: Mapping[str, str]) -> list[str]:
    return [f"{quote(name)}={quote(value, safe=_READABLE_IN_TAGS)}" for name, value in sorted(tags.items())]


def _snapshot(entry: Mapping[str, object]) -> Snapshot:
    written = entry.get("tags")
    pairs = [str(tag).partition("=") for tag in written] if isinstance(written, list) else []
    summary = entry.get("summary")  # restic 0.17 and newer
    figures = summary if isinstance(summary, dict) else {}
    return Snapshot(
        str(entry["id"]),
        {unquote(name): unquote(value) for name, _, value in pairs},
        _instant(str(entry["time"])),
        int(figures.get("total_bytes_processed", 0)),
        int(figures.get("data_added_packed", 0)),
    )


def _instant(text: str) -> datetime:
    """RFC 3339 with nanoseconds, which datetime does not read, to UTC."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).astimezone(UTC)


def _require_empty(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise VaultFailed(
            f"{folder} is there already and not an empty folder.",
            "Nothing was restored, and nothing in it was changed.",
            "Name a new folder.",
        )

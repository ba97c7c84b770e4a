"""Running restic: the command, its environment, its locks, and what its messages mean.

restic before 0.17 ends with 1 for everything, so what happened is read from its messages."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from lastgood.adapters import process
from lastgood.adapters.disk import disk_full
from lastgood.adapters.vault_keys import read_key
from lastgood.domain.errors import (
    ActionFailed,
    ToolMissing,
    VaultDamaged,
    VaultFailed,
    VaultKeyWrong,
    VaultUnreachable,
)

PROGRAM = "restic"
ANSWER_LIMIT = timedelta(minutes=5)
TRANSFER_LIMIT = timedelta(hours=24)
LOCK_LIMIT = timedelta(seconds=60)  # how long another run's lock is waited for
_LOCK_PAUSE_SECONDS = 1.0

_TRACE = re.compile(r"\S+\.go:\d+|(?:runtime|main|golang\.org|github\.com)[./]\S+")
_FULL = ("no space left on device", "disk quota exceeded", "not enough space")
_WRONG_KEY = ("wrong password or no key found",)
_LOCKED = ("repository is already locked",)
_NOTHING_THERE = ("config: no such file or directory", "config does not exist", "key does not exist", "404")
_UNREACHABLE = (
    "connection refused",
    "no such host",
    "i/o timeout",
    "network is unreachable",
    "no route to host",
    "dial tcp",
    "tls:",
    "x509:",
    "unable to start the sftp session",
    "permission denied",
    "read-only file system",
    "not a directory",
    "input/output error",
    "server response unexpected",
)
_DAMAGED = (
    "ciphertext verification failed",
    "invalid data returned",
    "does not match",
    "hash mismatch",
    "contains errors",
    "unexpected eof",
    "not found in index",
    "not found in repository",
    "no such file or directory",
    "not valid json",
    "invalid character",
    "zstd",
    "there were",
    "damaged",
    "truncated",
    "unable to open config file",
)


class Repository:
    """`location` is an absolute path or one of restic's URLs. It and the key stay out of argv."""

    def __init__(self, name: str, location: str, key_file: Path, cache: Path) -> None:
        self.name = name
        self.location = location
        self._key_file = key_file
        self._cache = cache

    @property
    def local(self) -> Path | None:
        """The folder, where the repository is one on this machine."""
        return Path(self.location) if self.location.startswith("/") else None

    def run(
        self,
        *arguments: str,
        limit: timedelta = TRANSFER_LIMIT,
        folder: Path | None = None,
        accept: Sequence[int] = (0,),
    ) -> process.Completed:
        """Run restic; a lock whose process is dead is removed, a living one waited for. Raises by what
        restic says."""
        ends_at = time.monotonic() + LOCK_LIMIT.total_seconds()
        while True:
            done = self._once(*arguments, limit=limit, folder=folder)
            if done.exit_code in accept:
                return done
            if not _says(done.error_text, _LOCKED):
                raise self._failure(done, arguments[0])
            if time.monotonic() > ends_at:
                raise self._locked(done.error_text)
            self._once("unlock", limit=ANSWER_LIMIT)  # removes only locks whose process is dead
            time.sleep(_LOCK_PAUSE_SECONDS)

    def exists(self) -> bool:
        """Whether there is a repository that the key opens. Raises VaultKeyWrong, VaultUnreachable (which
        is never taken for "nothing is there"), VaultDamaged when there is one without its config."""
        if self.local is not None and not (self.local / "config").exists():
            self._require_nothing_stored(self.local)
            return False
        done = self._once("cat", "config", "--no-lock", limit=ANSWER_LIMIT)
        if done.exit_code == 0:
            return True
        said = done.error_text
        if done.exit_code == 10 or (_nothing_there(said) and not _says(said, _UNREACHABLE)):
            return False
        raise self._failure(done, "opening")

    def require_there(self) -> None:
        """Where that can be seen at once: raises VaultUnreachable when there is no repository."""
        if self.local is not None and not (self.local / "config").is_file():
            raise self.unreachable("there is no repository (its file `config` is missing)")

    def require_writable(self) -> None:
        """Raises VaultUnreachable; restic itself would try for most of a minute."""
        self.require_there()
        if self.read_only:
            raise self.unreachable("it is mounted read-only, or this user may not write there")

    @property
    def read_only(self) -> bool:
        """Whether no lock can be made in it (of a remote that is not known)."""
        return self.local is not None and not os.access(self.local / "locks", os.W_OK)

    def _once(self, *arguments: str, limit: timedelta, folder: Path | None = None) -> process.Completed:
        self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        return process.run(
            (PROGRAM, *arguments),
            limit=limit,
            folder=folder,
            environment={
                "RESTIC_REPOSITORY": self.location,
                "RESTIC_CACHE_DIR": str(self._cache),
                "RESTIC_PROGRESS_FPS": "0.1",
                # what a user may have set for repositories of their own
                "RESTIC_REPOSITORY_FILE": "",
                "RESTIC_PASSWORD_FILE": "",
                "RESTIC_PASSWORD_COMMAND": "",
                "RESTIC_KEY_HINT": "",
            },
            secrets={"RESTIC_PASSWORD": read_key(self._key_file)},
        )

    def _require_nothing_stored(self, folder: Path) -> None:
        # the parent is never made: on an unmounted disk's mount point that would fill the wrong disk
        if not folder.parent.is_dir():
            raise self.unreachable(f"{folder.parent} is not there")
        try:
            parts = [folder / part for part in ("data", "index", "snapshots")]
            stored = any(path.is_file() for part in parts if part.is_dir() for path in part.rglob("*"))
        except OSError as error:
            raise self.unreachable(str(error)) from error
        if stored:
            raise VaultDamaged(
                f"The vault {self.name} at {folder} holds data, but its file `config` is missing.",
                "It cannot be opened; nothing was changed.",
                "Bring `config` back from a copy of the vault; use another vault until then.",
            )

    def _failure(self, done: process.Completed, what: str) -> ActionFailed:
        said = done.error_text or done.text.strip()[-2000:]
        if _says(said, _FULL):
            return disk_full(f"{what} with the vault {self.name}", self.location)
        if _says(said, _WRONG_KEY) or done.exit_code == 12:
            return VaultKeyWrong(
                f"The key in {self._key_file} does not open the vault {self.name} at {self.location}.",
                "Nothing was stored in it or read from it.",
                "Put this vault's own key into the file.",
            )
        if done.exit_code == 10 or _nothing_there(said) or _says(said, _UNREACHABLE):
            return self.unreachable(_last_lines(said))
        if _says(said, _DAMAGED):
            return VaultDamaged(
                f"restic found damage in the vault {self.name} at {self.location}: {_last_lines(said)}",
                "What is damaged cannot be restored from this vault.",
                "Restore from another vault; look at this one's disk, then make new backups into it.",
            )
        return VaultFailed(
            f"restic {what} failed on the vault {self.name} at {self.location}: {_last_lines(said)}",
            "What was asked was not done.",
            "Read restic's own words above, then run the command again.",
        )

    def unreachable(self, why: str) -> VaultUnreachable:
        return VaultUnreachable(
            f"The vault {self.name} at {self.location} cannot be reached: {why}.",
            "Nothing was stored in it or read from it.",
            "Mount its disk, start its server or correct its location; `lastgood check` tries it again.",
        )

    def _locked(self, said: str) -> VaultFailed:
        return VaultFailed(
            f"The vault {self.name} stayed locked for {LOCK_LIMIT.total_seconds():g} s: {_last_lines(said)}",
            "What was asked was not done.",
            "Wait for the other run to end, or run `restic unlock` when you know that it is gone.",
        )


def available() -> str | None:
    """restic's version, None when it is not on this machine."""
    try:
        done = process.run((PROGRAM, "version"), limit=timedelta(seconds=10))
    except ToolMissing:
        return None
    words = done.text.split()
    return words[1] if done.exit_code == 0 and len(words) > 1 else None


def last_message(done: process.Completed, kind: str) -> dict[str, object]:
    """The last JSON message of that type on restic's output; empty when there is none."""
    for line in reversed(done.text.splitlines()):
        if line.startswith("{") and f'"message_type":"{kind}"' in line:
            return dict(json.loads(line))
    return {}


def _nothing_there(text: str) -> bool:
    return "unable to open config file" in text.lower() and _says(text, _NOTHING_THERE)


def _says(text: str, phrases: Sequence[str]) -> bool:
    lowered = text.lower()
    return any(phrase in lowered for phrase in phrases)


def _last_lines(text: str) -> str:
    """What restic said last, without the trace of its own source that it prints with some errors."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if not _TRACE.fullmatch(line)]
    return "; ".join(said[-4:])[-1000:]

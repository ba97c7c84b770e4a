"""Running rclone on the encrypted remote of a vault, configured by environment variables alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
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
    VaultUnreachable,
)

ANSWER_LIMIT = timedelta(minutes=5)
TRANSFER_LIMIT = timedelta(hours=24)
NOT_FOUND = (3, 4)  # rclone's exit codes for a folder and a file that are not there

_FULL = ("no space left on device", "file too big for remaining disk space", "disk quota exceeded")
_DAMAGED = (
    "failed to authenticate decrypted block",
    "bad password?",
    "unexpected eof",
    "not an encrypted file",
    "bad magic",
    "corrupted on transfer",
    "file too short",
    "file has truncated block header",
)
_UNREACHABLE = (
    "not a directory",
    "permission denied",
    "read-only file system",
    "connection refused",
    "no such host",
    "i/o timeout",
    "didn't find section in config file",
    "failed to create file system",
    "couldn't connect",
    "network is unreachable",
    "403",
    "401",
    "input/output error",
)


class Remote:
    """`location` is an absolute path or an rclone remote (`name:path`, from the user's own rclone
    configuration). Names and content under LOCATION/data are encrypted with the key."""

    def __init__(self, name: str, location: str, key_file: Path) -> None:
        self.name = name
        self.location = location
        self._key_file = key_file
        self._form_of_key = "", ""

    @property
    def local(self) -> Path | None:
        """The folder, where the vault is one on this machine."""
        return Path(self.location) if self.location.startswith("/") else None

    def key(self) -> str:
        return read_key(self._key_file)

    def plain(self, path: str) -> str:
        """rclone's name of a path beside the encrypted part."""
        return (
            f"{self.location.rstrip('/')}/{path}" if not self.location.endswith(":") else self.location + path
        )

    def run(
        self,
        *arguments: str,
        limit: timedelta = TRANSFER_LIMIT,
        given: bytes = b"",
        accept: Sequence[int] = (0,),
    ) -> process.Completed:
        """Run rclone; `vault:` names the encrypted part. Raises by what rclone says."""
        done = self._plain_run(
            *arguments,
            limit=limit,
            given=given,
            environment={
                "RCLONE_CONFIG_VAULT_TYPE": "crypt",
                "RCLONE_CONFIG_VAULT_REMOTE": self.plain("data"),
            },
            secrets={"RCLONE_CONFIG_VAULT_PASSWORD": self._obscured()},
        )
        if done.exit_code not in accept:
            raise self._failure(done, arguments[0])
        return done

    def listed(self, folder: str) -> dict[str, int]:
        """Path and size in bytes of every file under a folder of the encrypted part."""
        done = self.run(
            "lsf",
            "-R",
            "--files-only",
            "--format",
            "ps",
            "--separator",
            "\t",
            f"vault:{folder}",
            limit=ANSWER_LIMIT,
            accept=(0, *NOT_FOUND),
        )
        if done.exit_code in NOT_FOUND:
            return {}
        pairs = (line.rpartition("\t") for line in done.text.splitlines())
        return {path: int(size) for path, _, size in pairs}

    def fetch(self, folder: str, target: Path, only: Iterable[str] | None = None) -> process.Completed:
        """Copy files of the encrypted part into a folder in one call; what is damaged or missing is left
        out, and what came is to be proven by the caller. Raises where that is not the reason."""
        chosen = () if only is None else ("--files-from-raw", "-")
        given = "".join(f"{path}\n" for path in only or ()).encode()
        done = self.run(
            "copy",
            f"vault:{folder}",
            str(target),
            *chosen,
            "--no-traverse",
            "--retries",
            "1",
            given=given,
            accept=range(256),
        )
        if done.exit_code not in (0, *NOT_FOUND):
            failure = self._failure(done, "copy")
            if not isinstance(failure, VaultDamaged):
                raise failure
        return done

    def remove(self, folder: str, names: Iterable[str]) -> None:
        given = "".join(f"{name}\n" for name in names).encode()
        if given:
            self.run(
                "delete", f"vault:{folder}", "--files-from-raw", "-", given=given, accept=(0, *NOT_FOUND)
            )

    def unreachable(self, why: str) -> VaultUnreachable:
        return VaultUnreachable(
            f"The vault {self.name} at {self.location} cannot be reached: {why}.",
            "Nothing was stored in it or read from it.",
            "Mount its disk, start its server or correct its location; `lastgood check` tries it again.",
        )

    def damaged(self, what: str) -> VaultDamaged:
        return VaultDamaged(
            f"The vault {self.name} at {self.location} is damaged: {what}.",
            "What is damaged cannot be restored from this vault.",
            "Restore from another vault; look at this one's disk, then make new backups into it.",
        )

    def _obscured(self) -> str:
        """The key in the form in which rclone reads passwords; asked of rclone once."""
        key = self.key()
        if self._form_of_key[0] != key:
            done = self._plain_run("obscure", "-", given=key.encode())
            self._form_of_key = key, done.text.strip()
        return self._form_of_key[1]

    def _plain_run(
        self,
        *arguments: str,
        limit: timedelta = ANSWER_LIMIT,
        given: bytes = b"",
        environment: dict[str, str] | None = None,
        secrets: dict[str, str] | None = None,
    ) -> process.Completed:
        own = {"RCLONE_CONFIG": os.devnull} if self.local is not None else {}
        return process.run(
            (program(), *arguments),
            limit=limit,
            given=given,
            environment={**own, **(environment or {})},
            secrets=secrets,
        )

    def _failure(self, done: process.Completed, what: str) -> ActionFailed:
        said = done.error_text
        if _says(said, _FULL):
            return disk_full(f"{what} with the vault {self.name}", self.location)
        if _says(said, _DAMAGED):
            return self.damaged(_last_lines(said))
        if _says(said, _UNREACHABLE):
            return self.unreachable(_last_lines(said))
        return VaultFailed(
            f"rclone {what} failed on the vault {self.name} at {self.location}: {_last_lines(said)}",
            "What was asked was not done.",
            "Read rclone's own words above, then run the command again.",
        )


def program() -> str:
    """The rclone on the PATH, else the one that pip installed beside this Python."""
    beside = Path(sys.executable).parent / "rclone"
    return shutil.which("rclone") or (str(beside) if beside.is_file() else "rclone")


def available() -> str | None:
    """rclone's version, None when it is not on this machine."""
    try:
        done = process.run((program(), "version"), limit=timedelta(seconds=10))
    except ToolMissing:
        return None
    words = done.text.split()
    return words[1].removeprefix("v") if done.exit_code == 0 and len(words) > 1 else None


def _says(text: str, phrases: Sequence[str]) -> bool:
    lowered = text.lower()
    return any(phrase in lowered for phrase in phrases)


def _last_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-4:])[-1000:]

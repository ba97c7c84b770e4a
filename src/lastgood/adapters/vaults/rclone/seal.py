"""The seal of an rclone vault: a plain file that tells a wrong key from an empty or damaged place.

Without it a wrong key would show no names at all, and look like a new vault. It holds a salted scrypt hash
of the key; keys have 240 random bits, so it tells nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from lastgood.adapters.vaults.rclone.remote import ANSWER_LIMIT, NOT_FOUND, Remote
from lastgood.domain.errors import VaultKeyWrong

SEAL_FILE = "lastgood-vault.json"


def is_sealed(remote: Remote) -> bool:
    """Whether a vault is there; then the key is its own. Raises VaultKeyWrong, VaultUnreachable,
    VaultDamaged."""
    key = remote.key()
    content = _local_content(remote, remote.local) if remote.local is not None else _remote_content(remote)
    if content is None:
        return False
    try:
        seal: Mapping[str, str] = json.loads(content)
        proof = _proof(key, seal["salt"])
        expected = seal["seal"]
    except (ValueError, KeyError) as error:
        raise remote.damaged(f"its file {SEAL_FILE} cannot be read") from error
    if not secrets.compare_digest(proof, expected):
        raise VaultKeyWrong(
            f"The key does not open the vault {remote.name} at {remote.location}.",
            "Nothing was stored in it or read from it.",
            "Put this vault's own key into its key file.",
        )
    return True


def require_sealed(remote: Remote) -> None:
    """Raises VaultUnreachable too when no vault is there."""
    if not is_sealed(remote):
        raise remote.unreachable(f"there is no vault (its file {SEAL_FILE} is missing)")


def write_seal(remote: Remote, workspace: Path) -> None:
    """Make a new vault. Raises VaultDamaged when there is data already."""
    done = remote.run(
        "lsf", "-R", "--files-only", remote.plain("data"), limit=ANSWER_LIMIT, accept=(0, *NOT_FOUND)
    )
    if done.text.strip():
        raise remote.damaged(f"it holds data, but its file {SEAL_FILE} is missing")
    salt = secrets.token_hex(16)
    seal = workspace / SEAL_FILE
    seal.write_text(json.dumps({"format": 1, "salt": salt, "seal": _proof(remote.key(), salt)}))
    remote.run("copyto", str(seal), remote.plain(SEAL_FILE), limit=ANSWER_LIMIT)


def _local_content(remote: Remote, folder: Path) -> bytes | None:
    # the parent is never made: on an unmounted disk's mount point that would fill the wrong disk
    if not folder.parent.is_dir():
        raise remote.unreachable(f"{folder.parent} is not there")
    try:
        return (folder / SEAL_FILE).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise remote.unreachable(str(error)) from error


def _remote_content(remote: Remote) -> bytes | None:
    done = remote.run("cat", remote.plain(SEAL_FILE), limit=ANSWER_LIMIT, accept=(0, *NOT_FOUND))
    return done.output or None


def _proof(key: str, salt: str) -> str:
    return hashlib.scrypt(key.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()

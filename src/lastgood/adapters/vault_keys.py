"""Keys of vaults: made here, kept in a file that only its owner may read."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from lastgood.domain.errors import VaultKeyWrong

_KEY_BYTES = 30  # 240 bits: 48 letters and digits, 8 groups of 6
_GROUP = 6


def make_key() -> str:
    """A new random key that can be printed, read aloud and typed: 8 groups of 6, like `ABC234-...`."""
    letters = base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def read_key(file: Path) -> str:
    """The key in the file. Raises VaultKeyWrong when it is missing, empty or readable by others."""
    try:
        mode = file.stat().st_mode
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise VaultKeyWrong(
            f"The key file {file} cannot be read: {error}.",
            "Without the key nothing can be stored in the vault or read from it.",
            "Put the key there (its copy on paper or in a password manager) and run `chmod 600` on it.",
        ) from error
    if mode & 0o077:
        raise VaultKeyWrong(
            f"The key file {file} can be read by other users (mode {mode & 0o777:o}).",
            "Whoever reads it can read every backup; the vault was not opened.",
            f"Run `chmod 600 {file}`.",
        )
    if not key:
        raise VaultKeyWrong(
            f"The key file {file} is empty.",
            "Without the key nothing can be stored in the vault or read from it.",
            "Put the key into it.",
        )
    return key

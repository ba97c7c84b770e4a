"""Keys of vaults: shown for paper, copied to a file, checked against the vault."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lastgood.application.ground import Ground
from lastgood.domain.errors import Refused, UsageError
from lastgood.domain.system import System, Vault


@dataclass(frozen=True, slots=True)
class KeyChecked:
    """The key opens the vault, which holds so many snapshots and capsules."""

    vault: str
    location: str
    snapshots: int
    capsules: int


def vault_named(system: System, name: str | None) -> Vault:
    """That vault, or the only one. Raises UsageError."""
    if name is None and len(system.vaults) == 1:
        return system.vaults[0]
    if name is None:
        raise UsageError(
            f"This system has {len(system.vaults)} vaults.",
            "",
            f"Name one of: {', '.join(vault.name for vault in system.vaults) or 'none'}.",
        )
    return system.vault(name)


def read_vault_key(vault: Vault) -> str:
    """Raises Refused when it is not there."""
    try:
        return vault.key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            f"The key of vault {vault.name} is not in {vault.key_file} ({error}).",
            "Without it no backup in that vault can be read.",
            f"Write it there from its copy on paper, and run `chmod 600 {vault.key_file}`.",
        ) from error


def export_key(ground: Ground, vault: Vault, file: Path) -> None:
    """A copy with mode 0600. Raises Refused when something stands there already."""
    key = read_vault_key(vault)
    if file.exists() or file.is_symlink():
        raise Refused(
            f"{file} is there already.", "It was not overwritten.", "Name a file that does not exist yet."
        )
    ground.lay_file(file, f"{key}\n".encode(), 0o600)


def check_key(ground: Ground, vault: Vault, file: Path) -> KeyChecked:
    """Open the vault with the key in `file`. Raises VaultKeyWrong, VaultUnreachable, VaultDamaged."""
    with TemporaryDirectory(prefix="lastgood-") as cache:
        opened = ground.open_vault(vault.name, vault.part, file, Path(cache))
        snapshots = opened.snapshots({})
    capsules = [snapshot for snapshot in snapshots if snapshot.tags.get("kind") == "capsule"]
    return KeyChecked(vault.name, str(vault.part.options.get("location")), len(snapshots), len(capsules))

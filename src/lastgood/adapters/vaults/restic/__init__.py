"""Vault `restic`: encrypted, deduplicated, on a disk or behind any of restic's transports."""

from lastgood.adapters.vaults.restic.repository import available
from lastgood.adapters.vaults.restic.vault import ResticOptions, ResticVault

__all__ = ["ResticOptions", "ResticVault", "available"]

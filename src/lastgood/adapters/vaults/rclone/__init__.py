"""Vault `rclone`: encrypted, content-addressed, on a disk or any storage rclone speaks to; needs only pip."""

from lastgood.adapters.vaults.rclone.remote import available
from lastgood.adapters.vaults.rclone.vault import RcloneOptions, RcloneVault

__all__ = ["RcloneOptions", "RcloneVault", "available"]

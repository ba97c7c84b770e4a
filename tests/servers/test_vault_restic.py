"""Vault restic: the conformance suite, and what is particular to restic."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.support.vault_conformance import TAGS, VaultConformance, file_of, key_file

from lastgood.adapters.vaults.restic import ResticOptions, ResticVault, available
from lastgood.domain.errors import VaultDamaged, VaultFailed, VaultUnreachable


class TestRestic(VaultConformance):
    @staticmethod
    def vault(location: Path, key_file: Path, cache: Path) -> ResticVault:
        return ResticVault("main", ResticOptions(kind="restic", location=str(location)), key_file, cache)

    def test_a_users_own_settings_do_no_harm(
        self, vault_here: ResticVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Variables that a user set for other repositories change nothing."""
        monkeypatch.setenv("RESTIC_REPOSITORY", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("RESTIC_PASSWORD", "another")
        monkeypatch.setenv("RESTIC_PASSWORD_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "false")
        assert vault_here.snapshots({}) == ()

    def test_a_vault_without_its_config_is_not_made_anew(
        self, vault_here: ResticVault, place: Path, tmp_path: Path
    ) -> None:
        """Stored data whose config is gone is damage, not an empty place."""
        vault_here.put(file_of(tmp_path / "data", 10), TAGS)
        (place / "config").unlink()
        with pytest.raises(VaultDamaged):
            vault_here.prepare()

    def test_a_making_that_was_killed_is_finished(self, key: str, tmp_path: Path) -> None:
        """Folders and a key without a config hold nothing yet: prepare makes the vault."""
        (tmp_path / "vault" / "data" / "00").mkdir(parents=True)
        (tmp_path / "vault" / "keys").mkdir()
        vault = self.vault(tmp_path / "vault", key_file(tmp_path, key), tmp_path / "cache")
        vault.prepare()
        assert vault.snapshots({}) == ()


def test_a_server_that_refuses_is_unreachable(tmp_path: Path) -> None:
    """A remote that cannot be reached is never taken for an empty one."""
    missing = ResticOptions(kind="restic", location=f"local:{tmp_path}/none")
    vault = ResticVault("main", missing, key_file(tmp_path, "k" * 20), tmp_path / "cache")
    with pytest.raises(VaultUnreachable):
        vault.snapshots({})
    with pytest.raises(VaultFailed):
        vault.put(tmp_path / "none", {})


def test_locations_are_paths_or_urls(tmp_path: Path) -> None:
    """A relative path counts from the documents' folder, a URL stays as it is."""

    def location(text: str) -> str:
        options = {"kind": "restic", "location": text}
        return ResticOptions.model_validate(options, context={"folder": tmp_path}).location

    assert location("vault") == str(tmp_path / "vault")
    assert location("/mnt/vault") == "/mnt/vault"
    assert location("sftp:me@there:/vault") == "sftp:me@there:/vault"
    with pytest.raises(ValidationError):
        ResticOptions.model_validate({"kind": "restic", "location": "x", "key": "no"})


def test_the_version_is_told() -> None:
    """available() gives the version of the program on this machine."""
    version = available()
    assert version is not None
    assert version[0].isdigit()

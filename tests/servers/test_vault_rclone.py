"""Vault rclone: the conformance suite, and what is particular to rclone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.killing import in_child, kill_after
from tests.support.vault_conformance import TAGS, VaultConformance, described, file_of, files_under, key_file

from lastgood.adapters.vaults.rclone import RcloneOptions, RcloneVault, available
from lastgood.domain.errors import VaultDamaged


class TestRclone(VaultConformance):
    @staticmethod
    def vault(location: Path, key_file: Path, cache: Path) -> RcloneVault:
        return RcloneVault("main", RcloneOptions(kind="rclone", location=str(location)), key_file, cache)

    def test_data_without_its_seal_is_not_sealed_anew(
        self, vault_here: RcloneVault, place: Path, tmp_path: Path
    ) -> None:
        """Stored data whose seal is gone is damage, not an empty place."""
        vault_here.put(file_of(tmp_path / "data", 10), TAGS)
        (place / "lastgood-vault.json").unlink()
        with pytest.raises(VaultDamaged):
            vault_here.prepare()

    def test_a_damaged_record_is_reported_and_frees_nothing(
        self, vault_here: RcloneVault, place: Path, tmp_path: Path
    ) -> None:
        """A snapshot whose record is damaged is not listed and hides no other; check reports it, and forget
        frees no object that it may need."""
        before = set(files_under(place))
        bad = vault_here.put(file_of(tmp_path / "bad", 1000), TAGS)
        record = max(set(files_under(place)) - before, key=lambda file: file.stat().st_mtime_ns)
        record.write_bytes(record.read_bytes()[:-3])
        good = vault_here.put(file_of(tmp_path / "good", 2000), TAGS)
        held = len(files_under(place))
        listed = [snapshot.id for snapshot in vault_here.snapshots({})]
        with pytest.raises(VaultDamaged):
            vault_here.check(read_data=False)
        assert listed == [good.id]
        with pytest.raises(VaultDamaged):
            vault_here.get(bad.id, tmp_path / "back")
        with pytest.raises(VaultDamaged):
            vault_here.forget([good.id])
        assert len(files_under(place)) == held - 1

    def test_a_killed_forget_loses_nothing(self, vault_here: RcloneVault, tmp_path: Path) -> None:
        """Killed between records and objects, a forget leaves the other snapshots whole, and the next one
        frees the rest."""
        kept = vault_here.put(file_of(tmp_path / "kept", 1000), TAGS)
        for seconds in (0.05, 0.1, 0.2, 0.3):
            folder = file_of(tmp_path / f"gone-{seconds}", 100_000)
            gone = vault_here.put(folder, {"kind": "gone"})
            kill_after(in_child(lambda gone=gone: vault_here.forget([gone.id])), seconds)
            vault_here.check(read_data=True)
        vault_here.forget([snapshot.id for snapshot in vault_here.snapshots({"kind": "gone"})])
        vault_here.get(kept.id, tmp_path / "back")
        assert described(tmp_path / "back") == described(tmp_path / "kept")

    def test_a_named_remote_is_combined_with_encryption(
        self, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A remote from the user's own rclone configuration holds the vault, encrypted."""
        configuration = tmp_path / "rclone.conf"
        configuration.write_text(f"[mydrive]\ntype = alias\nremote = {tmp_path}/drive\n")
        monkeypatch.setenv("RCLONE_CONFIG", str(configuration))
        (tmp_path / "drive").mkdir()
        options = RcloneOptions(kind="rclone", location="mydrive:backups/shop")
        vault = RcloneVault("main", options, key_file(tmp_path, key), tmp_path / "cache")
        vault.prepare()
        vault.prepare()
        put = vault.put(file_of(tmp_path / "data", 1000), TAGS)
        vault.get(put.id, tmp_path / "back")
        assert described(tmp_path / "back") == described(tmp_path / "data")
        stored = files_under(tmp_path / "drive" / "backups" / "shop")
        assert not any(os.fsencode("kind") in file.read_bytes() for file in stored)


def test_locations_are_paths_or_remotes(tmp_path: Path) -> None:
    """A relative path counts from the documents' folder, a remote stays as it is."""

    def location(text: str) -> str:
        options = {"kind": "rclone", "location": text}
        return RcloneOptions.model_validate(options, context={"folder": tmp_path}).location

    assert location("vault") == str(tmp_path / "vault")
    assert location("my drive:vault") == "my drive:vault"


def test_the_version_is_told() -> None:
    """available() gives the version of the program on this machine."""
    version = available()
    assert version is not None
    assert version[0].isdigit()

"""What every vault promises (ports/vault.py). A test file subclasses VaultConformance and makes one."""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.support.killing import NOBODY, descendants, exit_code, home_of_nobody, in_child, kill_after
from tests.support.small_disk import small_disk

from lastgood.adapters.vault_keys import make_key
from lastgood.domain.errors import (
    DiskFull,
    ToolMissing,
    VaultDamaged,
    VaultFailed,
    VaultKeyWrong,
    VaultUnreachable,
)
from lastgood.ports.vault import Vault

TAGS = {"kind": "backup", "store": "shop, main=1 ü%"}


class VaultConformance:
    @staticmethod
    def vault(location: Path, key_file: Path, cache: Path) -> Vault:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def key(cls) -> str:
        return make_key()

    @pytest.fixture(scope="class")
    @classmethod
    def prepared(cls, key: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """An empty vault, made once; each test works on a copy."""
        folder = tmp_path_factory.mktemp("prepared")
        cls.vault(folder / "vault", key_file(folder, key), folder / "cache").prepare()
        return folder / "vault"

    @pytest.fixture
    def place(self, prepared: Path, tmp_path: Path) -> Path:
        shutil.copytree(prepared, tmp_path / "vault")
        return tmp_path / "vault"

    @pytest.fixture
    def vault_here(self, place: Path, key: str, tmp_path: Path) -> Vault:
        return self.vault(place, key_file(tmp_path, key), tmp_path / "cache")

    def test_everything_comes_back(self, vault_here: Vault, tmp_path: Path) -> None:
        """Odd names, links, modes, times, empty files and folders are restored as they were."""
        odd_tree(tmp_path / "data")
        before = described(tmp_path / "data")
        put = vault_here.put(tmp_path / "data", TAGS)
        vault_here.get(put.id, tmp_path / "back")
        assert described(tmp_path / "back") == before
        assert described(tmp_path / "data") == before
        assert put.size_bytes == sum(size for _, size, *_ in before.values())
        assert put.added_bytes > 0
        assert [child.name for child in tmp_path.iterdir() if "lastgood" in child.name] == []

    def test_an_empty_folder_is_a_backup_too(self, vault_here: Vault, tmp_path: Path) -> None:
        """A folder without anything in it is put and comes back without anything in it."""
        (tmp_path / "data").mkdir()
        put = vault_here.put(tmp_path / "data", TAGS)
        vault_here.check(read_data=True)
        vault_here.get(put.id, tmp_path / "back")
        assert list((tmp_path / "back").iterdir()) == []

    def test_snapshots_are_told_apart_and_forgotten(self, vault_here: Vault, tmp_path: Path) -> None:
        """An unchanged put adds little; all tags asked for must match; what is forgotten is gone, its space
        is free, and the others are whole."""
        vault_here.prepare()
        small, big = tmp_path / "small", tmp_path / "big"
        for folder, size in ((small, 1000), (big, 3_000_000)):
            folder.mkdir()
            (folder / "file").write_bytes(random.Random(size).randbytes(size))
        first = vault_here.put(big, TAGS | {"point": "1"})
        second = vault_here.put(big, TAGS | {"point": "2"})
        third = vault_here.put(small, {"kind": "capsule"})
        assert second.added_bytes < 10_000 < first.added_bytes
        assert [snapshot.id for snapshot in vault_here.snapshots({})] == [first.id, second.id, third.id]
        (found,) = vault_here.snapshots(TAGS | {"point": "2"})
        assert (found.id, found.tags) == (second.id, TAGS | {"point": "2"})
        assert vault_here.snapshots({"kind": "capsule", "point": "2"}) == ()
        vault_here.forget([first.id, second.id])
        assert [snapshot.id for snapshot in vault_here.snapshots({})] == [third.id]
        assert size_of(tmp_path / "vault") < 500_000
        vault_here.get(third.id, tmp_path / "back")
        assert described(tmp_path / "back") == described(small)

    def test_a_wrong_key_opens_nothing(self, place: Path, vault_here: Vault, tmp_path: Path) -> None:
        """Another key: VaultKeyWrong everywhere, and the vault is not made anew."""
        before = described(place)
        (tmp_path / "other").mkdir()
        stranger = self.vault(place, key_file(tmp_path / "other", make_key()), tmp_path / "cache")
        for attempt in (
            stranger.prepare,
            lambda: stranger.put(tmp_path / "other", TAGS),
            lambda: stranger.snapshots({}),
        ):
            with pytest.raises(VaultKeyWrong):
                attempt()
        assert described(place) == before

    def test_an_open_key_file_is_refused(self, vault_here: Vault, tmp_path: Path) -> None:
        """A key file that others may read, or that is missing, is refused with the mend."""
        (tmp_path / "key").chmod(0o640)
        with pytest.raises(VaultKeyWrong, match="chmod 600"):
            vault_here.snapshots({})
        (tmp_path / "key").unlink()
        with pytest.raises(VaultKeyWrong):
            vault_here.snapshots({})

    def test_flipped_bytes_are_never_restored(self, vault_here: Vault, place: Path, tmp_path: Path) -> None:
        """A few bytes changed in the stored data: reading it all says VaultDamaged, and so does a restore."""
        put = vault_here.put(file_of(tmp_path / "data", 2_000_000), TAGS)
        largest = max(files_under(place), key=lambda file: file.stat().st_size)
        largest.chmod(0o600)
        with largest.open("r+b") as stream:
            stream.seek(largest.stat().st_size // 2)
            stream.write(b"flipped!")
        with pytest.raises(VaultDamaged):
            vault_here.check(read_data=True)
        with pytest.raises(VaultDamaged):
            vault_here.get(put.id, tmp_path / "back")
        assert not (tmp_path / "back").exists()

    def test_lost_data_is_noticed(self, vault_here: Vault, place: Path, tmp_path: Path) -> None:
        """A stored file that is gone: even the quick check says VaultDamaged."""
        vault_here.put(file_of(tmp_path / "data", 2_000_000), TAGS)
        max(files_under(place), key=lambda file: file.stat().st_size).unlink()
        with pytest.raises(VaultDamaged):
            vault_here.check(read_data=False)

    def test_a_killed_put_leaves_no_snapshot(self, vault_here: Vault, tmp_path: Path) -> None:
        """Killed in the middle, a put is not listed unless it is complete; the next one works, and so does
        forgetting, whatever lock the dead one held."""
        folder = file_of(tmp_path / "data", 30_000_000)
        for seconds in (0.15, 0.6, 0.9):
            kill_after(in_child(lambda: vault_here.put(folder, {"try": "killed"})), seconds)
        for snapshot in vault_here.snapshots({"try": "killed"}):
            vault_here.get(snapshot.id, tmp_path / snapshot.id)
        put = vault_here.put(folder, TAGS)
        vault_here.forget([snapshot.id for snapshot in vault_here.snapshots({"try": "killed"})])
        vault_here.check(read_data=True)
        vault_here.get(put.id, tmp_path / "back")
        assert described(tmp_path / "back") == described(folder)

    def test_the_key_is_seen_nowhere(self, vault_here: Vault, key: str, place: Path, tmp_path: Path) -> None:
        """No command line, error text or stored file holds the key."""
        folder = file_of(tmp_path / "data", 20_000_000)
        seen: set[bytes] = set()
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                for pid in descendants(os.getpid()):
                    try:
                        seen.add(Path(f"/proc/{pid}/cmdline").read_bytes())
                    except OSError:
                        continue
                time.sleep(0.002)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            vault_here.put(folder, TAGS)
        finally:
            stop.set()
            watcher.join()
        assert seen
        assert not any(key.encode() in command for command in seen)
        assert not any(key.encode() in file.read_bytes() for file in files_under(place))
        with pytest.raises(VaultFailed) as failure:
            vault_here.get("0" * 32, tmp_path / "back")
        assert key not in str(failure.value)

    def test_a_missing_program_is_named(
        self, vault_here: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its program the vault says ToolMissing."""
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
        folder = file_of(tmp_path / "data", 10)
        with pytest.raises(ToolMissing):
            vault_here.put(folder, TAGS)

    def test_an_unmounted_place_is_not_filled(self, key: str, tmp_path: Path) -> None:
        """Where the parent is missing, or is no folder, or the vault went away: VaultUnreachable, and
        nothing is made there."""
        keys = key_file(tmp_path, key)
        (tmp_path / "file").touch()
        folder = file_of(tmp_path / "data", 10)
        for location in (tmp_path / "unmounted" / "vault", tmp_path / "file" / "vault"):
            vault = self.vault(location, keys, tmp_path / "cache")
            for attempt in (vault.prepare, lambda vault=vault: vault.put(folder, TAGS)):
                with pytest.raises(VaultUnreachable):
                    attempt()
        with pytest.raises(VaultUnreachable):
            self.vault(tmp_path / "gone", keys, tmp_path / "cache").put(folder, TAGS)
        assert not (tmp_path / "unmounted").exists()
        assert not (tmp_path / "gone").exists()

    def test_a_full_disk_harms_no_snapshot(self, prepared: Path, key: str, tmp_path: Path) -> None:
        """No room in the vault: DiskFull, the earlier snapshot restores, and the failed one is not listed."""
        with small_disk(tmp_path / "small", 8) as small:
            shutil.copytree(prepared, small / "vault")
            vault = self.vault(small / "vault", key_file(tmp_path, key), tmp_path / "cache")
            first = vault.put(file_of(tmp_path / "data", 1_000_000), TAGS)
            with pytest.raises(DiskFull):
                vault.put(file_of(tmp_path / "big", 12_000_000), TAGS)
            assert [snapshot.id for snapshot in vault.snapshots({})] == [first.id]
            vault.get(first.id, tmp_path / "back")
            assert described(tmp_path / "back") == described(tmp_path / "data")

    def test_a_full_disk_leaves_no_half_restore(self, vault_here: Vault, tmp_path: Path) -> None:
        """No room for what is restored: DiskFull, and nothing stands where it should have gone."""
        put = vault_here.put(file_of(tmp_path / "data", 6_000_000), TAGS)
        with small_disk(tmp_path / "small", 4) as small:
            with pytest.raises(DiskFull):
                vault_here.get(put.id, small / "back")
            assert list(small.iterdir()) == []

    def test_a_read_only_vault_restores(self, prepared: Path, key: str, tmp_path: Path) -> None:
        """From a disk that is mounted read-only everything can be restored, and nothing put."""
        with small_disk(tmp_path / "small", 8) as small:
            shutil.copytree(prepared, small / "vault")
            vault = self.vault(small / "vault", key_file(tmp_path, key), tmp_path / "cache")
            first = vault.put(file_of(tmp_path / "data", 1000), TAGS)
            subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True, timeout=10)
            assert [snapshot.id for snapshot in vault.snapshots(TAGS)] == [first.id]
            vault.get(first.id, tmp_path / "back")
            with pytest.raises(VaultUnreachable):
                vault.put(file_of(tmp_path / "more", 1000), TAGS)

    def test_what_is_there_is_not_overwritten(self, vault_here: Vault, tmp_path: Path) -> None:
        """A restore into a folder with content is refused; an unknown snapshot is an error."""
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "file").write_text("precious")
        with pytest.raises(VaultFailed):
            vault_here.get("0" * 32, tmp_path / "mine")
        assert (tmp_path / "mine" / "file").read_text() == "precious"
        with pytest.raises(VaultFailed) as failure:
            vault_here.get("0" * 32, tmp_path / "back")
        assert failure.value.mend

    def test_an_ordinary_user_never_puts_half(self, prepared: Path, key: str) -> None:
        """An ordinary user's rights suffice; a file that this user may not read fails the put, and no
        snapshot is listed."""
        with home_of_nobody() as home:
            shutil.copytree(prepared, home / "vault")
            for path in (home / "vault", *(home / "vault").rglob("*")):
                if NOBODY is not None:
                    os.chown(path, NOBODY, NOBODY)

            def work() -> None:
                vault = self.vault(home / "vault", key_file(home, key), home / "cache")
                folder = file_of(home / "data", 1000)
                put = vault.put(folder, TAGS)
                vault.get(put.id, home / "back")
                (folder / "closed").write_text("secret")
                (folder / "closed").chmod(0)
                with pytest.raises(VaultFailed):
                    vault.put(folder, TAGS)
                assert [snapshot.id for snapshot in vault.snapshots({})] == [put.id]

            assert exit_code(in_child(work, NOBODY)) == 0


def key_file(folder: Path, key: str) -> Path:
    file = folder / "key"
    file.write_text(key + "\n")
    file.chmod(0o600)
    return file


def file_of(folder: Path, size: int) -> Path:
    """A new folder with one file of that many random bytes."""
    folder.mkdir()
    (folder / "file").write_bytes(random.Random(size).randbytes(size))
    return folder


def odd_tree(folder: Path) -> None:
    for name in (
        "plain",
        "with space",
        "-leading",
        "new\nline",
        "ü✓",
        os.fsdecode(b"no text \xff"),
        "a,b=c%",
    ):
        (folder / "sub" / name).mkdir(parents=True)
        (folder / "sub" / name / name).write_text(name.encode("utf-8", "surrogateescape").hex())
    (folder / "same").write_text("twice")
    (folder / "sub" / "same").write_text("twice")
    (folder / "nothing").touch()
    (folder / "empty folder").mkdir(mode=0o750)
    (folder / "link").symlink_to("sub/plain")
    (folder / "dangling").symlink_to("/nowhere/new\nline")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o751)
    os.utime(folder / "run", ns=(1, 1_500_000_000_123_456_789))
    (folder / "read only").write_text("r")
    (folder / "read only").chmod(0o440)


def described(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """path -> (mode, size, time of change in nanoseconds, content or target) of all below."""
    return {str(path.relative_to(folder)): _described(path) for path in folder.rglob("*")}


def _described(path: Path) -> tuple[int, int, int, bytes]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return status.st_mode, 0, 0, os.fsencode(path.readlink())
    if stat.S_ISDIR(status.st_mode):
        return status.st_mode, 0, status.st_mtime_ns, b""
    return status.st_mode, status.st_size, status.st_mtime_ns, path.read_bytes()


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in files_under(folder))

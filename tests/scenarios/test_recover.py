"""The machine is gone; a vault and its key bring everything back, or nothing is placed."""

from __future__ import annotations

import copy
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.shop_system import KILLED, ShopSystem

from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

pytestmark = pytest.mark.timeout(170)


@dataclass(frozen=True)
class Disaster:
    """What is left of a system after its machine is gone, and a place for the next one."""

    shop: ShopSystem
    vault: Path
    key: Path
    new: Path
    orders: int

    def recover(
        self, *arguments: str, kill: str = "", engine: str = "inline"
    ) -> subprocess.CompletedProcess[str]:
        return self.shop.run(
            "recover", "--from", str(self.vault), "--key", str(self.key), *arguments, kill=kill, engine=engine
        )

    def is_back(self) -> None:
        """The same release serves on the same port, and its data is that of the backup."""
        assert self.shop.serving() == "v1"
        with sqlite3.connect(self.new / "shop.db") as connection:
            (count,) = connection.execute("select count(*) from orders").fetchone()
        connection.close()
        assert count == self.orders
        assert (self.new / "uploads" / "tea.txt").read_text() == "a picture of tea\n"
        script = self.shop.documents / "checks" / "answers.sh"
        assert os.access(script, os.X_OK), "what stands beside the documents comes back with them"
        with self.shop.under_load() as load:
            pass
        assert [answer for answer in load.answers if answer.failed] == []


@dataclass(frozen=True)
class Left:
    """What every test here begins with: made once, copied for each."""

    folder: Path  # holds the vault as `stick`, and paper.key
    shop: ShopSystem
    orders: int


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("lost")
    old = ShopSystem(folder / "old")
    add_a_script(old)
    with old:
        done = old.deploy("v1")
        assert done.returncode == 0, done.stdout + done.stderr
        with old.under_load() as load:
            while len(load.answers) < 50:
                time.sleep(0.05)
        made = old.run("backup")
        assert made.returncode == 0, made.stdout + made.stderr
        exported = old.run("key", "export", str(folder / "paper.key"))
        assert exported.returncode == 0, exported.stderr
        orders = old.orders()
    shutil.move(folder / "old" / "vault", folder / "stick")
    subprocess.run(["chmod", "-R", "u+w", str(folder / "old")], check=True, timeout=20)
    shutil.rmtree(folder / "old")
    return Left(folder, old, orders)


def add_a_script(shop: ShopSystem) -> None:
    """A probe that is a program beside the documents: it must come back too."""
    script = shop.documents / "checks" / "answers.sh"
    script.parent.mkdir()
    script.write_text(
        "#!/bin/sh\nexec python3 -c \"import socket; socket.create_connection(('$HOST', $PORT))\"\n"
    )
    script.chmod(0o755)
    text = (shop.documents / "system.yml").read_text()
    shop.write(
        "system.yml", text.replace("{http: /health}", "{http: /health}, {command: ./checks/answers.sh}")
    )


@pytest.fixture
def disaster(left: Left, tmp_path: Path) -> Iterator[Disaster]:
    vault, key, new = tmp_path / "stick", tmp_path / "paper.key", tmp_path / "new"
    shutil.copytree(left.folder / "stick", vault)
    shutil.copy(left.folder / "paper.key", key)
    shop = copy.copy(left.shop)
    shop.folder, shop.documents = new, new / "lastgood"
    yield Disaster(shop, vault, key, new, left.orders)
    if (new / "lastgood" / "system.yml").exists():
        end(new / "lastgood")


def end(documents: Path) -> None:
    workplace = open_workplace(load_system(documents))
    for traffic in workplace.traffic.values():
        traffic.stop()
    for runtime in workplace.runtimes.values():
        for instance in runtime.instances():
            runtime.stop(instance.instance_id, timedelta(seconds=2))


def test_any_one_of_several_vaults_will_do(tmp_path: Path) -> None:
    """The other vault and its key are lost with the machine; that key is asked for, and never made anew."""
    with ShopSystem(tmp_path / "old") as shop:
        text = (shop.documents / "system.yml").read_text()
        shop.write("system.yml", text + "  - {name: offsite, kind: rclone, location: ../offsite}\n")
        deployed = shop.deploy("v1")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert shop.run("key", "show").returncode == 2, "there are two vaults"
        shown = shop.run("key", "show", "--vault", "offsite")
        key = tmp_path / "typed.key"
        key.write_text(shown.stdout)
        checked = shop.run("key", "check", str(key), "--vault", "offsite")
        assert checked.returncode == 4, "others may read it"
        key.chmod(0o600)
        checked = shop.run("key", "check", str(key), "--vault", "offsite")
        assert checked.returncode == 0, checked.stderr
    shutil.move(tmp_path / "old" / "offsite", tmp_path / "stick")
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path / "old")], check=True, timeout=20)
    shutil.rmtree(tmp_path / "old")
    shop.folder, shop.documents = tmp_path / "new", tmp_path / "new" / "lastgood"
    done = shop.run("recover", "--from", str(tmp_path / "stick"), "--key", str(key), "--yes")
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        assert "The key of vault local is not here" in done.stdout
        assert shop.serving() == "v1"
        assert not (shop.documents / ".state" / "keys" / "local.key").exists()
        backup = shop.run("backup")
        assert backup.returncode == 4
        assert "local.key" in backup.stdout
    finally:
        end(shop.documents)


@pytest.mark.parametrize("engine", ["inline", "dbos"])
def test_everything_comes_back_from_the_vault_and_its_key(disaster: Disaster, engine: str) -> None:
    planned = disaster.recover("--plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "This machine lacks nothing" in planned.stdout
    assert not disaster.new.exists() or not any(disaster.new.iterdir())
    refused = disaster.recover()
    assert refused.returncode == 5, "without a terminal and without --yes it only shows the plan"
    assert "Recover shop from vault local" in refused.stdout
    assert not (disaster.new / "lastgood").exists()
    done = disaster.recover("--yes", engine=engine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RTO measured" in done.stdout
    disaster.is_back()
    key = disaster.shop.documents / ".state" / "keys" / "local.key"
    assert key.stat().st_mode & 0o777 == 0o600
    backup = disaster.shop.run("backup")
    assert backup.returncode == 0, "the vault is found where --from said: " + backup.stdout + backup.stderr
    again = disaster.recover("--yes")
    assert again.returncode == 5
    assert "recovered already" in again.stderr


@pytest.mark.parametrize(
    ("engine", "instant"),
    [
        ("inline", "0:begin"),
        ("inline", "3:middle"),
        ("dbos", "4:middle"),
        ("inline", "7:end"),
        ("dbos", "9:recorded"),
    ],
)
def test_a_recovery_that_was_killed_goes_on_with_the_same_command(
    disaster: Disaster, engine: str, instant: str
) -> None:
    killed = disaster.recover("--yes", kill=instant, engine=engine)
    assert killed.returncode == KILLED, killed.stdout + killed.stderr
    resumed = disaster.recover("--yes", engine=engine)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    runs = json.loads(disaster.shop.run("runs", "list", "--json").stdout)
    assert [run["state"] for run in runs] == ["succeeded"]
    disaster.is_back()


@pytest.mark.parametrize("instant", ["place:note", "place:ledger", "place:system.yml", "placed:end"])
def test_a_kill_before_the_run_is_there_is_no_harm(disaster: Disaster, instant: str) -> None:
    killed = disaster.recover("--yes", kill=instant)
    assert killed.returncode == KILLED, killed.stdout + killed.stderr
    done = disaster.recover("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(disaster.new.glob(".*recovering"))
    disaster.is_back()


def test_an_older_point_can_be_chosen(disaster: Disaster) -> None:
    first = disaster.recover("--yes")
    assert first.returncode == 0, first.stdout + first.stderr
    older = json.loads(disaster.shop.run("points", "--json").stdout)[-1]["id"]
    with disaster.shop.under_load() as load:
        while len(load.answers) < 30:
            time.sleep(0.05)
    assert disaster.shop.run("backup").returncode == 0
    assert disaster.shop.orders() > disaster.orders
    end(disaster.shop.documents)
    disaster.shop.folder = disaster.new.with_name("third")
    disaster.shop.documents = disaster.shop.folder / "lastgood"
    done = disaster.recover("--yes", "--point", older)
    assert done.returncode == 0, done.stdout + done.stderr
    assert disaster.shop.orders() == disaster.orders
    end(disaster.shop.documents)


def test_a_port_that_is_taken_is_said_before_anything_is_placed(disaster: Disaster) -> None:
    with socket.create_server(("127.0.0.1", disaster.shop.port)):
        done = disaster.recover("--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert f"Port {disaster.shop.port}" in done.stderr
    assert "ss -ltnp" in done.stderr
    assert nothing_was_placed(disaster)


def test_a_wrong_key_opens_nothing_and_places_nothing(disaster: Disaster) -> None:
    disaster.key.write_text("ABCDEF-ABCDEF-ABCDEF-ABCDEF\n")
    done = disaster.recover("--yes")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "does not open the vault" in done.stderr
    assert nothing_was_placed(disaster)
    checked = disaster.shop.run("key", "check", str(disaster.key), "--from", str(disaster.vault))
    assert checked.returncode == 4


def test_a_snapshot_that_is_gone_is_said_before_anything_is_placed(disaster: Disaster) -> None:
    found = snapshots(disaster)
    lost = max((one for one in found if "kind=backup" in one["tags"]), key=lambda one: one["time"])
    (disaster.vault / "snapshots" / lost["id"]).unlink()
    done = disaster.recover("--yes")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "no longer holds the backup" in done.stderr
    assert nothing_was_placed(disaster)


def test_a_damaged_capsule_is_said_and_an_older_one_can_be_taken(disaster: Disaster) -> None:
    capsules = [one for one in snapshots(disaster) if "kind=capsule" in one["tags"]]
    for pack in (disaster.vault / "data").rglob("*"):
        if pack.is_file() and pack.stat().st_mtime_ns >= 0:
            pack.chmod(0o600)
            content = bytearray(pack.read_bytes())
            content[len(content) // 2] ^= 0xFF
            pack.write_bytes(content)
    assert capsules
    done = disaster.recover("--yes")
    assert done.returncode == 4, done.stdout + done.stderr
    assert nothing_was_placed(disaster)


def test_other_documents_are_never_overwritten(disaster: Disaster) -> None:
    folder = disaster.new / "lastgood"
    folder.mkdir(parents=True)
    (folder / "data-consistency.yml").write_text("kind: data/consistency\nversion: 1\n")
    done = disaster.recover("--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "data-consistency.yml" in done.stderr
    assert [file.name for file in folder.iterdir()] == ["data-consistency.yml"]


def nothing_was_placed(disaster: Disaster) -> bool:
    return not disaster.new.exists() or not list(disaster.new.rglob("*"))


def snapshots(disaster: Disaster) -> list[dict[str, object]]:
    done = subprocess.run(
        ["restic", "-r", str(disaster.vault), "-p", str(disaster.key), "snapshots", "--json", "--no-cache"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found

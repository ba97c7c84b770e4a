"""Drills rehearse beside the live system, which is not touched; a planted fault makes them fail."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.shop_system import ShopSystem

from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

pytestmark = pytest.mark.timeout(170)

ORDER = 'POST /orders {"item":"tea","quantity":1}'
CONTINUITY = """\
kind: business/continuity
version: 1
activities:
  - {{name: orders, services: [shop], rto: {rto}, rpo: {rpo}}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopSystem]:
    with ShopSystem(tmp_path) as system:
        system.write("business-continuity.yml", CONTINUITY.format(rto="10m", rpo="1h"))
        done = system.deploy("v1")
        assert done.returncode == 0, done.stdout + done.stderr
        with system.under_load() as load:
            while len(load.answers) < 50:
                time.sleep(0.05)
        made = system.run("backup")
        assert made.returncode == 0, made.stdout + made.stderr
        yield system


class Watch:
    """What a drill must leave as it is."""

    def __init__(self, shop: ShopSystem) -> None:
        self.shop = shop
        self.files = self._files()
        self.instances, self.routes = self._live()
        self.entries = self._entries()
        self.processes = sandboxed(shop.folder)

    def untouched(self, kind: str) -> list[str]:
        """Asserts it; the kinds of ledger entries that came."""
        assert self._files() == self.files
        assert self._live() == (self.instances, self.routes)
        came = self._entries()[len(self.entries) :]
        assert self._entries()[: len(self.entries)] == self.entries
        assert sandboxed(self.shop.folder) == self.processes
        drills = self.shop.documents / ".state" / "drills"
        assert not drills.exists() or not list(drills.iterdir()), kind
        return [entry for entry in came if entry]

    def _files(self) -> dict[str, str]:
        """Data, documents, keys, releases and the vault's content; not restic's locks and caches."""
        state = self.shop.documents / ".state"
        roots = [self.shop.folder / "uploads", self.shop.documents, self.shop.folder / "vault"]
        files = [self.shop.folder / "shop.db", *(path for root in roots for path in root.rglob("*"))]
        left_out = [
            state / name for name in ("ledger.db", "cache", "instances", "traffic", "leases", "drills")
        ]
        left_out.append(self.shop.folder / "vault" / "locks")
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if path.is_file() and not any(path == out or out in path.parents for out in left_out)
        }

    def _live(self) -> tuple[object, object]:
        workplace = open_workplace(load_system(self.shop.documents))
        instances = [
            (one.instance_id, one.port, one.running, one.started_at, one.exits)
            for one in workplace.runtime("shop").instances()
        ]
        traffic = workplace.traffic_of("shop")
        assert traffic is not None
        return instances, traffic.routes()

    def _entries(self) -> list[str]:
        with closing(sqlite3.connect(self.shop.documents / ".state" / "ledger.db")) as connection:
            return [kind for (kind,) in connection.execute("select kind from entries order by sequence")]


def sandboxed(folder: Path) -> list[str]:
    """Processes whose command or environment names the folder, without this one and its parents."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in told and b"pytest" not in told.split(b"\0")[0]:
                found.append(process.name)
    return sorted(found)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("engine", ["inline", "dbos"])
def test_a_recovery_is_rehearsed_and_measured(shop: ShopSystem, engine: str) -> None:
    watch = Watch(shop)
    done = shop.run("drill", "recovery", engine=engine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Disaster recovery and backup successful"
    came = watch.untouched("recovery")
    assert came == ["BackupVerified", "BackupVerified", "DrillFinished"]
    points = json.loads(shop.run("points", "--json").stdout)
    assert all(backup["verified_at"] for backup in points[-1]["backups"])


@pytest.mark.parametrize("requested", [(), ("--request", ORDER)])
def test_a_rollback_is_rehearsed_and_measured(shop: ShopSystem, requested: tuple[str, ...]) -> None:
    watch = Watch(shop)
    done = shop.run("drill", "rollback", *requested)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Rollback and recovery successful"
    assert "detection seconds" in done.stdout
    assert watch.untouched("rollback") == ["BackupVerified", "BackupVerified", "DrillFinished"]


def test_a_promise_that_is_missed_is_no_success(shop: ShopSystem) -> None:
    shop.write("business-continuity.yml", CONTINUITY.format(rto="100ms", rpo="1h"))
    done = shop.run("drill", "recovery", "--json")
    assert done.returncode == 7, done.stdout + done.stderr
    assert told(done)["passed"] is True
    assert told(done)["missed"]


def test_a_damaged_vault_fails_the_drill(shop: ShopSystem) -> None:
    snapshots = subprocess.run(
        [
            *("restic", "-r", str(shop.folder / "vault")),
            *("-p", str(shop.documents / ".state" / "keys" / "local.key")),
            *("snapshots", "--json", "--no-cache", "--tag", "kind=backup"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    newest = max(json.loads(snapshots.stdout), key=lambda one: one["time"])
    (shop.folder / "vault" / "snapshots" / newest["id"]).unlink()
    watch = Watch(shop)
    done = shop.run("drill", "recovery")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Failed: recovered" in done.stdout
    assert "successful" not in done.stdout
    assert watch.untouched("recovery") == ["DrillFinished"]


def test_broken_data_fails_the_drill(shop: ShopSystem) -> None:
    with closing(sqlite3.connect(shop.folder / "shop.db")) as connection:
        connection.execute("update orders set total = total + 1 where id = 1")
        connection.commit()
    assert shop.run("backup").returncode == 0
    done = shop.run("drill", "recovery", "--json")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "totals" in done.stdout
    assert told(done)["passed"] is False


def test_a_sandbox_that_would_share_live_data_is_refused(shop: ShopSystem) -> None:
    system = (shop.documents / "system.yml").read_text()
    log = shop.folder / "audit.log"
    shop.write("system.yml", system.replace("    environment:\n", f"    environment:\n      AUDIT: {log}\n"))
    with shop.under_load():
        done = shop.deploy("v2")
    assert done.returncode == 0, done.stdout + done.stderr
    refused = shop.run("drill", "recovery")
    assert refused.returncode == 5, refused.stdout + refused.stderr
    assert str(log) in refused.stderr
    allowed = shop.run("drill", "recovery", "--allow", str(log))
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_drill_that_is_ended_leaves_nothing_behind(shop: ShopSystem, ending: signal.Signals) -> None:
    watch = Watch(shop)
    began = subprocess.Popen(
        [sys.executable, "-m", "lastgood", "drill", "recovery", "--system", str(shop.documents)],
        env={**os.environ, "LASTGOOD_ENGINE": "inline"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    sandbox = shop.documents / ".state" / "drills"
    while not list(sandbox.glob("drill-*/state/instances/shop/*/process.json")):
        assert time.monotonic() < until and began.poll() is None
        time.sleep(0.02)
    began.send_signal(ending)
    code = began.wait(60)
    if ending is signal.SIGINT:
        assert code == 130
        assert watch.untouched("recovery") == []
        return
    assert list(sandbox.glob("drill-*"))
    again = shop.run("drill", "recovery")
    assert again.returncode == 0, again.stdout + again.stderr
    watch.untouched("recovery")

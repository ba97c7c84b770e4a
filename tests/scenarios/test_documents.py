"""The documents beside the deeds: what the runbook says is what then happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.shop_system import ShopSystem
from tests.support.small_disk import small_disk

from lastgood.domain.errors import ActionFailed
from lastgood.interfaces.cli.docs import write_all

WITHOUT_TRAFFIC = """\
kind: rollback/detection
version: 1
canary: []
bake: 1s
no_traffic: probes
"""


@pytest.mark.timeout(180)
def test_the_runbook_says_what_the_rollback_then_does(tmp_path: Path) -> None:
    """Given v1 and v2, when the documents are written and the rollback of the runbook is typed, then its run
    takes the steps that the runbook listed; and the documents are stale until they are written anew."""
    with ShopSystem(tmp_path) as shop:
        shop.write("rollback-detection.yml", WITHOUT_TRAFFIC)
        deployed = shop.deploy("v1")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        deployed = shop.deploy("v2")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert shop.run("docs").returncode == 0
        folder = shop.documents / "docs"
        assert len(list(folder.iterdir())) == 5
        assert shop.run("docs", "--check").returncode == 0

        assert shop.run("backup").returncode == 0
        assert shop.run("docs", "--check").returncode == 0

        runbook = (folder / "Rollback_Recovery_Procedures.md").read_text()
        section = runbook.split("## Go back to the last good release\n")[1].split("\n## ")[0]
        listed = re.findall(r"^\| \d+ \| (.*?) \|", section, re.M)
        done = shop.run("rollback", "--json")
        assert done.returncode == 0, done.stderr
        run = json.loads(done.stdout)["run"]
        mark = run["id"].rpartition("-")[2]
        assert [step["does"].replace(f".{mark}", ".RUN") for step in run["steps"]] == listed

        stale = shop.run("docs", "--check")
        assert stale.returncode == 7
        assert "Rollback_Recovery_Procedures.md (Go back to the last good release)" in stale.stdout
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        assert shop.run("docs", "--check", "--json").returncode == 7
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
        assert shop.run("backup").returncode == 0  # its capsule knows of the rollback
        assert shop.run("docs").returncode == 0
        assert shop.run("docs", "--check").returncode == 0

        assert recovery_of_runbook(folder) == recovery_of_command(shop, tmp_path / "new")

        gates = shop.run("gates", "--json")
        assert gates.returncode == 6  # no backup was ever restored to prove it
        states = {gate["name"]: gate["state"] for gate in json.loads(gates.stdout)["gates"]}
        assert states == {
            "rollback reliability": "passed",
            "backup coverage": "insufficient data",
            "version accuracy": "passed",
        }


def recovery_of_runbook(folder: Path) -> list[str]:
    runbook = (folder / "Rollback_Recovery_Procedures.md").read_text()
    section = runbook.split("## Recover on a new machine\n")[1].split("\n## ")[0]
    return re.findall(r"^\| \d+ \| (.*?) \|", section, re.M)


def recovery_of_command(shop: ShopSystem, new: Path) -> list[str]:
    """What `recover` would do where only vault and key are; its marks as the runbook has them."""
    new.mkdir()
    key = shop.documents / ".state" / "keys" / "local.key"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lastgood", "recover", "--from", str(shop.folder / "vault")),
            *("--key", str(key), "--system", str(new / "lastgood"), "--plan", "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    steps = [step["does"] for step in json.loads(done.stdout)["plan"]["steps"]]
    return [re.sub(r"\.[0-9a-f]{4} ", ".RUN ", re.sub(r"point-[0-9a-f-]+", "POINT", does)) for does in steps]


def test_documents_that_cannot_be_written_leave_the_old_ones_whole(tmp_path: Path) -> None:
    """A file where the folder should be: exit code 4, and a sentence that says what to do."""
    with ShopSystem(tmp_path) as shop:
        (tmp_path / "out").write_text("a file")
        done = shop.run("docs", "--out", str(tmp_path / "out" / "docs"))
        assert done.returncode == 4
        assert "could not be written" in done.stderr
        assert shop.run("docs", "--out", str(tmp_path / "new" / "docs")).returncode == 0
        assert sorted(file.suffix for file in (tmp_path / "new" / "docs").iterdir()) == [
            ".json",
            ".json",
            ".md",
            ".md",
            ".md",
        ]


def test_a_full_disk_leaves_the_old_documents_whole(tmp_path: Path) -> None:
    """Given documents on a disk that is full by now, when they are written anew, then the old ones stand and
    nothing half written lies beside them."""
    names = [f"page-{number}" for number in range(5)]
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        write_all(disk, dict.fromkeys(names, "old"))
        with pytest.raises(ActionFailed, match="could not be written"):
            write_all(disk, dict.fromkeys(names, "new" * 100_000))
        assert {file.name: file.read_text() for file in disk.iterdir()} == dict.fromkeys(names, "old")

"""What goes wrong around lastgood: each time a plain word with its mend, and nothing lost."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from tests.support.end_state import end_state
from tests.support.killing import exit_code, in_child
from tests.support.small_disk import small_disk
from tests.support.small_services import wait_for
from tests.support.stories import done
from tests.support.tiny_system import TinySystem, processes_of

from lastgood.adapters.clock import SystemClock
from lastgood.domain.release import ReleaseState
from lastgood.domain.run import RunState

pytestmark = pytest.mark.timeout(60)

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, linux/sched.h


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinySystem]:
    """Given a service on v1."""
    with TinySystem(tmp_path) as system:
        done(system.command("deploy", system.release("v1")))
        yield system


@pytest.fixture
def with_restic(tmp_path: Path) -> Iterator[TinySystem]:
    """Given a service on v1, with a real vault."""
    with TinySystem(tmp_path, quick_vault=False) as system:
        done(system.command("deploy", system.release("v1")))
        yield system


def fill(folder: Path) -> None:
    """Take all the room that is left there."""
    filler = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 1 << 12):
        with suppress(OSError):
            while os.write(filler, bytes(size)):
                pass
    os.close(filler)


def test_a_full_disk_during_a_backup_costs_no_earlier_point(tmp_path: Path) -> None:
    """When the disk fills up in the middle of a backup, then it fails with the mend, the service serves, and
    the earlier point restores."""
    with (
        small_disk(tmp_path / "small", 160) as small,
        TinySystem(small / "tiny") as system,
    ):
        done(system.command("deploy", system.release("v1")))
        done(system.command("backup"))
        before = end_state(system)
        system.when("store.copy", "begin", lambda: fill(small))
        failed = system.command("backup")
        assert failed.code == 4, failed.said
        assert "Free some room" in failed.said or "Free space" in failed.said
        assert system.answer() == "v1"
        (small / "filler").unlink()
        done(system.command("runs", "resume"))
        assert end_state(system).points == before.points
        done(system.command("restore", "--yes"))
        assert system.rows() == before.rows


def test_a_full_disk_during_a_deploy_leaves_the_old_release_serving(tmp_path: Path) -> None:
    """When the disk fills up before the new instance is laid, then v1 serves on and v2 is not quarantined for
    it; with room the same deploy succeeds."""
    with (
        small_disk(tmp_path / "small", 160) as small,
        TinySystem(small / "tiny") as system,
    ):
        done(system.command("deploy", system.release("v1")))
        system.when("instance.start", "begin", lambda: fill(small))
        failed = system.command("deploy", system.release("v2"))
        assert failed.code == 4, failed.said
        assert "room" in failed.said
        assert system.answer() == "v1"
        (small / "filler").unlink()
        done(system.command("runs", "resume"))
        assert end_state(system).running == ["v1 runs"]
        assert end_state(system).scraps == []
        done(system.command("deploy", system.release("v2")))
        assert system.answer() == "v2"


@pytest.mark.parametrize("kind", ["store.fetch", "store.switch"])
def test_a_full_disk_during_a_restore_leaves_the_live_data(kind: str, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "small", 160) as small,
        TinySystem(small / "tiny") as system,
    ):
        done(system.command("deploy", system.release("v1")))
        done(system.command("backup"))
        system.change("create table big (content blob)")
        big = random.Random(1).randbytes(2_000_000).hex()
        system.change(f"insert into big values ('{big}')")
        system.change("insert into starts values ('a customer', 0)")
        before = end_state(system)
        system.when(kind, "begin", lambda: fill(small))
        failed = system.command("restore", "--yes")
        assert failed.code == 4, failed.said
        assert "room" in failed.said
        (small / "filler").unlink()
        done(system.command("runs", "resume"))
        after = end_state(system)
        assert (after.rows, after.held, after.answers) == (before.rows, False, "v1")
        done(system.command("restore", "--yes"))
        assert system.rows() == [("v1", 0)]


def test_too_little_room_is_said_before_anything_is_done(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "small", 30) as small,
        TinySystem(small / "tiny") as system,
    ):
        refused = system.command("deploy", system.release("v1"))
        assert refused.code == 4
        assert "MB free; this needs about" in refused.said
        assert "Nothing was changed." in refused.said
        assert end_state(system).answers == "nobody"


def test_of_two_deploys_at_once_one_is_told_to_wait(tiny: TinySystem) -> None:
    """While one deploy works, another of the same service is refused with exit code 5 and changes nothing."""
    ready, go = tiny.folder / "ready", tiny.folder / "go"

    def pause() -> None:
        ready.touch()
        wait_for(go.exists, 60)

    first, second = tiny.release("v2"), tiny.release("v3")
    tiny.when("instance.start", "begin", pause)
    deploying = in_child(lambda: tiny.call("deploy", first, "--engine", "inline"))
    wait_for(ready.exists, 30)
    refused = tiny.command("deploy", second)
    assert refused.code == 5, refused.said
    assert "is working on service:web now" in refused.said
    assert "lastgood runs show" in refused.said
    go.touch()
    assert exit_code(deploying) in (0, 1)  # SystemExit(0) counts as an ending there
    wait_for(lambda: tiny.workplace().runs.list()[0].state is RunState.SUCCEEDED, 30)
    assert end_state(tiny).running == ["v2 runs"]
    done(tiny.command("deploy", second))


def test_an_artifact_that_was_changed_is_not_started(tiny: TinySystem) -> None:
    """Given v2 on the shelf, when one of its files is changed there during the deploy, then it is not started
    and the file is named; deploying the same source again puts the right one in its place."""

    def intrude() -> None:
        changed = _on_the_shelf(tiny, "v2")
        changed.chmod(0o644)
        changed.write_text("an intruder's")

    tiny.when("way_back.prove", "end", intrude)
    failed = tiny.command("deploy", tiny.release("v2"))
    assert failed.code == 4, failed.said
    assert "name" in failed.said
    assert "deploy the same source again" in failed.said
    assert end_state(tiny).running == ["v1 runs"]
    done(tiny.command("deploy", tiny.release("v2")))
    assert tiny.answer() == "v2"


def test_a_rollback_takes_the_artifact_from_the_vault_when_the_shelf_was_changed(tiny: TinySystem) -> None:
    done(tiny.command("deploy", tiny.release("v2")))
    changed = _on_the_shelf(tiny, "v1")
    changed.chmod(0o644)
    changed.write_text("an intruder's")
    back = tiny.command("rollback")
    done(back)
    assert "every byte is as recorded" in back.said
    assert tiny.answer() == "v1"


def _on_the_shelf(system: TinySystem, name: str) -> Path:
    shelf = (system.state / "releases").glob("*/tree/name")
    return next(file for file in shelf if file.read_text() == name)


def test_a_clock_that_is_set_back_confuses_nothing(tiny: TinySystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given v1 and v2, when the clock goes back a day and v3 comes, then the ledger's times never run
    backwards, and a rewind goes to the point before v3."""
    done(tiny.command("deploy", tiny.release("v2")))

    class SetBack(SystemClock):
        def now(self) -> datetime:
            return datetime.now(UTC) - timedelta(days=1)

    class Past(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(days=1)

    monkeypatch.setattr("lastgood.wiring.workplace.SystemClock", SetBack)
    for store in ("sqlite", "files"):
        monkeypatch.setattr(f"lastgood.adapters.stores.{store}.store.datetime", Past)
    done(tiny.command("deploy", tiny.release("v3")))
    tiny.change("insert into starts values ('a customer of v3', 0)")
    back = tiny.command("rollback", "--data", "rewind", "--yes")
    done(back)
    assert tiny.answer() == "v2"
    assert [release for release, _ in tiny.rows()] == ["v1", "v2", "v2"]
    workplace = tiny.workplace()
    workplace.records.prove()
    history = workplace.records.history()
    times = [switch.at for switch in history.switches["web"]]
    assert times == sorted(times)
    assert [history.releases[switch.release_id].label for switch in history.switches["web"]] == [
        "v1",
        "v2",
        "v3",
        "v2",
    ]


def test_a_service_that_ignores_term_is_ended_and_it_is_said(tmp_path: Path) -> None:
    with TinySystem(tmp_path) as system:
        text = (system.documents / "system.yml").read_text()
        system.write("system.yml", text.replace("stop_within: 5s", "stop_within: 1s"))
        done(system.command("deploy", system.release("v1-stubborn")))
        deployed = system.command("deploy", system.release("v2"))
        done(deployed)
        assert "it ignored TERM" in deployed.said
        state = end_state(system)
        assert (state.running, state.processes) == (
            ["v2 runs"],
            {"haproxy": 1, "shim.py": 1, "service.py": 1},
        )


def test_an_occupied_port_is_named_before_anything_is_started(tmp_path: Path) -> None:
    with TinySystem(tmp_path) as system:
        with socket.create_server(("127.0.0.1", system.port)):
            failed = system.command("deploy", system.release("v1"))
        assert failed.code == 4, failed.said
        assert "ss -ltnp" in failed.said
        assert processes_of(system.folder) == []
        done(system.command("deploy", system.release("v1")))


def test_a_wrong_vault_key_changes_nothing(with_restic: TinySystem) -> None:
    """The key's file holds another key: deploy and restore are refused by name before anything is changed."""
    system = with_restic
    key = next(system.documents.rglob("*.key"))
    right = key.read_text()
    key.write_text("another key\n")
    before = processes_of(system.folder)
    for words in (("deploy", system.release("v2")), ("backup",)):
        failed = system.command(*words)
        assert failed.code == 4, failed.said
        assert "does not open the vault local" in failed.said
        assert "Put this vault's own key into the file." in failed.said
    assert processes_of(system.folder) == before
    assert system.answer() == "v1"
    key.write_text(right)
    done(system.command("deploy", system.release("v2")))


def test_a_damaged_snapshot_is_not_restored(with_restic: TinySystem) -> None:
    """Given a backup whose bytes in the vault were changed, when it is restored, then the live data stays."""
    system = with_restic
    system.change("create table big (content blob)")
    system.change(f"insert into big values ('{random.Random(2).randbytes(500_000).hex()}')")
    done(system.command("backup"))
    largest = max((system.folder / "vault" / "data").rglob("*"), key=lambda file: file.stat().st_size)
    largest.chmod(0o600)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 0xFF
    largest.write_bytes(bytes(content))
    system.change("insert into starts values ('a customer', 0)")
    failed = system.command("restore", "rows", "--yes")
    assert failed.code == 4, failed.said
    assert "damage" in failed.said
    assert system.rows()[-1] == ("a customer", 0)
    assert system.answer() == "v1"


def test_a_missing_tool_is_named(with_restic: TinySystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(with_restic.folder))
    failed = with_restic.command("deploy", with_restic.release("v2"))
    assert failed.code == 4, failed.said
    assert "restic" in failed.said
    assert "nstall" in failed.said
    assert with_restic.answer() == "v1"


def test_a_vault_that_cannot_be_reached_stops_a_deploy_before_anything_is_changed(tiny: TinySystem) -> None:
    """With the real vault: its folder is gone (an unmounted disk)."""
    tiny.quick_vault = False
    shutil.rmtree(tiny.folder / "vault")
    text = (tiny.documents / "system.yml").read_text()
    tiny.write("system.yml", text.replace("../vault", "../unmounted/vault"))
    before = end_state_without_vault(tiny)
    failed = tiny.command("deploy", tiny.release("v2"))
    assert failed.code == 4, failed.said
    assert "cannot be reached" in failed.said
    assert "Mount its disk" in failed.said
    assert end_state_without_vault(tiny) == before


def end_state_without_vault(system: TinySystem) -> tuple[object, ...]:
    history = system.workplace().records.history()
    return (system.answer(), system.rows(), sorted(processes_of(system.folder)), history.current("web"))


def test_a_proxy_that_is_killed_in_the_middle_of_a_deploy_comes_back(tiny: TinySystem) -> None:
    """When the proxy dies during the canary, the deploy brings it back with its routes, and succeeds."""
    tiny.when("observe", "middle", lambda: _kill_all(tiny, "haproxy"))
    deployed = tiny.command("deploy", tiny.release("v2"))
    done(deployed)
    assert tiny.answer() == "v2"
    assert end_state(tiny).processes == {"haproxy": 1, "shim.py": 1, "service.py": 1}


def test_an_instance_that_is_killed_in_the_middle_of_its_canary_is_rolled_back(tiny: TinySystem) -> None:
    """Only the new one dies: exit code 3, v1 serves, v2 is quarantined with the reason."""
    pids = {pid for pid, words in processes_of(tiny.folder) if "service.py" in words}

    def kill_the_new_one() -> None:
        for pid, words in processes_of(tiny.folder):
            if "service.py" in words and pid not in pids:
                os.kill(pid, signal.SIGKILL)

    tiny.write(
        "rollback-detection.yml",
        "kind: rollback/detection\nversion: 1\ncanary: []\nbake: 2s\nno_traffic: probes\n",
    )
    tiny.when("observe", "middle", kill_the_new_one)
    failed = tiny.command("deploy", tiny.release("v2"))
    assert failed.code == 3, failed.said
    assert "ended by itself" in failed.said
    state = end_state(tiny)
    assert (state.answers, state.running, state.states["v2"]) == ("v1", ["v1 runs"], ReleaseState.BAD)


def _kill_all(system: TinySystem, what: str) -> None:
    for pid, words in processes_of(system.folder):
        if what in words:
            os.kill(pid, signal.SIGKILL)


def test_nothing_needs_a_network(tmp_path: Path) -> None:
    """On a machine with a loopback interface and nothing else: deploy, backup, roll back, restore."""

    def work() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
        for words in (
            ("deploy", system.release("v1")),
            ("deploy", system.release("v2")),
            ("backup",),
            ("rollback",),
            ("restore", "--yes"),
        ):
            done(system.command(*words))
        assert system.answer() == "v1"
        system.__exit__(None, None, None)

    with TinySystem(tmp_path, quick_vault=False) as system:
        assert exit_code(in_child(work)) == 0

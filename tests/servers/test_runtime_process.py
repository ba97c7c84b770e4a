"""The process runtime against real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.small_services import FAMILY, STUBBORN, WEB, free_port, listens, runs, wait_for

from lastgood.adapters.runtimes.identity import ProcessIdentity
from lastgood.adapters.runtimes.process import ProcessRuntime
from lastgood.adapters.runtimes.process_options import ProcessOptions
from lastgood.adapters.runtimes.shim import boot_id, bound_output, stat_of
from lastgood.domain.errors import RuntimeFailed
from lastgood.ports.runtime import Instance, LaunchOrder

WITHIN = timedelta(seconds=5)
SHORT = timedelta(seconds=0.3)

Order = Callable[..., LaunchOrder]


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Builds an order for a service of the given source text."""

    def build(source: str = WEB, **changes: object) -> LaunchOrder:
        tree = tmp_path / "tree"
        tree.mkdir(exist_ok=True)
        (tree / "service.py").write_text(source)
        fields: dict[str, object] = {
            "instance_id": "shop-1",
            "service": "shop",
            "release_id": "shop-0123456789ab",
            "tree": tree,
            "command": (sys.executable, "service.py"),
            "environment": {},
            "shared": {},
            "host": "127.0.0.1",
            "port": free_port(),
        }
        return LaunchOrder(**{**fields, **changes})  # type: ignore[arg-type]

    return build


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime(tmp_path / "instances")
    yield runtime
    for instance in runtime.instances():
        runtime.stop(instance.instance_id, SHORT)
        runtime.discard(instance.instance_id)


def recorded(tmp_path: Path) -> dict[str, dict[str, int]]:
    record: dict[str, dict[str, int]] = json.loads((tmp_path / "instances/shop-1/process.json").read_bytes())
    return record


def now(runtime: ProcessRuntime) -> Instance:
    found = runtime.find("shop-1")
    assert found is not None
    return found


def family_of(tmp_path: Path) -> list[int]:
    noted = tmp_path / "instances/shop-1/app/pids"
    wait_for(lambda: noted.exists() and len(noted.read_text().split()) == 4)
    return [int(pid) for pid in noted.read_text().split()]


def test_a_started_instance_serves_on_its_port_and_stops_on_term(
    runtime: ProcessRuntime, order: Order
) -> None:
    asked = order()
    started = runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    assert started.running and (started.exits, started.last_exit) == (0, None)
    assert started.output and "serving" in started.output.read_text()
    assert runtime.instances() == (started,)
    assert runtime.stop("shop-1", WITHIN) is True
    assert not listens(asked.port)
    assert not now(runtime).running and now(runtime).exits == 0
    assert runtime.stop("shop-1", WITHIN) is True
    runtime.discard("shop-1")
    assert runtime.find("shop-1") is None and runtime.instances() == ()
    runtime.discard("shop-1")
    assert runtime.stop("shop-1", WITHIN) is True


def test_a_service_outlives_its_killed_starter_and_is_found_again_with_the_same_facts(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "instances"), str(asked.tree), str(asked.port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    told = starter.stdout.readline().strip()
    os.kill(starter.pid, signal.SIGKILL)
    starter.communicate()
    wait_for(lambda: listens(asked.port))
    assert repr(now(runtime)) == told
    assert repr(runtime.start(asked)) == told


STARTER = """
import sys, time
from pathlib import Path
from lastgood.adapters.runtimes.process import ProcessRuntime
from lastgood.ports.runtime import LaunchOrder
folder, tree, port = sys.argv[1:]
command, host = (sys.executable, "service.py"), "127.0.0.1"
order = LaunchOrder("shop-1", "shop", "shop-0123456789ab", Path(tree), command, {}, {}, host, int(port))
print(repr(ProcessRuntime(Path(folder)).start(order)), flush=True)
time.sleep(60)
"""


def test_a_starter_killed_at_any_moment_of_a_start_never_makes_two(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order("open('starts', 'a').write('x')\n" + WEB)
    for milliseconds in (120, 160, 200, 240, 280):
        starter = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(tmp_path / "instances"), str(asked.tree), str(asked.port)],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(milliseconds / 1000)
        starter.kill()
        starter.wait()
        found = runtime.start(asked)
        wait_for(lambda: listens(asked.port))
        assert runtime.start(asked) == found and found.exits == 0
        assert (tmp_path / "instances/shop-1/app/starts").read_text() == "x"
        assert runtime.stop("shop-1", WITHIN) is True
        runtime.discard("shop-1")


def test_starting_twice_gives_one_process(runtime: ProcessRuntime, order: Order, tmp_path: Path) -> None:
    asked = order("open('starts', 'a').write('x')\n" + WEB)
    assert runtime.start(asked) == runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    assert (tmp_path / "instances/shop-1/app/starts").read_text() == "x"


def test_a_killed_service_is_restarted_and_counted(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order()
    runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    os.kill(recorded(tmp_path)["process"]["pid"], signal.SIGKILL)
    wait_for(lambda: now(runtime).exits == 1 and listens(asked.port))
    assert now(runtime).running and now(runtime).last_exit == -9


def test_a_crash_loop_is_counted_with_growing_pauses_and_can_be_stopped(
    runtime: ProcessRuntime, order: Order
) -> None:
    runtime.start(order("raise SystemExit(3)"))
    wait_for(lambda: now(runtime).exits >= 3)
    began = time.monotonic()
    wait_for(lambda: now(runtime).exits >= 4)
    assert time.monotonic() - began > 0.6
    assert now(runtime).last_exit == 3
    assert runtime.stop("shop-1", WITHIN) is True
    assert not now(runtime).running


def test_workers_that_a_crashed_main_process_left_are_ended_before_the_restart(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order(FAMILY)
    runtime.start(asked)
    before = family_of(tmp_path)
    os.kill(recorded(tmp_path)["process"]["pid"], signal.SIGKILL)
    wait_for(lambda: now(runtime).running and now(runtime).exits == 1)
    assert not any(runs(pid) for pid in before)


def test_a_service_that_ignores_term_is_killed_after_its_time(runtime: ProcessRuntime, order: Order) -> None:
    asked = order(STUBBORN)
    runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    began = time.monotonic()
    assert runtime.stop("shop-1", SHORT) is False
    assert 0.3 <= time.monotonic() - began < 3
    assert not listens(asked.port) and not now(runtime).running


def test_workers_and_daemons_are_ended_with_their_service(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order(FAMILY)
    runtime.start(asked)
    family = family_of(tmp_path)
    assert runtime.stop("shop-1", WITHIN) is True
    assert not any(runs(pid) for pid in family)
    assert not listens(asked.port)


def test_without_its_shim_a_service_is_still_found_and_all_of_it_is_ended(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order(FAMILY)
    started = runtime.start(asked)
    family = family_of(tmp_path)
    os.kill(recorded(tmp_path)["shim"]["pid"], signal.SIGKILL)
    assert now(runtime) == started
    assert runtime.start(asked) == started
    assert runtime.stop("shop-1", WITHIN) is True
    assert not any(runs(pid) for pid in family)
    assert not listens(asked.port) and not now(runtime).running


def test_an_end_that_no_shim_saw_counts_as_an_exit_and_the_instance_can_be_started_again(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order(FAMILY)
    runtime.start(asked)
    family = family_of(tmp_path)
    record = recorded(tmp_path)
    os.kill(record["shim"]["pid"], signal.SIGKILL)
    os.kill(record["process"]["pid"], signal.SIGKILL)
    wait_for(lambda: not now(runtime).running)
    assert (now(runtime).exits, now(runtime).last_exit) == (1, None)
    again = runtime.start(asked)
    assert again.running and again.exits == 0
    assert not any(runs(pid) for pid in family)


def test_a_stop_finishes_when_its_shim_is_killed_in_the_middle(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order(STUBBORN)
    runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    record = recorded(tmp_path)
    os.kill(record["shim"]["pid"], signal.SIGTERM)
    os.kill(record["shim"]["pid"], signal.SIGKILL)
    assert runtime.stop("shop-1", SHORT) is False
    assert not runs(record["process"]["pid"]) and not listens(asked.port)


def test_a_command_that_does_not_exist_is_a_clear_error_and_leaves_nothing(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeFailed) as raised:
        runtime.start(order(command=("no-such-program", "--serve")))
    assert "`no-such-program`" in raised.value.happened and "No such file" in raised.value.happened
    assert "not started" in raised.value.means and "command" in raised.value.mend
    assert runtime.find("shop-1") is None
    assert list((tmp_path / "instances").iterdir()) == []


def test_a_command_may_be_a_file_of_the_release(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order(command=("bin/serve",))
    script = asked.tree / "bin/serve"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" service.py\n')
    script.chmod(0o555)
    script.parent.chmod(0o555)
    runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    script.parent.chmod(0o755)


def test_an_occupied_port_is_named_with_the_process_that_holds_it(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    asked = order()
    with socket.create_server(("127.0.0.1", asked.port)), pytest.raises(RuntimeFailed) as raised:
        runtime.start(asked)
    assert f"Port {asked.port}" in raised.value.happened
    assert f"(process {os.getpid()})" in raised.value.happened
    assert runtime.find("shop-1") is None and list((tmp_path / "instances").iterdir()) == []


def test_a_secret_reaches_the_service_and_stands_nowhere_else(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    secret = "correct-horse-battery"
    source = (
        "import os, hashlib\nprint(hashlib.sha256(os.environ['TOKEN'].encode()).hexdigest(), flush=True)\n"
    )
    asked = order(source + WEB, environment={"TOKEN": secret})
    started = runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    assert started.output and started.output.read_text().startswith("62249369")
    files = [path for path in (tmp_path / "instances").rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    shim = recorded(tmp_path)["shim"]["pid"]
    assert secret.encode() not in Path(f"/proc/{shim}/cmdline").read_bytes()
    assert secret.encode() not in Path(f"/proc/{shim}/environ").read_bytes()


def test_the_environment_of_lastgood_does_not_reach_the_service(
    runtime: ProcessRuntime, order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_SECRET", "of-lastgood")
    asked = order(environment={"COLOUR": "green"})
    runtime.start(asked)
    wait_for(lambda: listens(asked.port))
    content = Path(f"/proc/{recorded(tmp_path)['process']['pid']}/environ").read_bytes()
    given = dict(line.split(b"=", 1) for line in content.split(b"\0") if line)
    assert (given[b"COLOUR"], given[b"HOST"], given[b"PORT"]) == (
        b"green",
        b"127.0.0.1",
        str(asked.port).encode(),
    )
    assert b"OWN_SECRET" not in given and b"PATH" in given


def test_shared_paths_are_links_to_the_outside_and_the_release_stays_untouched(
    runtime: ProcessRuntime, order: Order, tmp_path: Path
) -> None:
    outside = tmp_path / "data"
    asked = order(shared={"var/shop.db": outside / "db/shop.db", "uploads": outside / "uploads"})
    (asked.tree / "uploads").mkdir()
    (asked.tree / "uploads/of-release").write_text("x")
    runtime.start(asked)
    app = tmp_path / "instances/shop-1/app"
    assert (app / "var/shop.db").readlink() == outside / "db/shop.db"
    (app / "var/shop.db").write_text("rows")
    (app / "uploads/new").write_text("picture")
    assert (outside / "uploads/new").read_text() == "picture"
    assert (asked.tree / "uploads/of-release").exists()
    runtime.stop("shop-1", WITHIN)
    runtime.discard("shop-1")
    assert (outside / "db/shop.db").read_text() == "rows" and (outside / "uploads/new").exists()


@pytest.mark.parametrize("place", ["../outside", "/etc/outside", "linked/deeper"])
def test_a_shared_path_that_leaves_the_release_is_refused(
    runtime: ProcessRuntime, order: Order, tmp_path: Path, place: str
) -> None:
    asked = order(shared={place: tmp_path / "data/x"})
    (asked.tree / "linked").symlink_to("/tmp")
    with pytest.raises(RuntimeFailed, match="shared path"):
        runtime.start(asked)
    assert runtime.find("shop-1") is None


def test_a_running_instance_is_not_discarded(runtime: ProcessRuntime, order: Order) -> None:
    runtime.start(order())
    with pytest.raises(RuntimeFailed, match="still runs"):
        runtime.discard("shop-1")
    assert now(runtime).running


def test_finding_an_instance_takes_less_than_a_millisecond(runtime: ProcessRuntime, order: Order) -> None:
    runtime.start(order())
    began = time.perf_counter()
    for _ in range(200):
        runtime.find("shop-1")
    assert (time.perf_counter() - began) / 200 < 0.001


def test_a_pid_that_went_to_another_process_is_never_signalled() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stat = stat_of(child.pid)
    assert stat is not None
    true = ProcessIdentity(child.pid, stat.start_ticks, boot_id())
    reused = ProcessIdentity(child.pid, stat.start_ticks - 1, boot_id())
    rebooted = ProcessIdentity(child.pid, stat.start_ticks, "another boot")
    for other in (reused, rebooted):
        assert not other.alive() and not other.send(signal.SIGKILL)
        assert other.ended_within(timedelta(0))
    assert true.alive() and child.poll() is None
    assert not true.ended_within(timedelta(milliseconds=10))
    assert true.send(signal.SIGKILL) and true.ended_within(WITHIN)
    assert not true.alive()  # though nobody has reaped it yet
    child.communicate()


def test_the_output_is_bounded_and_keeps_one_old_file(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    with log.open("ab") as service:
        service.write(b"old " * 100)
        service.flush()
        bound_output(log, limit_bytes=300)
        service.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "output.log.1").read_bytes() == b"old " * 75


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b"])
def test_a_name_that_is_no_folder_of_the_runtime_is_refused(runtime: ProcessRuntime, name: str) -> None:
    with pytest.raises(RuntimeFailed, match="name of an instance"):
        runtime.find(name)


def test_options_take_no_unknown_field() -> None:
    assert ProcessOptions.model_validate({"kind": "process"}).kind == "process"
    with pytest.raises(ValueError, match="extra"):
        ProcessOptions.model_validate({"kind": "process", "user": "root"})

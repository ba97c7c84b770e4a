"""The exit signal over the process runtime."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.small_services import free_port, wait_for

from lastgood.adapters.runtimes.process import ProcessRuntime
from lastgood.adapters.signals.exits import ExitSource, exit_in_words
from lastgood.domain.signal import Reading
from lastgood.ports.runtime import LaunchOrder

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Start = Callable[[str], None]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime(tmp_path / "instances")
    yield runtime
    for instance in runtime.instances():
        runtime.stop(instance.instance_id, timedelta(seconds=0.2))


@pytest.fixture
def start(runtime: ProcessRuntime, tmp_path: Path) -> Start:
    """Starts instance shop-1 with the given source text."""

    def starter(source: str) -> None:
        tree = tmp_path / "tree"
        tree.mkdir()
        (tree / "service.py").write_text(source)
        command = (sys.executable, "service.py")
        runtime.start(
            LaunchOrder("shop-1", "shop", "shop-a", tree, command, {}, {}, "127.0.0.1", free_port())
        )

    return starter


def seen_by(source: ExitSource) -> Callable[[], list[Reading]]:
    seen: list[Reading] = []

    def read() -> list[Reading]:
        seen.extend(source.read(NOW))
        return seen

    return read


def test_each_crash_since_the_opening_is_counted_once_with_its_code_and_last_line(
    runtime: ProcessRuntime, start: Start
) -> None:
    start("print('starting'); print('no table orders', flush=True); raise SystemExit(7)")
    source = ExitSource(runtime, "shop-1")
    source.open()
    found = runtime.find("shop-1")
    assert found is not None
    read = seen_by(source)
    wait_for(lambda: sum(reading.bad for reading in read()) >= 2)
    assert runtime.stop("shop-1", timedelta(seconds=5))
    last = runtime.find("shop-1")
    assert last is not None
    assert sum(reading.bad for reading in read()) == last.exits - found.exits
    for reading in read():
        assert reading.kind == "exit" and reading.total == reading.bad and reading.at == NOW
        assert reading.detail == "the process ended with exit code 7; its last output: no table orders"


def test_a_kill_is_named_by_its_signal(runtime: ProcessRuntime, start: Start, tmp_path: Path) -> None:
    start("import os, time; open('pid', 'w').write(str(os.getpid()) + ' '); time.sleep(600)")
    source = ExitSource(runtime, "shop-1")
    source.open()
    noted = tmp_path / "instances/shop-1/app/pid"
    wait_for(lambda: noted.exists() and noted.read_text().endswith(" "))
    assert source.read(NOW) == ()
    os.kill(int(noted.read_text()), signal.SIGKILL)
    read = seen_by(source)
    wait_for(read)
    assert [(reading.bad, reading.detail) for reading in read()] == [(1, "the process was ended by SIGKILL")]


def test_a_stop_that_was_asked_for_is_no_exit(runtime: ProcessRuntime, start: Start) -> None:
    start("import time; time.sleep(600)")
    source = ExitSource(runtime, "shop-1")
    source.open()
    runtime.stop("shop-1", timedelta(seconds=5))
    assert source.read(NOW) == ()


def test_an_unknown_instance_gives_nothing(runtime: ProcessRuntime) -> None:
    source = ExitSource(runtime, "shop-9")
    source.open()
    assert source.read(NOW) == ()
    source.close()
    assert source.read(NOW) == ()


def test_every_kind_of_end_has_words() -> None:
    assert exit_in_words(0) == "the process ended with exit code 0"
    assert exit_in_words(-15) == "the process was ended by SIGTERM"
    assert exit_in_words(-40) == "the process was ended by signal 40"
    assert exit_in_words(None) == "the process ended unseen"

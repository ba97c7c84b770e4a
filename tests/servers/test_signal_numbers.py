"""Numbers of the business by a real SQLite store and real commands, and the memory of real processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.arms import OFTEN, arm, both, watching

from lastgood.adapters.signals.looking import LookingSource, Unseen
from lastgood.adapters.signals.memory import growth, measure, memory_source
from lastgood.adapters.signals.notes import MOST_NOTES, Notes
from lastgood.adapters.signals.numbers import command_source, sql_source
from lastgood.adapters.stores.sqlite import SqliteOptions, SqliteStore
from lastgood.domain.errors import RuntimeFailed
from lastgood.domain.watching import (
    Direction,
    Measure,
    MemoryGrowth,
    NumberCommand,
    StoreQuery,
    WatchedSignal,
)
from lastgood.ports.runtime import Instance

NEW, OLD = arm("new", 8002), arm("old", 8001)


def sql(tmp_path: Path, query: str) -> LookingSource:
    store = SqliteStore("orders", SqliteOptions(kind="sqlite", path=tmp_path / "db"))
    seen = StoreQuery("orders", query)
    watched = WatchedSignal("revenue", Measure.GAUGE, seen, Direction.DOWN, every=OFTEN)
    return sql_source(watched, seen, lambda name, query: store.ask(query))


def printed(tmp_path: Path, *words: str, limit: float = 5) -> LookingSource:
    seen = NumberCommand(words)
    watched = WatchedSignal("mail", Measure.GAUGE, seen, every=OFTEN, limit=timedelta(seconds=limit))
    return command_source(watched, seen, both(NEW, OLD), tmp_path)


def python(source: str, *arguments: str) -> tuple[str, ...]:
    return sys.executable, "-c", source, *arguments


def test_a_query_of_a_store_gives_a_number_of_the_whole_service(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.executescript("create table orders (total); insert into orders values (5), (7.5)")
    with watching(sql(tmp_path, "select sum(total) from orders")) as watcher:
        watcher.until(lambda: watcher.of("gauge"))
        assert (watcher.seen[0].value, watcher.seen[0].instance_id) == (12.5, "")
        connection.execute("insert into orders values (1)")
        connection.commit()
        watcher.until(lambda: watcher.read()[-1].value == 13.5)
    connection.close()


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("select total from orders", "does not give a single value"),
        ("select max(total) from orders where total > 100", "`None` is no number"),
        ("select 9e999", "its value is inf"),
        ("select 'many'", "`many` is no number"),
        ("delete from orders", ""),
        ("select * from nothing", ""),
    ],
)
def test_a_query_that_gives_no_number_is_unknown(query: str, why: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.executescript("create table orders (total); insert into orders values (5), (7.5)")
    connection.close()
    with watching(sql(tmp_path, query)) as watcher:
        watcher.until(lambda: watcher.of("unknown"))
        assert why in watcher.seen[0].detail and watcher.seen[0].detail
        assert {one.kind for one in watcher.seen} == {"unknown"}


def test_a_store_that_is_gone_is_unknown_until_it_is_back(tmp_path: Path) -> None:
    with watching(sql(tmp_path, "select 1")) as watcher:
        watcher.until(lambda: watcher.of("unknown"))
        connection = sqlite3.connect(tmp_path / "db")
        connection.executescript("create table orders (total)")
        connection.close()
        watcher.until(lambda: watcher.of("gauge"))


def test_a_query_that_takes_too_long_is_unknown_until_it_comes_back() -> None:
    held = threading.Event()

    def ask(name: str, query: str) -> str:
        held.wait(20)
        return "5"

    seen = StoreQuery("orders", "select 1")
    watched = WatchedSignal("slow", Measure.GAUGE, seen, every=OFTEN, limit=timedelta(seconds=0.3))
    with watching(sql_source(watched, seen, ask)) as watcher:
        watcher.until(lambda: watcher.of("unknown"))
        time.sleep(0.5)
        assert [one.detail for one in watcher.read()] == ["no answer within 0.3 s"]
        held.set()
        watcher.until(lambda: watcher.of("gauge"))


def test_a_command_prints_the_number_of_each_arm(tmp_path: Path) -> None:
    with watching(printed(tmp_path, *python("import sys; print(sys.argv[1])", "${port}"))) as watcher:
        watcher.until(lambda: watcher.of("gauge", "shop-new") and watcher.of("gauge", "shop-old"))
        assert watcher.of("gauge", "shop-new")[0].value == 8002
        assert watcher.of("gauge", "shop-old")[0].value == 8001


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (python("print('a lot')"), "`a lot` is no number"),
        (python("print(float('nan'))"), "its value is nan"),
        (python("print(1, 2)"), "is no number"),
        (python("print(5); raise SystemExit(3)"), "ended with exit code 3"),
        (python("import time; time.sleep(60)"), "did not finish within 0.5 s"),
        (("no-such-program",), "`no-such-program` is not on this machine"),
        (("/",), "could not be run"),
    ],
)
def test_a_command_that_prints_no_number_is_unknown(words: tuple[str, ...], why: str, tmp_path: Path) -> None:
    with watching(printed(tmp_path, *words, limit=0.5 if "sleep" in words[-1] else 20)) as watcher:
        watcher.until(lambda: watcher.of("unknown"), 30)
        assert why in watcher.seen[0].detail
        assert {one.kind for one in watcher.seen} == {"unknown"}


# --- memory ------------------------------------------------------------------------------------------------

LEAKING = """
import os, subprocess, sys, time
if len(sys.argv) > 1:
    subprocess.Popen([sys.executable, "-c", "import time; held = bytearray(30_000_000); time.sleep(60)"])
held = []
while True:
    held.append(bytearray(int(sys.stdin.readline() or 0)))
"""


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(
        [sys.executable, "-c", LEAKING, *arguments], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(10)
        assert started.stdin is not None
        started.stdin.close()


def memory(tmp_path: Path, find: Callable[[str], Instance | None], new: str, old: str = "") -> LookingSource:
    seen = MemoryGrowth(timedelta(seconds=2))
    watched = WatchedSignal("leak", Measure.GAUGE, seen, every=timedelta(milliseconds=50))
    arms = both(arm(new), arm(old) if old else None)
    return memory_source(watched, seen, arms, find, Notes(tmp_path))


def test_a_leak_is_growth_and_the_old_release_is_told_at_the_same_age(tmp_path: Path) -> None:
    """What the first release was seen to do when it was young is the measure for the second."""
    grown = {}
    for name, old, each in (("one", "", 0), ("two", "one", 500_000)):
        with process() as started:
            instance = replace(arm(name).instance, pid=started.pid)
            with watching(memory(tmp_path, lambda _, found=instance: found, name, old)) as watcher:  # type: ignore[misc]
                assert started.stdin is not None
                ends_at = time.monotonic() + 3
                while time.monotonic() < ends_at:
                    started.stdin.write(f"{each}\n".encode())
                    started.stdin.flush()
                    time.sleep(0.05)
                    watcher.read()
                grown[name] = watcher.of("gauge", f"shop-{name}")[-1].value
                if old:
                    then = watcher.of("gauge", "shop-one")[-1].value
    assert grown["one"] is not None and abs(grown["one"]) < 60_000_000
    assert grown["two"] is not None and grown["two"] > 200_000_000  # 10 MB a second in bytes a minute
    assert then is not None and abs(then) < 60_000_000


def test_children_count_and_a_process_that_is_gone_is_unknown(tmp_path: Path) -> None:
    with process("with a child") as started:
        deadline = time.monotonic() + 10
        while measure(started.pid)[1] < 30_000_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pid = started.pid
    with pytest.raises(Unseen):
        measure(pid)

    def silent(instance_id: str) -> Instance | None:
        raise RuntimeFailed("The runtime does not answer.")

    for find, why in (
        (lambda _: None, "no process of it is known"),
        (silent, "The runtime does not answer."),
        (lambda _: replace(NEW.instance, pid=pid), "its process is gone"),
    ):
        with watching(memory(tmp_path, find, "new")) as watcher:
            watcher.until(lambda: watcher.of("unknown"))
            assert watcher.seen[0].detail == why


def test_growth_is_not_bent_by_collections_and_says_nothing_with_few_points() -> None:
    saw = [(float(age), 1e8 + age * 1000 + (age % 10) * 1e6) for age in range(300)]
    slope = growth(saw, 299, 300)
    assert slope is not None and abs(slope) < 5e6
    steady = [(float(age), 1e8 + age * 1000) for age in range(300)]
    assert growth(steady, 299, 300) == pytest.approx(60_000)
    assert growth(steady[:5], 5, 300) is None
    assert growth(steady, 1000, 300) is None
    assert growth([], 10, 300) is None


def test_notes_are_few_and_one_that_is_damaged_is_none(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes")
    assert notes.read("a") is None
    for number in range(MOST_NOTES + 20):
        notes.write(f"note-{number}", [number])
    assert len(list((tmp_path / "notes").iterdir())) <= MOST_NOTES
    assert notes.read(f"note-{MOST_NOTES + 19}") == [MOST_NOTES + 19]
    (tmp_path / "notes" / "bad.json").write_bytes(b"{\xff")
    assert notes.read("bad") is None

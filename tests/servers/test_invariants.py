"""Invariants asked of a real SQLite file and of commands."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.small_services import wait_for

from lastgood.adapters.signals.invariants import InvariantSource, check_invariant
from lastgood.domain.errors import StoreFailed
from lastgood.domain.policy import Invariant
from lastgood.domain.signal import Reading

OFTEN = timedelta(milliseconds=30)
NEGATIVE = Invariant("orders.total", "db", "select count(*) from orders where total < 0", every=OFTEN)

Ask = Callable[[str, str], str]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Asks the file of the store; it holds one order."""
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.executescript("create table orders (total); insert into orders values (5)")

    def asker(store: str, query: str) -> str:
        try:
            with closing(sqlite3.connect(f"file:{tmp_path / store}?mode=rw", uri=True)) as connection:
                return str(connection.execute(query).fetchone()[0])
        except sqlite3.Error as error:
            raise StoreFailed(f"Store {store} cannot be asked: {error}.") from error

    return asker


def insert(tmp_path: Path, total: int) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.execute("insert into orders values (?)", (total,))
        connection.commit()


def command(*words: str, **changes: object) -> Invariant:
    return Invariant(**{"name": "stock", "store": "", "command": words, **changes})  # type: ignore[arg-type]


def test_a_query_holds_when_its_value_is_the_expected_one(ask: Ask, tmp_path: Path) -> None:
    assert check_invariant(NEGATIVE, ask) == (True, "orders.total: 0")
    insert(tmp_path, -1)
    assert check_invariant(NEGATIVE, ask) == (False, "orders.total: 1, expected 0")


def test_a_command_holds_with_exit_code_0(ask: Ask, tmp_path: Path) -> None:
    assert check_invariant(command(sys.executable, "-c", ""), ask) == (True, "stock: exit code 0")
    source = "import pathlib, sys; print(pathlib.Path.cwd()); sys.exit(1)"
    broken = check_invariant(command(sys.executable, "-c", source), ask, tmp_path)
    assert broken == (False, f"stock: exit code 1: {tmp_path}")


def test_what_cannot_be_asked_is_unknown_and_neither_holds_nor_fails(ask: Ask) -> None:
    gone = Invariant("orders.total", "gone", NEGATIVE.query)
    assert check_invariant(gone, ask)[0] is None
    assert "Store gone cannot be asked" in check_invariant(gone, ask)[1]
    assert check_invariant(command("no-such-program"), ask)[0] is None
    slow = command(sys.executable, "-c", "import time; time.sleep(60)", limit=timedelta(seconds=0.2))
    assert check_invariant(slow, ask) == (None, "stock: no answer within 0.2 s")


def test_the_source_tells_when_data_breaks_and_reads_nothing_of_what_it_cannot_ask(
    ask: Ask, tmp_path: Path
) -> None:
    gone = Invariant("carts", "gone", "select 0", every=OFTEN)
    source = InvariantSource([NEGATIVE, gone], "shop-1", ask)
    seen: list[Reading] = []
    source.open()

    def read() -> list[Reading]:
        seen.extend(source.read(datetime.now(UTC)))
        return seen

    wait_for(read)
    insert(tmp_path, -1)
    wait_for(lambda: read()[-1].bad)
    wait_for(lambda: source.unknown)
    source.close()
    assert (seen[0].kind, seen[0].total, seen[0].bad) == ("invariant", 1, 0)
    assert (seen[-1].instance_id, seen[-1].detail) == ("shop-1", "orders.total: 1, expected 0")
    assert {reading.signal for reading in seen} == {"orders.total"}
    assert list(source.unknown) == ["carts"] and "gone" in source.unknown["carts"]


def test_a_query_that_hangs_is_unknown_and_delays_no_other(ask: Ask) -> None:
    released = threading.Event()

    def sometimes_hanging(store: str, query: str) -> str:
        if store == "hanging":
            released.wait(20)
        return ask("db", query)

    hanging = Invariant("carts", "hanging", "select 0", every=OFTEN, limit=timedelta(seconds=0.1))
    source = InvariantSource([hanging, NEGATIVE], "shop-1", sometimes_hanging)
    source.open()
    seen: list[Reading] = []

    def overdue() -> bool:
        seen.extend(source.read(datetime.now(UTC)))
        return source.unknown == {"carts": "no answer within 0.1 s"}

    wait_for(overdue)
    assert {reading.signal for reading in seen} == {"orders.total"}
    released.set()
    wait_for(lambda: not source.unknown)
    source.close()

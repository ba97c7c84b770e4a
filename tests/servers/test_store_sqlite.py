"""Store sqlite: the conformance suite, and what is particular to SQLite."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.killing import in_child, kill_after
from tests.support.store_conformance import NEW, OLD, Ground, StoreConformance

from lastgood.adapters.stores.sqlite import SqliteOptions, SqliteStore, relocate, values
from lastgood.domain.errors import StoreFailed

_SERVICE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
for line in sys.stdin:
    rows = connection.execute(line).fetchall()
    print(repr(rows), flush=True)
"""


class SqliteGround(Ground):
    def __init__(self, folder: Path, journal: str = "wal", busy: float = 5) -> None:
        super().__init__(folder)
        self.file = folder / "shop.db"
        self.journal = journal
        self.store = SqliteStore(
            "shop",
            SqliteOptions(kind="sqlite", path=self.file),
            busy_limit=timedelta(seconds=busy),
            ask_limit=timedelta(seconds=0.3),
        )

    def write(self, content: Mapping[str, str]) -> None:
        self.folder.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute(f"PRAGMA journal_mode={self.journal}")
            connection.execute("CREATE TABLE IF NOT EXISTS item (name TEXT PRIMARY KEY, value TEXT)")
            connection.execute("DELETE FROM item")
            connection.executemany("INSERT INTO item VALUES (?, ?)", content.items())

    def read(self) -> dict[str, str]:
        with closing(sqlite3.connect(self.file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return dict(connection.execute("SELECT name, value FROM item"))

    def another(self, folder: Path) -> Ground:
        return SqliteGround(folder, self.journal)


@pytest.fixture(params=["wal", "delete"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteGround:
    return SqliteGround(tmp_path / "live", request.param)


class TestSqlite(StoreConformance):
    @pytest.fixture(params=["wal", "delete"])
    def ground(self, request: pytest.FixtureRequest, tmp_path: Path) -> SqliteGround:
        return SqliteGround(tmp_path / "live", request.param)


class Service:
    """A service in another process that keeps its connection open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, statement: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(statement + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def service(file: Path) -> Iterator[Service]:
    command = [sys.executable, "-c", _SERVICE, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Service(process)
        finally:
            process.kill()


@pytest.mark.parametrize("copied", ["wal", "delete"])
@pytest.mark.parametrize("page_bytes", [4096, 1024, 16384])
def test_a_running_service_sees_the_new_rows(
    ground: SqliteGround, tmp_path: Path, copied: str, page_bytes: int
) -> None:
    """A connection that stays open through the switch reads the new rows and writes on, whatever the journal
    modes and page sizes of both databases are."""
    (tmp_path / "made").mkdir()
    with closing(sqlite3.connect(tmp_path / "made" / "shop.db")) as connection:
        connection.execute(f"PRAGMA page_size={page_bytes}")
    SqliteGround(tmp_path / "made", copied).write(NEW)
    SqliteGround(tmp_path / "made", copied).store.copy_to(tmp_path / "new")
    ground.write(OLD)
    with service(ground.file) as running:
        assert running.ask("SELECT count(*) FROM item") == "[(3,)]"
        ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
        assert running.ask("SELECT count(*) FROM item") == "[(4,)]"
        assert running.ask("INSERT INTO item VALUES ('six', '6')") == "[]"
        assert ground.read() == NEW | {"six": "6"}
    assert ground.read() == NEW | {"six": "6"}


def test_a_copy_beside_a_writer_is_consistent(ground: SqliteGround, tmp_path: Path) -> None:
    """Copies taken while money moves between two accounts never show a sum that never was."""
    ground.write({"left": "500", "right": "500"})
    stop = threading.Event()

    def move() -> None:
        with closing(sqlite3.connect(ground.file, timeout=20)) as connection:
            while not stop.is_set():
                with connection:
                    connection.execute("UPDATE item SET value = value - 1 WHERE name = 'left'")
                    connection.execute("UPDATE item SET value = value + 1 WHERE name = 'right'")
                time.sleep(0.0005)

    writer = threading.Thread(target=move)
    writer.start()
    try:
        for number in range(4):
            ground.store.copy_to(tmp_path / str(number))
    finally:
        stop.set()
        writer.join()
    for number in range(4):
        ground.store.check(tmp_path / str(number))
        with closing(sqlite3.connect(tmp_path / str(number) / "shop.db")) as copy:
            assert copy.execute("SELECT sum(value) FROM item").fetchone() == (1000,)


def test_a_copy_after_a_crash_has_only_what_was_committed(tmp_path: Path) -> None:
    """A hot journal that a killed service left is rolled back before the copy is taken."""
    ground = SqliteGround(tmp_path / "live", "delete")
    ground.write(OLD)

    def die_in_a_transaction() -> None:
        connection = sqlite3.connect(ground.file, isolation_level=None)
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN IMMEDIATE")
        for number in range(20_000):
            connection.execute("INSERT INTO item VALUES (?, 'x')", (f"bad-{number}",))
        (tmp_path / "ready").touch()
        time.sleep(60)

    child = in_child(die_in_a_transaction)
    limit = time.monotonic() + 20
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < limit
        time.sleep(0.01)
    kill_after(child, 0)
    assert ground.file.with_name("shop.db-journal").stat().st_size > 0
    assert ground.store.copy_to(tmp_path / "copy").figures == {"item": 3}


def test_a_locked_database_is_waited_for_within_a_limit(ground: SqliteGround, tmp_path: Path) -> None:
    """A short lock is waited out; a long one ends in StoreFailed with nothing changed."""
    ground.write(NEW)
    ground.store.copy_to(tmp_path / "new")
    ground.write(OLD)
    impatient = SqliteGround(ground.folder, ground.journal, busy=0.2)
    with closing(sqlite3.connect(ground.file, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed, match="stayed locked"):
            impatient.store.switch_in(tmp_path / "new", tmp_path / "kept")
        release = threading.Timer(0.5, lambda: holder.execute("ROLLBACK"))
        release.start()
        ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
        release.join()
    assert ground.read() == NEW


@pytest.mark.parametrize("size", [0, 1, 100, 5000, 8191])
def test_a_copy_that_was_cut_short_is_refused(ground: SqliteGround, tmp_path: Path, size: int) -> None:
    """A truncated or empty copy fails the check, and is never switched in."""
    ground.write(OLD)
    ground.store.copy_to(tmp_path / "copy")
    os.truncate(tmp_path / "copy" / "shop.db", size)
    with pytest.raises(StoreFailed, match="not whole"):
        ground.store.check(tmp_path / "copy")
    with pytest.raises(StoreFailed, match="not whole"):
        ground.store.switch_in(tmp_path / "copy", tmp_path / "kept")
    assert ground.read() == OLD


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    """A page overwritten inside a copy of the right length fails the check."""
    ground = SqliteGround(tmp_path / "live")
    ground.write({str(number): "x" * 50 for number in range(2000)})
    ground.store.copy_to(tmp_path / "copy")
    with (tmp_path / "copy" / "shop.db").open("r+b") as stream:
        stream.seek(4096 * 5)
        stream.write(b"\xff" * 4096)
    with pytest.raises(StoreFailed):
        ground.store.check(tmp_path / "copy")


def test_a_damaged_live_database_is_replaced_and_kept(tmp_path: Path) -> None:
    """What cannot be read is kept byte for byte, its stale side files too, and none of them reaches the
    new database."""
    ground = SqliteGround(tmp_path / "live")
    ground.write(NEW)
    ground.store.copy_to(tmp_path / "new")
    ground.write(OLD)
    with closing(sqlite3.connect(ground.file)) as connection:
        connection.execute("DELETE FROM item")
        connection.commit()
        shutil.copy(ground.file.with_name("shop.db-wal"), tmp_path / "stale-wal")
    shutil.copy(tmp_path / "stale-wal", ground.file.with_name("shop.db-wal"))
    ground.file.write_bytes(b"garbage" * 1000)
    ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
    assert ground.read() == NEW
    assert (tmp_path / "kept" / "shop.db").read_bytes() == b"garbage" * 1000
    assert (tmp_path / "kept" / "shop.db-wal").read_bytes() == (tmp_path / "stale-wal").read_bytes()


def test_an_empty_live_file_takes_the_copy_in_place(tmp_path: Path) -> None:
    """A file of 0 bytes is no data; a service that has it open sees the rows of the copy."""
    ground = SqliteGround(tmp_path / "live")
    ground.write(NEW)
    ground.store.copy_to(tmp_path / "new")
    other = SqliteGround(tmp_path / "other")
    other.folder.mkdir()
    other.file.touch()
    assert not other.store.present()
    with service(other.file) as running:
        running.ask("SELECT 1")
        other.store.switch_in(tmp_path / "new", tmp_path / "kept")
        assert running.ask("SELECT count(*) FROM item") == "[(4,)]"
    assert list((tmp_path / "kept").iterdir()) == []


def test_every_kind_of_table_is_counted(tmp_path: Path) -> None:
    """Odd names, tables without rowid, text search and views: rows are counted once, views not at all."""
    ground = SqliteGround(tmp_path / "live")
    ground.write(OLD)
    with closing(sqlite3.connect(ground.file)) as connection, connection:
        connection.execute('CREATE TABLE "od""d; name" ("a b" INTEGER)')
        connection.execute('INSERT INTO "od""d; name" VALUES (1), (1)')
        connection.execute("CREATE TABLE flat (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID")
        connection.execute("INSERT INTO flat VALUES (1, 2)")
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        connection.execute("INSERT INTO words VALUES ('hello'), ('world')")
        connection.execute("CREATE VIEW seen AS SELECT * FROM item")
        connection.execute("CREATE TABLE child (item TEXT REFERENCES item(name))")
        connection.execute("INSERT INTO child VALUES ('nobody')")
    counted = {'od"d; name': 2, "flat": 1, "words_content": 2, "item": 3, "child": 1}
    assert ground.store.copy_to(tmp_path / "copy").figures == counted | {"foreign key violations": 1}
    with closing(sqlite3.connect(ground.file)) as connection, connection:
        connection.execute('INSERT INTO "od""d; name" VALUES (1)')
        connection.execute("UPDATE flat SET b = 3")
        connection.execute("DELETE FROM words WHERE text = 'hello'")
    stake = ground.store.stake(tmp_path / "copy")
    assert stake.added == {'od"d; name': 1, "flat": 1}
    assert stake.changed_or_removed == {"flat": 1, "words_content": 1}


def test_the_stake_bridges_a_migration(ground: SqliteGround, tmp_path: Path) -> None:
    """Tables and columns that only one side has: new tables count as added, common columns are compared."""
    ground.write(OLD)
    with closing(sqlite3.connect(ground.file)) as connection, connection:
        connection.execute("CREATE TABLE gone (a)")
        connection.execute("INSERT INTO gone VALUES (1)")
    ground.store.copy_to(tmp_path / "copy")
    with closing(sqlite3.connect(ground.file)) as connection, connection:
        connection.execute("ALTER TABLE item ADD COLUMN colour TEXT DEFAULT 'red'")
        connection.execute("UPDATE item SET value = 'other' WHERE name = 'two'")
        connection.execute("CREATE TABLE fresh (a)")
        connection.execute("INSERT INTO fresh VALUES (1), (2)")
        connection.execute("DROP TABLE gone")
    stake = ground.store.stake(tmp_path / "copy")
    assert (stake.added, stake.changed_or_removed) == ({"fresh": 2}, {"gone": 1, "item": 1})


_rows = st.dictionaries(st.integers(0, 9), st.sampled_from([None, "a", "A", "b", 1, 2.5, b"x"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_rows, _rows, st.sampled_from(["INTEGER PRIMARY KEY", "TEXT PRIMARY KEY COLLATE NOCASE", "INTEGER"]))
def test_the_stake_equals_a_count_by_hand(
    tmp_path: Path, before: dict[int, object], now: dict[int, object], key: str
) -> None:
    """For any two contents of a table the figures are those of a comparison row by row."""
    ground = SqliteGround(tmp_path / "any")
    ground.folder.mkdir(exist_ok=True)
    by_rowid = key == "INTEGER"
    for content in (before, now):
        with closing(sqlite3.connect(ground.file)) as connection, connection:
            connection.execute("DROP TABLE IF EXISTS t")
            connection.execute(f"CREATE TABLE t (k {key}, v COLLATE NOCASE)")
            connection.executemany(
                "INSERT INTO t (rowid, k, v) VALUES (?, ?, ?)"
                if by_rowid
                else "INSERT INTO t (k, v) VALUES (?, ?)",
                [(k, k, v) if by_rowid else (k, v) for k, v in content.items()],
            )
        if content is before:
            ground.store.copy_to(tmp_path / "before")
    stake = ground.store.stake(tmp_path / "before")
    changed = sum(before[k] != now[k] for k in before.keys() & now.keys())
    assert stake.added.get("t", 0) == len(now.keys() - before.keys())
    assert stake.changed_or_removed.get("t", 0) == changed + len(before.keys() - now.keys())
    ground.file.unlink()


def test_questions_are_answered_and_only_read(ground: SqliteGround, tmp_path: Path) -> None:
    """A query gives its single value as text; whatever would write, or reach other files, is refused."""
    ground.write(OLD)
    assert ground.store.ask("SELECT count(*) FROM item") == "3"
    assert ground.store.ask("PRAGMA integrity_check") == "ok"
    target = tmp_path / "stolen.db"
    for query in (
        "DELETE FROM item RETURNING 1",
        f"VACUUM INTO '{target}'",
        f"ATTACH '{target}' AS other",
        "PRAGMA wal_checkpoint",
        "SELECT * FROM item",
        "SELECT 1 WHERE 0",
        "SELECT nothing",
        "SELECT 1; SELECT 2",
    ):
        with pytest.raises(StoreFailed):
            ground.store.ask(query)
    assert ground.read() == OLD
    assert not target.exists()


def test_an_endless_question_is_ended(tmp_path: Path) -> None:
    """A query that does not end is stopped at its limit."""
    ground = SqliteGround(tmp_path / "live")
    ground.write(OLD)
    with pytest.raises(StoreFailed):
        ground.store.ask("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) SELECT max(x) FROM n")


def test_a_store_moves_with_its_values(tmp_path: Path) -> None:
    """Relocated options live under the other folder, and documents see the new path."""
    options = SqliteOptions.model_validate(
        {"kind": "sqlite", "path": "data/shop.db"}, context={"folder": tmp_path}
    )
    assert values(options) == {"path": str(tmp_path / "data" / "shop.db")}
    assert values(relocate(options, tmp_path / "drill", "db")) == {
        "path": str(tmp_path / "drill" / "db" / "shop.db")
    }

"""The ledger: append-only, hash-chained, durable, shared by processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.small_disk import small_disk
from tests.support.stopped_clock import StoppedClock

from lastgood.domain.errors import ActionFailed, DiskFull
from lastgood.records.ledger import BEFORE_THE_FIRST, SqliteLedger

APPENDER = """
import sys
from pathlib import Path
from lastgood.adapters.clock import SystemClock
from lastgood.records.ledger import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]), SystemClock())
for number in range(int(sys.argv[3])):
    ledger.append("event", {"number": number}, f"{sys.argv[2]}/{number}")
    print(number, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def ledger(file: Path, clock: StoppedClock) -> SqliteLedger:
    return SqliteLedger(file, clock)


def tamper(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DROP TRIGGER entries_never_change")
        database.execute("DROP TRIGGER entries_never_leave")
        database.execute(statement)


def appender(file: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(file), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_reading_a_ledger_that_is_not_there_gives_nothing_and_makes_nothing(
    ledger: SqliteLedger, file: Path
) -> None:
    assert list(ledger.entries()) == []
    assert ledger.prove() == 0
    assert not file.parent.exists()


def test_entries_come_back_in_order_and_chained(ledger: SqliteLedger) -> None:
    first = ledger.append("release", {"id": "shop-1", "files": ("ä", "b")}, "a")
    second = ledger.append("run", {}, "b")
    assert (first.sequence, first.previous) == (1, BEFORE_THE_FIRST)
    assert (second.sequence, second.previous) == (2, first.hash)
    assert list(ledger.entries()) == [first, second]
    assert list(ledger.entries(after=1)) == [second]
    assert ledger.prove() == 2


def test_a_key_is_recorded_once_and_gives_its_first_entry_back(ledger: SqliteLedger) -> None:
    first = ledger.append("run", {"ended": "well"}, "run-1/end")
    assert ledger.append("run", {"ended": "otherwise"}, "run-1/end") == first
    assert ledger.prove() == 1


def test_a_clock_set_back_never_takes_the_record_back(ledger: SqliteLedger, clock: StoppedClock) -> None:
    first = ledger.append("event", {}, "a")
    clock.at -= timedelta(days=400)
    second = ledger.append("event", {}, "b")
    assert second.at == first.at
    assert ledger.prove() == 2


@pytest.mark.parametrize("statement", ["UPDATE entries SET kind = 'x'", "DELETE FROM entries"])
def test_the_file_itself_refuses_changes(ledger: SqliteLedger, file: Path, statement: str) -> None:
    ledger.append("event", {}, "a")
    with (
        closing(sqlite3.connect(file)) as database,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        database.execute(statement)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE entries SET body = '{\"n\":7}' WHERE sequence = 2", "Entry 2"),
        ("UPDATE entries SET at = '2020-01-01T00:00:00+00:00' WHERE sequence = 3", "Entry 3"),
        ("DELETE FROM entries WHERE sequence = 2", "Entry 2"),
        ("UPDATE entries SET body = 'gone' WHERE sequence = 1", "damaged"),
    ],
)
def test_prove_names_the_first_entry_that_was_changed(
    ledger: SqliteLedger, file: Path, statement: str, named: str
) -> None:
    for number in range(3):
        ledger.append("event", {"n": number}, str(number))
    tamper(file, statement)
    with pytest.raises(ActionFailed) as caught:
        ledger.prove()
    assert named in caught.value.happened
    assert "capsule" in caught.value.mend


def test_a_damaged_file_is_an_error_that_says_what_to_do(ledger: SqliteLedger, file: Path) -> None:
    ledger.append("event", {}, "a")
    content = bytearray(file.read_bytes())
    content[:4096] = b"\x00garbage" * 512
    file.write_bytes(content)
    for use in (lambda: ledger.append("event", {}, "b"), lambda: list(ledger.entries()), ledger.prove):
        with pytest.raises(ActionFailed) as caught:
            use()
        assert "damaged" in caught.value.happened
        assert "capsule" in caught.value.mend
    assert file.read_bytes() == bytes(content)


def test_a_copy_is_whole_and_goes_on_by_itself(
    ledger: SqliteLedger, tmp_path: Path, clock: StoppedClock
) -> None:
    for number in range(5):
        ledger.append("event", {"n": number}, str(number))
    ledger.copy_to(tmp_path / "capsule" / "ledger.db")
    copy = SqliteLedger(tmp_path / "capsule" / "ledger.db", clock)
    assert list(copy.entries()) == list(ledger.entries())
    assert copy.append("event", {}, "new").sequence == 6
    assert [path.name for path in (tmp_path / "capsule").iterdir()] == ["ledger.db"]


def test_the_copy_of_a_ledger_that_is_not_there_is_an_empty_one(ledger: SqliteLedger, tmp_path: Path) -> None:
    ledger.copy_to(tmp_path / "copy.db")
    assert SqliteLedger(tmp_path / "copy.db", StoppedClock()).prove() == 0


def test_appending_while_reading_does_not_block(ledger: SqliteLedger) -> None:
    for number in range(3):
        ledger.append("event", {}, str(number))
    for entry in ledger.entries():
        if entry.sequence <= 3:
            ledger.append("echo", {}, f"echo-{entry.key}")
    assert ledger.prove() == 6


def test_several_processes_append_at_once_and_the_chain_holds(ledger: SqliteLedger, file: Path) -> None:
    processes = [appender(file, name, 25) for name in "abc"]
    for process in processes:
        with process:
            process.communicate(timeout=60)
        assert process.returncode == 0
    assert ledger.prove() == 75
    assert len({entry.key for entry in ledger.entries()}) == 75


def test_what_append_returned_from_survives_kill_9(ledger: SqliteLedger, file: Path) -> None:
    with appender(file, "victim", 100_000) as process:
        assert process.stdout is not None
        for _ in range(20):
            printed = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    assert ledger.prove() >= printed + 1
    assert ledger.append("event", {}, "after").sequence == ledger.prove()


def test_a_full_disk_records_nothing_and_keeps_what_was_there(tmp_path: Path, clock: StoppedClock) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as folder:
        ledger = SqliteLedger(folder / "ledger.db", clock)
        ledger.append("event", {}, "a")
        with pytest.raises(DiskFull):
            ledger.append("event", {"text": "x" * 2_000_000}, "b")
        assert ledger.prove() == 1
        assert ledger.append("event", {}, "b").sequence == 2

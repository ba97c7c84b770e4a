"""The DBOS engine's own hazards."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.small_disk import small_disk

from lastgood.domain.errors import ActionFailed, Busy, DiskFull
from lastgood.engine.dbos import DbosEngine
from lastgood.ports.engine import RecordedStep


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=4) as folder:
        yield folder


def two_steps(step: RecordedStep) -> str:
    return step("0", lambda: "a") + step("1", lambda: "b")


def interrupted(step: RecordedStep) -> str:
    step("0", lambda: "kept")
    raise ValueError


@pytest.mark.parametrize("state", ["ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"])
def test_a_run_that_the_engine_gave_up_goes_on_after_its_last_record(state: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        DbosEngine().execute("run", tmp_path, interrupted)
    with closing(sqlite3.connect(tmp_path / "engine.db")) as database, database:
        database.execute("UPDATE workflow_status SET status = ?", (state,))
    assert DbosEngine().execute("run", tmp_path, two_steps) == "keptb"


def test_a_walk_that_does_not_fit_its_records_is_an_error_and_runs_nothing(tmp_path: Path) -> None:
    ran = []

    def other(step: RecordedStep) -> str:
        return step("another", lambda: ran.append("another") or "")

    with pytest.raises(ValueError):
        DbosEngine().execute("run", tmp_path, interrupted)
    with pytest.raises(ActionFailed, match="another"):
        DbosEngine().execute("run", tmp_path, other)
    assert ran == []
    assert DbosEngine().execute("run", tmp_path, two_steps) == "keptb"


def test_a_second_run_at_once_in_one_process_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    refused: list[Exception] = []
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()

    def begin_another() -> str:
        try:
            DbosEngine().execute("other", tmp_path / "second", two_steps)
        except Busy as error:
            refused.append(error)
        return "went on"

    assert DbosEngine().execute("run", tmp_path / "first", lambda step: step("0", begin_another)) == "went on"
    assert len(refused) == 1


def test_a_full_disk_leaves_the_run_resumable_once_there_is_room(full_disk: Path) -> None:
    """Given a body that is done while its record does not fit; then DiskFull, and later it runs again."""
    ballast = full_disk / "ballast"
    ran: list[str] = []

    def fill() -> str:
        ran.append("fill")
        if len(ran) == 1:
            with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        return "y" * 20_000

    with pytest.raises(DiskFull) as caught:
        DbosEngine().execute("run", full_disk, lambda step: step("0", fill))
    assert "room" in caught.value.mend
    ballast.unlink()
    assert DbosEngine().execute("run", full_disk, lambda step: step("0", fill)) == "y" * 20_000
    assert ran == ["fill", "fill"]


def test_nothing_of_the_engine_is_left_running_afterwards(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    DbosEngine().execute("run", tmp_path, two_steps)
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in left)

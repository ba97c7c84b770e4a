"""Log files that are rotated, truncated, flooded and full of junk while they are read; and the journal."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.arms import OFTEN, arm, both, watching
from tests.support.small_services import runs, wait_for

from lastgood.adapters.runtimes.shim import bound_output
from lastgood.adapters.signals.lines import journal_source, log_source
from lastgood.adapters.signals.lines.counting import MOST_LINES
from lastgood.adapters.signals.lines.tail import Tail
from lastgood.adapters.signals.looking import LookingSource
from lastgood.adapters.signals.notes import Notes
from lastgood.domain.watching import ErrorLines, Journal, LogFile, Measure, WatchedSignal


def logs(tmp_path: Path, path: str = "", patience: float = 0.3, with_old: bool = True) -> LookingSource:
    seen = LogFile(ErrorLines(), path)
    signal = WatchedSignal("lines", Measure.ERRORS, seen, every=OFTEN)
    arms = both(
        arm("new", 8002, output=tmp_path / "new.log"),
        arm("old", 8001, output=tmp_path / "old.log") if with_old else None,
    )
    return log_source(signal, seen, arms, Notes(tmp_path / "notes"), tmp_path, patience)


def write(file: Path, *lines: str) -> None:
    with file.open("a") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def test_each_arm_counts_the_lines_of_its_own_output_from_the_moment_of_opening(tmp_path: Path) -> None:
    write(tmp_path / "new.log", "INFO starting", "ERROR early")
    write(tmp_path / "old.log", *["ERROR of long ago"] * 50)
    with watching(logs(tmp_path)) as watcher:
        watcher.until(lambda: len(watcher.of("errors")) >= 2)
        write(tmp_path / "new.log", "INFO a", "ERROR b 17", "INFO c")
        write(tmp_path / "old.log", "INFO a")
        watcher.until(lambda: watcher.counted("shop-new")[0] == 3 and watcher.counted("shop-old")[0] == 1)
        assert (watcher.counted("shop-new"), watcher.counted("shop-old")) == ((3, 1), (1, 0))
        assert "the last: ERROR b N" in [one.detail for one in watcher.of("errors")]


def test_errors_that_the_old_release_never_logged_are_told_by_their_kind(tmp_path: Path) -> None:
    """Also those from before the watch; not those that the old one logs too, before or beside."""
    write(tmp_path / "old.log", "ERROR payment 17 failed")
    write(tmp_path / "old.log.1", "ERROR printer 1 jammed")
    write(
        tmp_path / "new.log",
        "KeyError: ERROR in 'total'",
        "ERROR payment 9000 failed",
        "ERROR printer 8 jammed",
    )
    with watching(logs(tmp_path, patience=1.0)) as watcher:
        watcher.until(lambda: watcher.of("errors"))
        write(tmp_path / "new.log", "ERROR database 1 away", "KeyError: ERROR in 'name'")
        write(tmp_path / "old.log", "ERROR database 2 away")
        watcher.until(lambda: watcher.of("fingerprint"))
        time.sleep(1.5)
        told = watcher.of("fingerprint")
        assert [(one.detail, one.bad, one.instance_id) for one in told] == [
            ("KeyError: ERROR in TEXT", 2, "shop-new")
        ]


def test_a_first_release_has_no_new_kinds_of_errors(tmp_path: Path) -> None:
    write(tmp_path / "new.log", "ERROR a")
    with watching(logs(tmp_path, patience=0, with_old=False)) as watcher:
        watcher.until(lambda: len(watcher.of("errors")) > 3)
        assert not watcher.of("fingerprint")


def test_a_log_that_both_releases_write_is_known_as_it_was_before(tmp_path: Path) -> None:
    """And in the next phase of the watch what the new release logged in the first is still new."""
    write(tmp_path / "shared.log", "ERROR old 1")
    for _ in range(2):
        with watching(logs(tmp_path, path="shared.log")) as watcher:
            watcher.until(lambda: watcher.of("errors", ""))
            write(tmp_path / "shared.log", "ERROR old 2", "ERROR brand-new")
            watcher.until(lambda: watcher.of("fingerprint"))
            assert [one.detail for one in watcher.of("fingerprint")] == ["ERROR brand-new"]
            assert {one.instance_id for one in watcher.seen} == {""}


@pytest.mark.parametrize("way", ["rename", "copytruncate", "truncate and grow", "the runtime's own"])
def test_a_rotation_loses_no_line_that_comes_after_it(way: str, tmp_path: Path) -> None:
    log = tmp_path / "new.log"
    write(log, *[f"INFO {number}" for number in range(1000)])
    with watching(logs(tmp_path, with_old=False)) as watcher:
        watcher.until(lambda: watcher.of("errors"))
        write(log, "ERROR before")
        if way == "rename":
            with log.open("a") as still_open:
                log.rename(tmp_path / "new.log.1")
                still_open.write("ERROR late in the old file\n")
            write(log, "ERROR after")
            expected = (3, 3)
        else:
            watcher.until(lambda: watcher.counted("shop-new") == (1, 1))
            if way == "the runtime's own":
                bound_output(log, limit_bytes=10)
            else:
                os.truncate(log, 0)
            if way == "truncate and grow":  # past where the reader was, before it looks again
                write(log, *[f"WARN {number} is longer than it was" for number in range(2000)], "ERROR after")
                expected = (2002, 2)
            else:
                write(log, "ERROR after")
                expected = (2, 2)
        watcher.until(lambda: watcher.counted("shop-new") == expected)
        write(log, "ERROR and on")
        watcher.until(lambda: watcher.counted("shop-new") == (expected[0] + 1, expected[1] + 1))


def test_a_missing_file_is_unknown_and_read_from_its_start_when_it_comes(tmp_path: Path) -> None:
    with watching(logs(tmp_path, with_old=False)) as watcher:
        watcher.until(lambda: watcher.of("unknown"))
        time.sleep(0.3)
        assert len(watcher.of("unknown")) == 1 and "No such file" in watcher.seen[0].detail
        write(tmp_path / "new.log", "ERROR first")
        watcher.until(lambda: watcher.counted("shop-new") == (1, 1))
        (tmp_path / "new.log").unlink()
        watcher.until(lambda: len(watcher.of("unknown")) == 2)
        assert "not there any more" in watcher.of("unknown")[1].detail
        write(tmp_path / "new.log", "ERROR again")
        watcher.until(lambda: watcher.counted("shop-new") == (2, 2))


@pytest.mark.parametrize("what", ["a folder", "a pipe"])
def test_what_is_no_file_is_unknown_and_hangs_nobody(what: str, tmp_path: Path) -> None:
    if what == "a folder":
        (tmp_path / "new.log").mkdir()
    else:
        os.mkfifo(tmp_path / "new.log")
    with watching(logs(tmp_path, with_old=False)) as watcher:
        watcher.until(lambda: watcher.of("unknown"))
        assert "is no file" in watcher.seen[0].detail


def test_a_line_is_counted_when_it_is_whole_and_junk_does_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "new.log"
    log.touch()
    with watching(logs(tmp_path, with_old=False)) as watcher:
        watcher.until(lambda: watcher.of("errors"))
        with log.open("ab", buffering=0) as stream:
            stream.write(b"ERR")
            time.sleep(0.4)
            assert watcher.counted("shop-new") == (0, 0)
            stream.write(b"OR half\n")
            watcher.until(lambda: watcher.counted("shop-new") == (1, 1))
            noise = random.Random(1).randbytes(300_000).replace(b"ERR", b"err")
            stream.write(noise + b"\n\0\0\0\n" + b"x" * 500_000 + b"\nERROR whole\n")
            watcher.until(lambda: watcher.counted("shop-new")[1] == 2)


def test_a_flood_is_bounded_in_memory_and_its_dropped_lines_are_told(tmp_path: Path) -> None:
    """Lines that are not looked at are in no count: the share of errors stays what it is."""
    log = tmp_path / "new.log"
    log.touch()
    block = "\n".join(["INFO all is well, here is some text"] * 99 + ["ERROR no stock 17"]) + "\n"
    with watching(logs(tmp_path, with_old=False)) as watcher:
        watcher.until(lambda: watcher.of("errors"))
        tracemalloc.start()
        with log.open("a") as stream:
            for _ in range(100):
                stream.write(block * 100)  # a million lines, 35 MB
        watcher.until(lambda: [one for one in watcher.of("errors") if "flood" in one.detail], 60)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 60_000_000
        total, bad = watcher.counted("shop-new")
        assert 0.008 * total < bad < 0.012 * total
        assert max(one.total for one in watcher.of("errors")) <= MOST_LINES
        write(log, "ERROR and on")
        seen = watcher.counted("shop-new")[1]
        watcher.until(lambda: watcher.counted("shop-new")[1] > seen)


def test_a_tail_passes_over_what_it_cannot_read_in_time(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"0123456789")
    tail = Tail(tmp_path / "log", at_end=False)
    assert tail.read(4) == b"0123" and tail.skip_to_end() == 6 and tail.read(4) == b""
    with (tmp_path / "log").open("ab") as stream:
        stream.write(b"new")
    assert tail.read(100) == b"new"
    tail.close()


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_closing_ends_the_thread_and_the_descriptors(tmp_path: Path) -> None:
    write(tmp_path / "new.log", "x")
    write(tmp_path / "old.log", "x")
    threads, descriptors = threading.active_count(), open_descriptors()
    for _ in range(5):
        with watching(logs(tmp_path)) as watcher:
            watcher.until(lambda: watcher.of("errors"))
    wait_for(lambda: threading.active_count() <= threads)
    assert open_descriptors() <= descriptors


# --- the journal -------------------------------------------------------------------------------------------

FAKE = """#!/bin/sh
"exec" {python!r} "$0" "$@"  # a #! line takes no path with a space
import json, os, sys, time
arguments = sys.argv[1:]
open({calls!r}, "a").write(json.dumps([os.getpid(), arguments]) + "\\n")
which = next(word for word in arguments if word.startswith("_SYSTEMD_UNIT=")).split("=")[1]
def say(number, message, priority):
    print(json.dumps(dict(__CURSOR=f"c{{number}}", MESSAGE=message, PRIORITY=str(priority))), flush=True)
if "--follow" not in arguments:
    say(0, "payment 17 failed", 3)
    sys.exit(0)
after = int(arguments[arguments.index("--after-cursor") + 1][1:]) if "--after-cursor" in arguments else 0
number = 0
while True:
    try:
        lines = open(os.path.join({folder!r}, which)).read().splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines[max(number, after):]:
        number = max(number, after) + 1
        if line == "die":
            print("Journal file is corrupt.", flush=True)
            say(number, "", 6)
            print("Journal file is corrupt.", flush=True)
            sys.exit(1)
        priority, _, message = line.partition(" ")
        say(number, message, priority)
    time.sleep(0.05)
"""


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file an unit, which a program in journalctl's place prints as the journal's JSON."""
    folder = tmp_path / "journal"
    (tmp_path / "bin").mkdir()
    folder.mkdir()
    fake = tmp_path / "bin" / "journalctl"
    calls = str(tmp_path / "calls")
    fake.write_text(FAKE.format(python=sys.executable, calls=calls, folder=str(folder)))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return folder


def journals(patience: float = 0.3) -> LookingSource:
    seen = Journal(ErrorLines(), ("_SYSTEMD_UNIT=shop@${port}.service",))
    signal = WatchedSignal("journal", Measure.ERRORS, seen, every=OFTEN, limit=timedelta(seconds=10))
    return journal_source(signal, seen, both(arm("new", 8002), arm("old", 8001)), patience)


def test_the_journal_of_each_arm_is_followed_and_goes_on_where_it_broke_off(journal: Path) -> None:
    new = journal / "shop@8002.service"
    with watching(journals()) as watcher:
        watcher.until(lambda: len(watcher.of("errors")) >= 2)
        write(new, "6 hello", "3 payment 9 failed", "2 out of stock", "4 slow")
        watcher.until(lambda: watcher.counted("shop-new") == (4, 2))
        watcher.until(lambda: watcher.of("fingerprint"))
        assert [one.detail for one in watcher.of("fingerprint")] == ["out of stock"]
        write(new, "die", "3 out of stock")
        watcher.until(lambda: watcher.of("unknown", "shop-new"))
        assert watcher.of("unknown")[0].detail == "journalctl ended: Journal file is corrupt."
        watcher.until(lambda: watcher.counted("shop-new")[1] == 3)
        assert watcher.counted("shop-old") == (0, 0)
    calls = (journal.parent / "calls").read_text().splitlines()
    pids = [int(call[1:].partition(",")[0]) for call in calls]
    assert sum("--after-cursor" in call and "8002" in call for call in calls) == 1
    assert not any(runs(pid) for pid in pids)


def test_without_journalctl_the_journal_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with watching(journals()) as watcher:
        watcher.until(lambda: len(watcher.of("unknown")) == 2)
        assert "`journalctl` is not on this machine" in watcher.seen[0].detail


def test_a_flood_in_the_journal_waits_in_the_journal(journal: Path) -> None:
    (journal / "shop@8002.service").write_text("3 no stock 17\n" * 100_000)
    with watching(journals()) as watcher:
        watcher.until(lambda: watcher.counted("shop-new")[0] > 0)
        assert max(one.total for one in watcher.of("errors")) <= MOST_LINES
        assert all(one.total == one.bad for one in watcher.of("errors"))

"""Lines of logs: which are errors, what kind of error, and how a stream becomes lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.adapters.signals.lines.classify import Classifier
from lastgood.adapters.signals.lines.journal import follow_command, read_entry
from lastgood.adapters.signals.lines.kinds import MOST_KINDS, NewKinds, kind_of
from lastgood.adapters.signals.lines.splitting import MOST_LINE_BYTES, Splitter
from lastgood.domain.watching import ErrorLines

PLAIN = Classifier(ErrorLines())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"2026-01-01 10:00:00 ERROR no stock", "2026-01-01 10:00:00 ERROR no stock"),
        (b"[INFO] all is well, ERROR is only a word here", None),
        (b"errors: 0", None),
        (b"127.0.0.1 GET /error 200", None),
        (b"Traceback (most recent call last):", "Traceback (most recent call last):"),
        (b"panic: runtime error", "panic: runtime error"),
        (b'{"level": "error", "msg": "no stock"}', "no stock"),
        (b'{"level": "ERROR", "message": "no stock"}', "no stock"),
        (b'{"level": "info", "msg": "ERROR"}', None),
        (b'{"level": 50, "msg": "no stock"}', "no stock"),
        (b'{"level": 30, "msg": "well"}', None),
        (b'{"level": null, "msg": "x"}', None),
        (b'{"level": true, "msg": "x"}', None),
        (b'{"level": "error"', None),
        (b"{" * 5000, None),
        (b"[" * 50_000, None),
        (bytes(range(256)), None),
        (b"", None),
    ],
)
def test_a_line_is_an_error_by_its_level(line: bytes, said: str | None) -> None:
    assert PLAIN.error_in(line) == said


def test_patterns_and_fields_can_be_chosen() -> None:
    chosen = Classifier(ErrorLines((r"declined",), "log.level", "warning"))
    assert chosen.error_in(b"payment declined") == "payment declined"
    assert chosen.error_in(b"ERROR of another kind") is None
    assert chosen.error_in(b'{"log": {"level": "warn"}, "message": "slow"}') == "slow"
    assert chosen.error_in(b'{"log.level": "warn", "message": "slow"}') == "slow"
    assert chosen.error_in(b'{"log": "x", "message": "payment declined"}') == "payment declined"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ERROR order 17 failed after 3.2s", "ERROR order 9000 failed after 11s"),
        ("2026-01-01T10:00:00.123Z ERROR x", "2027-12-31T23:59:59.999Z ERROR x"),
        ("ERROR user 'ada' unknown", "ERROR user 'grace hopper' unknown"),
        ("ERROR at 0xdeadbeef", "ERROR at 0x1234"),
        ("ERROR in /srv/app/a.py", "ERROR in /opt/other/b.py"),
        ("ERROR id 123e4567-e89b-12d3-a456-426614174000", "ERROR id 00000000-e89b-12d3-a456-426614174999"),
        ("ERROR commit 1a2b3c4d5e", "ERROR commit ffee99887a"),
        ("ERROR mail ada@example.org", "ERROR mail bob@example.com"),
        ("ERROR   x", "ERROR x"),
    ],
)
def test_the_same_fault_is_of_one_kind_whatever_changes_in_its_line(one: str, other: str) -> None:
    assert kind_of(one) == kind_of(other)


def test_other_faults_are_of_other_kinds() -> None:
    kinds = {
        kind_of(text) for text in ("ERROR no stock", "ERROR no money", "KeyError: total", "ValueError: total")
    }
    assert len(kinds) == 4


@given(st.text())
def test_any_text_has_a_kind_and_its_kind_is_short(text: str) -> None:
    assert len(kind_of(text)) <= 200


def test_a_kind_is_new_only_when_the_old_release_does_not_log_it_too() -> None:
    kinds = NewKinds(patience_seconds=0)
    kinds.old("known")
    for kind in ("known", "new", "new", "both"):
        kinds.new(kind)
    kinds.old("both")
    assert kinds.told() == {"new": 2}
    kinds.new("new")
    assert kinds.told() == {}


def test_memory_for_kinds_is_bounded_and_then_nothing_is_called_new() -> None:
    kinds = NewKinds(patience_seconds=0)
    for number in range(MOST_KINDS + 1000):
        kinds.old(f"old {number}")
    assert len(kinds.known) == MOST_KINDS
    for number in range(MOST_KINDS + 1000):
        kinds.new(f"old {number}")
    assert kinds.told() == {}


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"") or b"x")), st.integers(1, 9))
def test_lines_are_the_same_however_the_stream_is_cut(lines: list[bytes], size: int) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"not whole"
    splitter = Splitter()
    told = [
        line for start in range(0, len(stream), size) for line in splitter.lines(stream[start : start + size])
    ]
    assert told == [line for line in lines if line.strip()]


def test_a_line_without_an_end_is_cut_and_the_next_is_whole_again() -> None:
    splitter = Splitter()
    told: list[bytes] = []
    for _ in range(40):
        told += splitter.lines(b"x" * 10_000)
    told += splitter.lines(b"the rest\nERROR next\n")
    assert [len(line) for line in told[:-1]] == [MOST_LINE_BYTES] and told[-1] == b"ERROR next"


# --- entries of the journal, as journalctl 252 prints them -------------------------------------------------


def entry(**fields: object) -> bytes:
    return json.dumps({"__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1764000000000000", **fields}).encode()


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (entry(MESSAGE="no stock", PRIORITY="3"), ("no stock", 4, "s=1;i=2")),
        (entry(MESSAGE="hello", PRIORITY="6"), ("hello", 1, "s=1;i=2")),
        (entry(MESSAGE=[104, 105, 255], PRIORITY="0"), ("hi\ufffd", 5, "s=1;i=2")),
        (entry(MESSAGE=["one", "two"]), ("one two", None, "s=1;i=2")),
        (entry(MESSAGE=None, PRIORITY="4"), ("", 3, "s=1;i=2")),
        (entry(PRIORITY=["3", "4"]), ("", None, "s=1;i=2")),
        (b"Failed to open files.", None),
        (b"{}", None),
        (b"[1]", None),
        (b"[" * 50_000, None),
        (b"", None),
    ],
)
def test_an_entry_of_the_journal(line: bytes, read: object) -> None:
    assert read_entry(line) == read


def test_journalctl_goes_on_at_its_cursor() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    begins = follow_command(("_SYSTEMD_UNIT=shop.service",), since, "", None)
    assert begins[-3:] == ("--since", "@1767225600", "_SYSTEMD_UNIT=shop.service")
    assert "--follow" in begins and "--output=json" in begins
    again = follow_command(("A=b",), since, "s=1;i=2", Path("/j"))
    assert again[-3:] == ("--after-cursor", "s=1;i=2", "A=b") and again[5:7] == ("--directory", "/j")

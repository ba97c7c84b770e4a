"""The ledger in one SQLite file: append-only, hash-chained, several processes at once.

ActionFailed   the file is damaged, the chain is broken, or it cannot be opened
└── DiskFull   nothing was recorded
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from lastgood.domain.codec import dumps, to_json
from lastgood.domain.errors import ActionFailed, DiskFull
from lastgood.ports.clock import Clock
from lastgood.ports.ledger import Entry
from lastgood.records.files import percent_encoded

BEFORE_THE_FIRST = "0" * 64
WRITE_LIMIT = timedelta(seconds=30)
"""How long an append waits for others that append."""

_PAGE = 500
_COLUMNS = "sequence, at, kind, body, key, previous, hash"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  sequence INTEGER PRIMARY KEY,
  at       TEXT NOT NULL,
  kind     TEXT NOT NULL,
  body     TEXT NOT NULL,
  key      TEXT NOT NULL UNIQUE,
  previous TEXT NOT NULL,
  hash     TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS entries_never_change BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_never_leave BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class SqliteLedger:
    """The file is made by the first append; reading a ledger that is not there gives nothing."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def append(self, kind: str, body: Mapping[str, object], key: str) -> Entry:
        with self._writing() as connection:
            known = connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE key = ?", (key,)).fetchone()
            if known is not None:
                return _entry(known)
            last = connection.execute(
                f"SELECT {_COLUMNS} FROM entries ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            entry = _next(_entry(last) if last else None, self._clock.now(), kind, body, key)
            connection.execute(f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", _row(entry))
            return entry

    def entries(self, after: int = 0) -> Iterator[Entry]:
        # Page by page: a cursor left open would keep every writer waiting, the reader's own append too.
        while page := self._page(after):
            yield from page
            after = page[-1].sequence

    def prove(self) -> int:
        previous, count = BEFORE_THE_FIRST, 0
        for entry in self.entries():
            count += 1
            if entry.sequence != count:
                raise _broken(self._file, count, f"is missing (the next one is {entry.sequence})")
            if entry.previous != previous:
                raise _broken(self._file, count, "does not follow the one before it")
            if entry.hash != _hash(entry):
                raise _broken(self._file, count, f"({entry.kind}, {entry.at.isoformat()}) was changed")
            previous = entry.hash
        return count

    def last(self) -> Entry | None:
        if not self._file.exists():
            return None
        with self._translating(), closing(_connect(self._file, "rw")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
                return None
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM entries ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            return _entry(row) if row else None

    def copy_to(self, file: Path) -> Entry | None:
        aside = file.with_name(f".{file.name}.part")
        with self._translating():
            file.parent.mkdir(parents=True, exist_ok=True)
            aside.unlink(missing_ok=True)
            with closing(_connect(aside, "rwc")) as target:
                if self._file.exists():
                    with closing(_connect(self._file, "rw")) as source:
                        source.backup(target)
                else:
                    target.executescript(_SCHEMA)
            aside.replace(file)
        return SqliteLedger(file, self._clock).last()

    def _page(self, after: int) -> list[Entry]:
        if not self._file.exists():
            return []
        with self._translating(), closing(_connect(self._file, "rw")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
                return []
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, _PAGE)
            ).fetchall()
            return [_entry(row) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._translating():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(_connect(self._file, "rwc")) as connection:
                if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
                    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
                connection.execute("BEGIN IMMEDIATE")
                yield connection  # closing without COMMIT takes everything back
                connection.execute("COMMIT")

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _not_opened(self._file, error) from error
        except (sqlite3.DatabaseError, ValueError) as error:
            raise _damaged(self._file, str(error)) from error
        except OSError as error:
            raise _not_opened(self._file, error) from error


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    """Never `mode=ro`: a reader must be able to roll back what a killed writer left behind."""
    connection = sqlite3.connect(
        f"file:{percent_encoded(str(file), safe='/')}?mode={mode}",
        uri=True,
        timeout=WRITE_LIMIT.total_seconds(),
        isolation_level=None,
    )
    # EXTRA, not FULL: with FULL a power loss can bring the journal's name back and undo the last commit.
    connection.execute("PRAGMA synchronous = EXTRA")
    return connection


def _next(last: Entry | None, now: datetime, kind: str, body: Mapping[str, object], key: str) -> Entry:
    """A clock that was set back does not take the record back: time stands still until it has caught up."""
    unsigned = Entry(
        sequence=last.sequence + 1 if last else 1,
        at=max(now, last.at) if last else now,
        kind=kind,
        body=to_json(body),
        key=key,
        previous=last.hash if last else BEFORE_THE_FIRST,
        hash="",
    )
    return Entry(unsigned.sequence, unsigned.at, kind, unsigned.body, key, unsigned.previous, _hash(unsigned))


def _hash(entry: Entry) -> str:
    content = to_json(entry)
    del content["hash"]
    return hashlib.sha256(dumps(content).encode()).hexdigest()


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.sequence,
        to_json(entry.at),
        entry.kind,
        dumps(entry.body),
        entry.key,
        entry.previous,
        entry.hash,
    )


def _entry(row: tuple[int, str, str, str, str, str, str]) -> Entry:
    sequence, at, kind, body, key, previous, hashed = row
    return Entry(sequence, datetime.fromisoformat(at), kind, json.loads(body), key, previous, hashed)


def _broken(file: Path, sequence: int, how: str) -> ActionFailed:
    return ActionFailed(
        f"Entry {sequence} of the ledger {file} {how}.",
        "The record can no longer be trusted from there on; what it protects was not touched.",
        "Keep this file as evidence and bring the ledger back from the newest capsule.",
    )


def _damaged(file: Path, problem: str) -> ActionFailed:
    return ActionFailed(
        f"The ledger {file} is damaged ({problem}).",
        "What was recorded in it cannot be read; nothing else was touched.",
        "Keep this file as evidence and bring the ledger back from the newest capsule.",
    )


def _not_opened(file: Path, error: Exception) -> ActionFailed:
    text = str(error)
    if "full" in text or getattr(error, "errno", None) == 28:
        return DiskFull(
            f"There is no room to write the ledger {file}.",
            "Nothing was recorded; what was there before is untouched.",
            "Free some room on that disk and run the command again.",
        )
    if "malformed" in text or "not a database" in text:
        return _damaged(file, text)
    return ActionFailed(
        f"The ledger {file} cannot be opened ({text}).",
        "Nothing was recorded.",
        f"See that this user may read and write {file} and its folder, and that no other program holds it.",
    )

"""What a rewind would take back: the live database compared with a copy, row by row."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.stores.sqlite.database import Table, copy_uri, open_live, quoted, tables
from lastgood.domain.point import Stake

ROW_LIMIT = 2_000_000  # a larger table is only counted
TIME_LIMIT = timedelta(seconds=60)  # for all tables together; those left then are only counted
_INSTRUCTIONS_BETWEEN_LOOKS = 100_000


@dataclass(frozen=True, slots=True)
class _Difference:
    added: int
    changed_or_removed: int
    exact: bool = True


def stake_between(
    store: str, live: Path, copy: Path, row_limit: int = ROW_LIMIT, time_limit: timedelta = TIME_LIMIT
) -> Stake:
    """Rows by table that are new in `live`, and that are other or gone there than in `copy`.

    Rows are matched by primary key, else by rowid, and compared in the columns that both have. Rows of a
    table that only one side has count as added or removed. Raises sqlite3.Error."""
    with closing(open_live(live)) as connection:
        connection.execute("ATTACH ? AS since", (copy_uri(copy),))
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")  # one reading of the live side for all tables
        now, before = tables(connection, "main"), tables(connection, "since")
        ends_at = time.monotonic() + time_limit.total_seconds()
        found = {
            name: _difference(connection, now.get(name), before.get(name), row_limit, ends_at)
            for name in sorted(now.keys() | before.keys())
        }
    return Stake(
        store,
        {name: seen.added for name, seen in found.items() if seen.added},
        {name: seen.changed_or_removed for name, seen in found.items() if seen.changed_or_removed},
        all(seen.exact for seen in found.values()),
    )


def _difference(
    connection: sqlite3.Connection, now: Table | None, before: Table | None, row_limit: int, ends_at: float
) -> _Difference:
    if now is None or before is None:
        return _Difference(
            _count(connection, "main", now) if now else 0,
            _count(connection, "since", before) if before else 0,
        )
    counts = _count(connection, "main", now), _count(connection, "since", before)
    key = _key(now, before)
    if key and max(counts) <= row_limit:
        connection.set_progress_handler(lambda: time.monotonic() > ends_at, _INSTRUCTIONS_BETWEEN_LOOKS)
        try:
            return _compare(connection, now, before, key)
        except sqlite3.OperationalError as error:
            if not _costs_too_much(error):
                raise
        finally:
            connection.set_progress_handler(None, 0)
    return _Difference(max(0, counts[0] - counts[1]), max(0, counts[1] - counts[0]), exact=False)


def _compare(connection: sqlite3.Connection, now: Table, before: Table, key: tuple[str, ...]) -> _Difference:
    live, copy = f"main.{quoted(now.name)} AS l", f"since.{quoted(before.name)} AS c"
    same_row = " AND ".join(f"l.{column} IS c.{column}" for column in key)
    shared = [quoted(column) for column in now.columns if column in before.columns]
    # BINARY: under NOCASE a changed capital would pass as no change
    other = " OR ".join(f"l.{column} IS NOT c.{column} COLLATE BINARY" for column in shared) or "0"

    def count(question: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {question}").fetchone()[0])

    added = count(f"{live} WHERE NOT EXISTS (SELECT 1 FROM {copy} WHERE {same_row})")
    removed = count(f"{copy} WHERE NOT EXISTS (SELECT 1 FROM {live} WHERE {same_row})")
    changed = count(f"{live} WHERE EXISTS (SELECT 1 FROM {copy} WHERE {same_row} AND ({other}))")
    return _Difference(added, changed + removed)


def _key(now: Table, before: Table) -> tuple[str, ...]:
    """What tells a row apart on both sides, as SQL; empty when nothing does."""
    for candidate in (now.key, before.key):
        if candidate and set(candidate) <= set(now.columns) & set(before.columns):
            return tuple(quoted(column) for column in candidate)
    if not (now.has_rowid and before.has_rowid):
        return ()
    taken = {column.lower() for column in now.columns + before.columns}
    return next(((name,) for name in ("rowid", "_rowid_", "oid") if name not in taken), ())


def _count(connection: sqlite3.Connection, schema: str, table: Table) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {schema}.{quoted(table.name)}").fetchone()[0])


def _costs_too_much(error: sqlite3.OperationalError) -> bool:
    """Time is up, or the application compares by a collation that only it knows."""
    return error.sqlite_errorname == "SQLITE_INTERRUPT" or "no such collation" in str(error)

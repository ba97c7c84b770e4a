"""Copying the content of one SQLite database into another by the online backup API."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.disk import copy_file, remove, sync_file, sync_folder
from lastgood.adapters.stores.sqlite.database import open_copy, open_live
from lastgood.domain.errors import StoreFailed

BUSY_LIMIT = timedelta(seconds=15)
_PAUSE_SECONDS = 0.02


def copy_aside(live: Path, target: Path, busy_limit: timedelta = BUSY_LIMIT) -> None:
    """A consistent copy of a database in use as the file `target`, which stands there whole or not at all.

    All pages go in one step: in several steps a busy writer makes SQLite begin again without end."""
    aside = target.with_name(f".{target.name}.lastgood-new")
    remove(aside)
    try:
        with closing(open_live(live)) as source, closing(sqlite3.connect(aside)) as copy:
            copy.execute("PRAGMA journal_mode=OFF")
            copy.execute("PRAGMA synchronous=OFF")
            source.backup(copy, pages=-1, progress=_within(busy_limit, live), sleep=_PAUSE_SECONDS)
        sync_file(aside)
        aside.replace(target)
        sync_folder(target.parent)
    finally:
        remove(aside)


def replace_content(live: Path, copy: Path, workspace: Path, busy_limit: timedelta = BUSY_LIMIT) -> None:
    """Make the content of a database in use that of `copy`, in one transaction: who has it open sees the
    old rows or the new, also after a kill. `workspace` has room for a second copy where page sizes differ."""
    with tempfile.TemporaryDirectory(dir=workspace, prefix=".lastgood-pages-") as folder:
        fitting = _with_page_size_of(live, copy, Path(folder))
        with closing(open_copy(fitting)) as source, closing(open_live(live)) as target:
            source.backup(target, pages=-1, progress=_within(busy_limit, live), sleep=_PAUSE_SECONDS)
            target.execute("PRAGMA wal_checkpoint(PASSIVE)")


@contextmanager
def empty_database(workspace: Path) -> Iterator[Path]:
    """A whole database without a table, gone afterwards."""
    workspace.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace, prefix=".lastgood-empty-") as folder:
        file = Path(folder) / "empty.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE void (void)")  # else no page is written at all
            connection.execute("DROP TABLE void")
        yield file


def _with_page_size_of(live: Path, copy: Path, folder: Path) -> Path:
    """The backup API writes no other page size into a database in WAL mode: rewrite the copy to fit."""
    with closing(open_live(live)) as connection:
        wanted = _page_size(connection) if live.stat().st_size else 0
    with closing(open_copy(copy)) as connection:
        if wanted in (0, _page_size(connection)):
            return copy
    fitting = folder / "fitting.db"
    copy_file(copy, fitting)
    fitting.chmod(0o600)
    with closing(sqlite3.connect(fitting, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute(f"PRAGMA page_size={wanted}")
        connection.execute("VACUUM")
    return fitting


def _page_size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])


def _within(limit: timedelta, live: Path) -> Callable[[int, int, int], None]:
    """sqlite3.Connection.backup waits for a lock without end; this ends it after `limit`."""
    ends_at = time.monotonic() + limit.total_seconds()

    def progress(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > ends_at:
            raise StoreFailed(
                f"The database {live} stayed locked for {limit.total_seconds():g} s.",
                "Nothing was changed in it.",
                "End the long transaction that holds it (a migration, a shell), then run the command again.",
            )

    return progress

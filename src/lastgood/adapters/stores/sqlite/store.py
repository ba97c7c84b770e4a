"""The store `sqlite`: copied, checked and switched while services have the file open."""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from lastgood.adapters.disk import copy_attributes, copy_file, remove, sync_folder, translated
from lastgood.adapters.keeping import Keeping
from lastgood.adapters.stores.sqlite.content import (
    BUSY_LIMIT,
    copy_aside,
    empty_database,
    replace_content,
)
from lastgood.adapters.stores.sqlite.database import (
    SIDE_FILES,
    figures,
    fingerprint,
    is_database,
    open_copy,
    open_live,
    prove_whole,
    require_complete,
)
from lastgood.adapters.stores.sqlite.stake import stake_between
from lastgood.documents.fields import DocumentPath, Strict
from lastgood.domain.errors import StoreFailed
from lastgood.domain.point import Marker, Stake
from lastgood.ports.store import StoreCapabilities

ASK_LIMIT = timedelta(seconds=10)
_INSTRUCTIONS_BETWEEN_LOOKS = 10_000
_READING_ACTIONS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_READING_PRAGMAS = {"foreign_key_check", "integrity_check", "quick_check", "user_version", "schema_version"}


class SqliteOptions(Strict):
    kind: Literal["sqlite"] = Field(description="One SQLite database file.")
    path: DocumentPath = Field(description="The database file that the services open.")


def relocate(options: SqliteOptions, folder: Path, name: str) -> SqliteOptions:
    """The same store living in FOLDER/NAME/ instead: for sandboxes, drills and a new machine."""
    return options.model_copy(update={"path": folder / name / options.path.name})


def values(options: SqliteOptions) -> dict[str, str]:
    """What documents may refer to as ${stores.NAME.path}."""
    return {"path": str(options.path)}


class SqliteStore:
    """A copy is a folder with one file, named as the database. A live file of 0 bytes is an empty
    database without anything to keep."""

    capabilities = StoreCapabilities(queries=True, switches_under_running_services=True, copies_aside=True)

    def __init__(
        self,
        name: str,
        options: SqliteOptions,
        busy_limit: timedelta = BUSY_LIMIT,
        ask_limit: timedelta = ASK_LIMIT,
    ) -> None:
        self.name = name
        self._live = options.path.resolve()  # a link is followed once: its target is what is replaced
        self._busy_limit = busy_limit
        self._ask_limit = ask_limit

    def present(self) -> bool:
        return self._live.is_file() and self._live.stat().st_size > 0

    def copy_to(self, folder: Path) -> Marker:
        with translated(StoreFailed, f"the copy of the store {self.name}", folder):
            if not self.present():
                raise self._absent()
            folder.mkdir(parents=True, exist_ok=True)
            copy = folder / self._live.name
            copy_aside(self._live, copy, self._busy_limit)
            with closing(open_copy(copy)) as connection:
                return self._marker(copy, figures(connection))

    def check(self, folder: Path) -> Marker:
        with translated(StoreFailed, f"the check of a copy of the store {self.name}", folder):
            copy = self._copy_in(folder)
            return self._marker(copy, dict(prove_whole(copy)))

    def switch_in(self, folder: Path, keep_as: Path) -> None:
        with translated(StoreFailed, f"switching the store {self.name}", self._live), ExitStack() as stack:
            copy = self._copy_in(folder)
            if self.kept_whole(folder) and not any(folder.iterdir()):
                # kept where nothing was live: undoing that leaves no row to those who have it open
                copy = stack.enter_context(empty_database(keep_as.parent))
            require_complete(copy)
            keeping = Keeping(keep_as)
            if not keeping.whole:
                self._keep(keeping)
            if keeping.facts()["readable"]:
                replace_content(self._live, copy, keep_as.parent, self._busy_limit)
            else:
                self._place(copy)

    def kept_whole(self, keep_as: Path) -> bool:
        return Keeping(keep_as).whole

    def stake(self, since: Path) -> Stake:
        with translated(StoreFailed, f"comparing the store {self.name} with a copy", since):
            copy = self._copy_in(since)
            require_complete(copy)
            if not self.present():
                return Stake(self.name, {}, {})
            return stake_between(self.name, self._live, copy)

    def ask(self, query: str) -> str:
        with translated(StoreFailed, f"a query of the store {self.name}", self._live):
            if not self.present():
                raise self._absent()
            ends_at = time.monotonic() + self._ask_limit.total_seconds()
            with closing(open_live(self._live)) as connection:
                connection.execute("PRAGMA query_only=ON")
                connection.set_authorizer(_only_reading)
                connection.set_progress_handler(
                    lambda: time.monotonic() > ends_at, _INSTRUCTIONS_BETWEEN_LOOKS
                )
                return _single_value(connection.execute(query).fetchmany(2), query)

    def live_folder(self) -> Path:
        return self._live.parent

    def _keep(self, keeping: Keeping) -> None:
        """Keep what is live: by an online copy, or file by file where no consistent reading is possible."""
        keeping.begin()
        keeping.folder.mkdir(parents=True, exist_ok=True)
        if self._live.is_file() and not self._live.stat().st_size:
            keeping.note(whole=True, readable=True)
            return
        try:
            if is_database(self._live):
                copy_aside(self._live, keeping.folder / self._live.name, self._busy_limit)
                keeping.note(whole=True, readable=True)
                return
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
        for file in self._files():
            remove(keeping.folder / file.name)
            copy_file(file, keeping.folder / file.name)
        sync_folder(keeping.folder)
        keeping.note(whole=True, readable=False)

    def _place(self, copy: Path) -> None:
        """Put the copy where nothing readable stands. Its services must be started anew to see it."""
        self._live.parent.mkdir(parents=True, exist_ok=True)
        aside = self._live.with_name(f".{self._live.name}.lastgood-new")
        remove(aside)
        copy_file(copy, aside)
        if self._live.is_file():
            copy_attributes(self._live.stat(), aside)
        # first the side files: SQLite would play a stale journal or WAL into the new database
        for file in self._files():
            if file != self._live:
                file.unlink()
        sync_folder(self._live.parent)
        aside.replace(self._live)
        sync_folder(self._live.parent)

    def _files(self) -> list[Path]:
        names = (self._live.name, *(self._live.name + suffix for suffix in SIDE_FILES))
        return [file for file in map(self._live.with_name, names) if file.is_file()]

    def _copy_in(self, folder: Path) -> Path:
        """The database file of a copy; under another name when the store's path was changed since."""
        copy = folder / self._live.name
        if copy.is_file() or not folder.is_dir():
            return copy
        others = [file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")]
        return others[0] if len(others) == 1 else copy

    def _marker(self, copy: Path, counted: dict[str, int]) -> Marker:
        return Marker(self.name, datetime.now(UTC), counted, fingerprint(copy))

    def _absent(self) -> StoreFailed:
        return StoreFailed(
            f"The store {self.name} has no data: {self._live} is missing or empty.",
            "Nothing was changed.",
            "Start its service once so that it makes the database, or restore one with `lastgood restore`.",
        )


def _only_reading(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    allowed = action in _READING_ACTIONS and second != "load_extension"
    asks_pragma = action == sqlite3.SQLITE_PRAGMA and first in _READING_PRAGMAS and second is None
    return sqlite3.SQLITE_OK if allowed or asks_pragma else sqlite3.SQLITE_DENY


def _single_value(rows: list[tuple[object, ...]], query: str) -> str:
    if len(rows) == 1 and len(rows[0]) == 1:
        value = rows[0][0]
        return value.hex() if isinstance(value, bytes) else str(value)
    raise StoreFailed(
        f"The query {query!r} does not give a single value ({len(rows) or 'no'} rows).",
        "What it should tell is unknown.",
        "Write a query that gives one row with one column, like SELECT count(*) FROM orders.",
    )

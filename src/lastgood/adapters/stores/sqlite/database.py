"""Reading a SQLite file: how it is opened, which tables it has, what is in them, whether it is whole."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as quote_path

from lastgood.domain.errors import StoreFailed

BUSY_SECONDS = 1.0  # SQLite's own wait for a lock; longer waits are counted by the caller
SIDE_FILES = ("-wal", "-shm", "-journal")
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
# https://www.sqlite.org/fileformat.html: read/write version, change counter, schema cookie,
# version-valid-for and library version differ between equal databases
_CHANGING = ((18, 20), (24, 28), (40, 44), (92, 100))
_PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Table:
    """`key` are the columns of the primary key, empty where only the rowid tells rows apart."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    has_rowid: bool


def open_live(file: Path) -> sqlite3.Connection:
    """The live database. Opened for writing, since reading after a crash first rolls a journal back."""
    return _open(file, "mode=rw")


def open_copy(file: Path) -> sqlite3.Connection:
    """A copy that nobody writes: no locks, and no side files are made beside it."""
    return _open(file, "mode=ro&immutable=1")


def copy_uri(file: Path) -> str:
    return f"file:{quote_path(str(file))}?mode=ro&immutable=1"


def quoted(name: str) -> str:
    """A name as SQL, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def tables(connection: sqlite3.Connection, schema: str = "main") -> dict[str, Table]:
    """The tables that hold rows of the application, by name.

    Views, SQLite's own tables and virtual tables are left out; of a virtual table the rows count through
    its shadow table `..._content` (full-text search) where it has one."""
    found = connection.execute(
        "SELECT name, wr FROM pragma_table_list WHERE schema = ? AND substr(name, 1, 7) <> 'sqlite_'"
        " AND (type = 'table' OR (type = 'shadow' AND name LIKE '%\\_content' ESCAPE '\\')) ORDER BY name",
        (schema,),
    ).fetchall()
    return {name: _table(connection, schema, name, not without_rowid) for name, without_rowid in found}


def figures(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows a table; and, only where there are some, `foreign key violations` (a foreign key that no row
    can meet, because its parent is no key, counts as one)."""
    counted = {
        name: int(connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0])
        for name in tables(connection)
    }
    violations = sum(_violations(connection, name) for name in counted)
    return counted | ({"foreign key violations": violations} if violations else {})


def prove_whole(file: Path) -> Mapping[str, int]:
    """Read every page of a copy; its figures. Raises StoreFailed, or sqlite3.Error, when it is not whole."""
    require_complete(file)
    connection = open_copy(file)
    try:
        said = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_PROBLEMS_SHOWN})")]
        if said != ["ok"]:
            raise _not_whole(file, "; ".join(said))
        return figures(connection)
    finally:
        connection.close()


def require_complete(file: Path) -> None:
    """Look at header and length only. Raises StoreFailed for what is no database or was cut short."""
    if not is_database(file):
        raise _not_whole(file, "it is missing, empty or no SQLite database")
    with file.open("rb") as stream:
        header = stream.read(_HEADER_BYTES)
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65_536 if page_bytes == 1 else page_bytes
    expected = int.from_bytes(header[28:32], "big") * page_bytes
    if file.stat().st_size != expected:
        raise _not_whole(file, f"it has {file.stat().st_size} bytes, its header says {expected}")


def is_database(file: Path) -> bool:
    """Whether the file begins as a SQLite database does."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def fingerprint(file: Path) -> str:
    """SHA-256 over all pages of a copy, header fields that change without content set to zero: equal for
    a copy, what a vault gives back of it, and a copy of the live database right after it was switched in
    (when both have the same page size)."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        header = bytearray(stream.read(_HEADER_BYTES))
        for begin, end in _CHANGING:
            header[begin:end] = bytes(end - begin)
        digest.update(header)
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _violations(connection: sqlite3.Connection, table: str) -> int:
    try:
        return sum(1 for _ in connection.execute(f"PRAGMA foreign_key_check({quoted(table)})"))
    except sqlite3.OperationalError as error:
        if "foreign key mismatch" in str(error):
            return 1
        raise


def _open(file: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote_path(str(file))}?{how}", uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )


def _table(connection: sqlite3.Connection, schema: str, name: str, has_rowid: bool) -> Table:
    rows = connection.execute(
        "SELECT name, pk FROM pragma_table_info(?, ?) ORDER BY cid", (name, schema)
    ).fetchall()
    key = tuple(column for column, place in sorted(rows, key=lambda row: row[1]) if place)
    return Table(name, tuple(column for column, _ in rows), key, has_rowid)


def _not_whole(file: Path, why: str) -> StoreFailed:
    return StoreFailed(
        f"The copy {file} is not whole: {why}.",
        "It cannot be used to restore from, and was not used.",
        "Use another backup; `lastgood points` lists them.",
    )

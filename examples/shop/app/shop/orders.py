"""Orders in one SQLite file.

All work on the file is done by one thread with one connection. Orders that arrive while a commit is under way
share the next one, so that a durable order costs a fraction of a commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from shop.extra_fields import EXTRA_FIELDS
from shop.migrations import migrate

LOCK_LIMIT_SECONDS = 5  # while another release or a restore holds the file
LET_IN_SECONDS = 0.003  # between two commits: SQLite's lock has no queue, and the other release would starve

_COLUMNS = ("item", "quantity", "price", "total", "placed_at", *EXTRA_FIELDS)
_INSERT = f"INSERT INTO orders ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' for _ in _COLUMNS)})"
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM orders"

Order = dict[str, object]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class NewOrder:
    item: str
    quantity: int
    price: int  # cents a piece
    extra: dict[str, str]


class OrderBook:
    """Every method raises sqlite3.Error when the file cannot be used."""

    def __init__(self, path: Path, total: Callable[[int, int], int]) -> None:
        self._total = total
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="orders")
        self._connection = self._thread.submit(_open, path).result()
        self._waiting: list[tuple[NewOrder, asyncio.Future[Order]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def place(self, new: NewOrder) -> Order:
        """Returns when the order is on disk."""
        placed: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        self._waiting.append((new, placed))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_waiting())
        return await placed

    async def find(self, number: int) -> Order | None:
        rows = await self._in_thread(lambda: self._read(f"{_SELECT} WHERE id = ?", number))
        return rows[0] if rows else None

    async def latest(self, limit: int) -> list[Order]:
        return await self._in_thread(lambda: self._read(f"{_SELECT} ORDER BY id DESC LIMIT ?", limit))

    async def check(self) -> None:
        """Prove that the file can be read and written."""
        await self._in_thread(self._read_and_lock)

    async def close(self) -> None:
        await self._in_thread(self._connection.close)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _commit_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                orders = await self._in_thread(partial(self._insert, [new for new, _ in batch]))
            except sqlite3.Error as error:
                for _, placed in batch:
                    if not placed.done():
                        placed.set_exception(error)
            else:
                for (_, placed), order in zip(batch, orders, strict=True):
                    if not placed.done():
                        placed.set_result(order)
            await asyncio.sleep(LET_IN_SECONDS)

    def _insert(self, batch: list[NewOrder]) -> list[Order]:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        orders: list[Order] = []
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for new in batch:
                total = self._total(new.quantity, new.price)
                values = (new.item, new.quantity, new.price, total, now, *new.extra.values())
                number = self._connection.execute(_INSERT, values).lastrowid
                orders.append({"id": number, **dict(zip(_COLUMNS, values, strict=True))})
        return orders

    def _read(self, query: str, value: int) -> list[Order]:
        with closing(self._connection.execute(query, (value,))) as rows:
            return [dict(row) for row in rows]

    def _read_and_lock(self) -> None:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._read(f"{_SELECT} LIMIT ?", 1)


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=LOCK_LIMIT_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    # No WAL: two releases write the file during a canary, and before SQLite 3.51.3 two writers that also
    # checkpoint can corrupt it.
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = FULL")
    migrate(connection)
    return connection

"""Load: requests at a steady rate against one address; for demo, benchmarks and rehearsals.

Open loop: request number n is due at n / rate, whether or not the ones before it were answered, and its
latency counts from then; a server that stalls cannot hide it by slowing the load. One thread, raw sockets,
kept-alive connections: 1,000 requests/s take a fraction of one core. Nothing is ever sent twice.
"""

from __future__ import annotations

import errno
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from lastgood.adapters.load_answer import Call, Head, read_head, request_bytes, whole

_TICK_SECONDS = 0.002
_LOOK_FOR_SILENCE_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request; times are those of `time.monotonic()`. `status` is 0 when there was no
    whole answer, and `fault` says why. `release` is the value of the release header, "" without one."""

    number: int
    due_at: float
    sent_at: float
    ended_at: float
    status: int
    release: str
    fault: str

    @property
    def seconds(self) -> float:
        """From when it was due to the last byte of its answer."""
        return self.ended_at - self.due_at

    @property
    def failed(self) -> bool:
        return self.status == 0 or self.status >= 500


class _Connection:
    """One kept-alive connection and the request that is on it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.refused = self.socket.connect_ex((host, port)) not in (0, errno.EINPROGRESS)
        self.received = bytearray()
        self.to_send = b""
        self.watched = selectors.EVENT_READ
        self.head: Head | None = None
        self.number = -1  # of the request on it; -1: idle
        self.due_at = self.sent_at = 0.0

    def take(self, number: int, due_at: float, data: bytes) -> None:
        self.number, self.due_at, self.sent_at = number, due_at, time.monotonic()
        self.to_send, self.head = data, None
        self.received.clear()


class Load:
    """Use as a context manager: it ends when the block is left, when `at_most` requests were sent or after
    `longest`; requests that are out then still get `answer_limit`.

    `call` makes request number n (0, 1, ...). `connections` bounds how many requests are out at once; more
    wait for their turn, and their latency counts the wait.
    """

    def __init__(
        self,
        host: str,
        port: int,
        per_second: float,
        *,
        call: Callable[[int], Call] = lambda number: Call(body=b'{"number":%d}' % number),
        release_header: str = "X-Release",
        at_most: int = 1_000_000,
        longest: timedelta = timedelta(minutes=10),
        answer_limit: timedelta = timedelta(seconds=30),
        connections: int = 2000,
    ) -> None:
        self._host, self._port, self._per_second, self._call = host, port, per_second, call
        self._release_header = release_header.lower()
        self._at_most = at_most
        self._longest_seconds = longest.total_seconds()
        self._answer_limit_seconds = answer_limit.total_seconds()
        self._connections = connections
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._selector = selectors.DefaultSelector()
        self._idle: deque[_Connection] = deque()
        self._open: set[_Connection] = set()
        self._out = 0
        self._answers: list[Answer] = []
        self.processor_seconds = 0.0  # what the generator's thread itself used; known after the end

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and return when what is out was answered or timed out."""
        self._stopping.set()
        self._thread.join()

    def join(self) -> None:
        """Wait until `at_most` or `longest` has ended it."""
        self._thread.join()

    @property
    def answers(self) -> tuple[Answer, ...]:
        """So far, in the order in which they ended."""
        return tuple(self._answers)

    def _run(self) -> None:
        began_at = time.monotonic()
        sent = 0
        looked_at = began_at
        while True:
            now = time.monotonic()
            due = min(int((now - began_at) * self._per_second) + 1, self._at_most)
            ending = self._stopping.is_set() or now - began_at > self._longest_seconds
            while not ending and sent < due and self._out < self._connections:
                self._send(sent, began_at + sent / self._per_second)
                sent += 1
            if self._out == 0 and (ending or sent >= self._at_most):
                break
            for key, events in self._selector.select(_TICK_SECONDS):
                self._advance(key.data, events)
            if now - looked_at > _LOOK_FOR_SILENCE_EVERY_SECONDS:
                looked_at = now
                self._end_silent(now)
        for connection in tuple(self._open):
            self._close(connection)
        self._selector.close()
        self.processor_seconds = time.thread_time()

    def _send(self, number: int, due_at: float) -> None:
        connection = self._idle.popleft() if self._idle else self._connect()
        connection.take(number, due_at, request_bytes(self._call(number), f"{self._host}:{self._port}"))
        self._out += 1
        if connection.refused:
            self._end(connection, "connection refused")
        else:
            self._write(connection)

    def _connect(self) -> _Connection:
        connection = _Connection(self._host, self._port)
        self._open.add(connection)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        return connection

    def _write(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.to_send)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._end(connection, error.strerror or "send failed")
            return
        connection.to_send = connection.to_send[sent:]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.to_send else 0)
        if wanted != connection.watched:
            connection.watched = wanted
            self._selector.modify(connection.socket, wanted, connection)

    def _advance(self, connection: _Connection, events: int) -> None:
        if connection not in self._open:
            return
        if events & selectors.EVENT_WRITE and connection.to_send:
            self._write(connection)
        if events & selectors.EVENT_READ and connection in self._open:
            self._read(connection)

    def _read(self, connection: _Connection) -> None:
        try:
            part = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(connection, error.strerror or "receive failed")
            return
        if connection.number < 0:  # the other side ended an idle connection (or spoke without being asked)
            self._close(connection)
            return
        connection.received += part
        try:
            head = connection.head = connection.head or read_head(connection.received)
            ended = head is not None and (whole(connection.received, head) or (head.until_close and not part))
        except ValueError as error:
            self._end(connection, str(error))
            return
        if head is not None and ended:
            self._end(connection, "")
        elif not part:
            self._end(connection, "closed before the answer was whole")

    def _end(self, connection: _Connection, fault: str) -> None:
        if connection.number >= 0:
            head = connection.head if not fault else None
            self._answers.append(
                Answer(
                    number=connection.number,
                    due_at=connection.due_at,
                    sent_at=connection.sent_at,
                    ended_at=time.monotonic(),
                    status=head.status if head else 0,
                    release=head.headers.get(self._release_header, "") if head else "",
                    fault=fault,
                )
            )
            self._out -= 1
            connection.number = -1
        if fault or connection.head is None or connection.head.closes:
            self._close(connection)
        else:
            self._idle.append(connection)

    def _end_silent(self, now: float) -> None:
        for connection in tuple(self._open):
            if connection.number >= 0 and now - connection.sent_at > self._answer_limit_seconds:
                self._end(connection, f"no answer within {self._answer_limit_seconds:g} s")

    def _close(self, connection: _Connection) -> None:
        if connection in self._open:
            self._open.discard(connection)
            self._selector.unregister(connection.socket)
            connection.socket.close()
        if connection in self._idle:
            self._idle.remove(connection)

"""HAProxyOutcomes: each request's outcome and latency, from the proxy's own log.

The lines are streamed from a ring of the proxy's (`show events`): 4 MB, some 30,000 requests, wait there
while this process is busy, where a datagram socket holds as few as ten (net.unix.max_dgram_qlen).
The server's name in a line is the instance id.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lastgood.domain.errors import TrafficFailed
from lastgood.domain.signal import Reading

RECONNECT_EVERY = timedelta(milliseconds=50)
SETTLED_AFTER = timedelta(milliseconds=500)
_NOT_INSTANCES = ("lastgood-decoy", "<NOSRV>")
_LATENCIES_KEPT = 100_000  # an instance, between two readings; more are counted but not listed


@dataclass(slots=True)
class _Tally:
    total: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    latencies_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """One finished request. `bad` names what was wrong with the answer ("status 500", "broken answer"), or
    is empty. `given_up` tells that the client left before there was an answer: no outcome of the server's."""

    instance_id: str
    bad: str
    given_up: bool
    latency_seconds: float


def read_line(text: bytes) -> Line | None:
    """A log line as the frontend's log-format writes it; None for requests that reached no instance.

    The latency is the time from the connection to the instance until its headers were there: it holds
    neither a hold nor the transfer to a slow client. Where there were none, it is the time spent waiting.
    `ends` is HAProxy's termination state (management manual, 8.5): C and c are the client's abort and time
    limit, S and s the server's.
    """
    values = json.loads(text)
    if values["server"] in _NOT_INSTANCES:
        return None
    answered = values["answer_ms"] >= 0
    waited_ms = values["answer_ms"] if answered else values["active_ms"] - max(0, values["connect_ms"])
    given_up = values["ends"][0] in "Cc" and not answered
    bad = ""
    if not given_up and values["ends"][0] in "Ss":
        bad = "broken answer" if values["ends"][0] == "S" else "time limit"
    elif not given_up and values["status"] >= 500:
        bad = f"status {values['status']}"
    return Line(values["server"], bad, given_up, max(0, waited_ms) / 1000)


class HAProxyOutcomes:
    """`subscribe` opens the stream of log lines, `finished` is the proxy's own count of ended requests."""

    name = "requests"

    def __init__(self, subscribe: Callable[[], socket.socket], finished: Callable[[], int]) -> None:
        self._subscribe = subscribe
        self._finished = finished
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._stream: socket.socket | None = None
        self._tallies: dict[str, _Tally] = {}
        self._lines = 0
        self._count_at_open: int | None = None
        self._sample: tuple[float, int] | None = None
        self.missed = 0  # requests that the proxy counted and whose lines never came

    def open(self) -> None:
        self.close()
        self._closing.clear()
        self._tallies, self._lines, self._sample, self.missed = {}, 0, None, 0
        self._connect()
        self._count_at_open = self._count()
        self._thread = threading.Thread(target=self._follow, name="haproxy-log", daemon=True)
        self._thread.start()

    def read(self, now: datetime) -> tuple[Reading, ...]:
        self._compare_counts()
        with self._lock:
            tallies, self._tallies = self._tallies, {}
        return tuple(
            Reading(
                signal=self.name,
                kind="outcomes",
                instance_id=instance_id,
                at=now,
                total=tally.total,
                bad=sum(count for what, count in tally.ends.items() if what != _GIVEN_UP),
                detail=", ".join(f"{count} {what}" for what, count in sorted(tally.ends.items())),
                latencies_seconds=tuple(tally.latencies_seconds),
            )
            for instance_id, tally in sorted(tallies.items())
        )

    def close(self) -> None:
        self._closing.set()
        if self._stream is not None:
            self._hang_up(self._stream)
        if self._thread is not None:
            self._thread.join()
        self._thread = self._stream = None

    def _follow(self) -> None:
        rest = b""
        while not self._closing.is_set():
            part = self._receive()
            if not part:
                rest = b""
                self._closing.wait(RECONNECT_EVERY.total_seconds())
                continue
            *lines, rest = (rest + part).split(b"\n")
            self._count_lines([line for line in lines if line.startswith(b"{")])  # others are notices

    def _receive(self) -> bytes:
        """What came; nothing when the proxy is gone or was restarted, and then the next call connects."""
        if self._stream is None and not self._connect():
            return b""
        stream = self._stream
        if stream is None:
            return b""
        try:
            part = stream.recv(262_144)
        except OSError:
            part = b""
        if not part:
            stream.close()
            self._stream = None
        return part

    def _connect(self) -> bool:
        try:
            stream = self._subscribe()
        except (TrafficFailed, OSError):
            return False  # unknown is an empty answer
        stream.settimeout(None)
        self._stream = stream
        if self._closing.is_set():
            self._hang_up(stream)
        return True

    def _hang_up(self, stream: socket.socket) -> None:
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def _count_lines(self, texts: list[bytes]) -> None:
        lines = [read_line(text) for text in texts]
        with self._lock:
            self._lines += len(lines)
            for line in lines:
                if line is not None:
                    self._count_line(line)

    def _count_line(self, line: Line) -> None:
        tally = self._tallies.setdefault(line.instance_id, _Tally())
        if line.given_up:
            tally.ends[_GIVEN_UP] += 1
            return
        tally.total += 1
        if line.bad:
            tally.ends[line.bad] += 1
        if len(tally.latencies_seconds) < _LATENCIES_KEPT:
            tally.latencies_seconds.append(line.latency_seconds)

    def _compare_counts(self) -> None:
        """Lines still on their way are not lost: a count is compared once it is SETTLED_AFTER old."""
        if self._sample is not None and time.monotonic() - self._sample[0] < SETTLED_AFTER.total_seconds():
            return
        if self._sample is not None and self._count_at_open is not None:
            self.missed = max(self.missed, self._sample[1] - self._count_at_open - self._lines)
        count = self._count()
        if count is None:
            return
        if self._count_at_open is None or (self._sample is not None and count < self._sample[1]):
            self._count_at_open = count - self._lines  # the proxy was started again and counts from 0
        self._sample = (time.monotonic(), count)

    def _count(self) -> int | None:
        try:
            return self._finished()
        except TrafficFailed:
            return None


_GIVEN_UP = "given up by clients"

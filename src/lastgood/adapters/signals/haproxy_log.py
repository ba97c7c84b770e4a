"""HAProxyOutcomes: each request's outcome and latency, from the proxy's own log.

The lines are streamed from a ring of the proxy's (`show events`): 4 MB, some 30,000 requests, wait there
while this process is busy, where a datagram socket holds as few as ten (net.unix.max_dgram_qlen).
The server's name in a line is the instance id.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lastgood.domain.errors import TrafficFailed
from lastgood.domain.signal import Reading

RECONNECT_EVERY = timedelta(milliseconds=50)
_NOT_INSTANCES = ("lastgood-decoy", "<NOSRV>")
_LATENCIES_KEPT = 100_000  # an instance, between two readings; more are counted but not listed
_GIVEN_UP = "given up by clients"


@dataclass(frozen=True, slots=True)
class Line:
    """One finished request. `number` counts the proxy's log lines; `instance_id` is empty when the request
    reached none. `bad` names what was wrong with the answer ("status 500", "broken answer"), or is empty.
    `given_up` tells that the client left before there was an answer: no outcome of the instance's."""

    number: int
    instance_id: str
    bad: str
    given_up: bool
    latency_seconds: float


def read_line(text: bytes) -> Line:
    """A log line as the frontend's log-format writes it.

    The latency is the time from the connection to the instance until its headers were there: it holds
    neither a hold nor the transfer to a slow client. Where there were none, it is the time spent waiting.
    `ends` is HAProxy's termination state (configuration manual, 8.5): C and c are the client's abort and
    time limit, S and s the server's.
    """
    values = json.loads(text)
    answered = values["answer_ms"] >= 0
    waited_ms = values["answer_ms"] if answered else values["active_ms"] - max(0, values["connect_ms"])
    given_up = values["ends"][0] in "Cc" and not answered
    bad = ""
    if not given_up and values["ends"][0] in "Ss":
        bad = "broken answer" if values["ends"][0] == "S" else "time limit"
    elif not given_up and values["status"] >= 500:
        bad = f"status {values['status']}"
    instance_id = "" if values["server"] in _NOT_INSTANCES else values["server"]
    return Line(values["line"], instance_id, bad, given_up, max(0, waited_ms) / 1000)


@dataclass(slots=True)
class _Tally:
    total: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    latencies_seconds: list[float] = field(default_factory=list)

    def count(self, line: Line) -> None:
        if line.given_up:
            self.given_up += 1
            return
        self.total += 1
        if line.bad:
            self.bad[line.bad] += 1
        if len(self.latencies_seconds) < _LATENCIES_KEPT:
            self.latencies_seconds.append(line.latency_seconds)

    def reading(self, signal: str, instance_id: str, now: datetime) -> Reading:
        ends = {**self.bad, **({_GIVEN_UP: self.given_up} if self.given_up else {})}
        return Reading(
            signal=signal,
            kind="outcomes",
            instance_id=instance_id,
            at=now,
            total=self.total,
            bad=self.bad.total(),
            detail=", ".join(f"{count} {what}" for what, count in sorted(ends.items())),
            latencies_seconds=tuple(self.latencies_seconds),
        )


class HAProxyOutcomes:
    """`subscribe` opens the stream of log lines; it is called again when the proxy was restarted.

    `missed` counts lines that the proxy wrote and that never came here, by the gaps in their numbers.
    """

    name = "requests"

    def __init__(self, subscribe: Callable[[], socket.socket]) -> None:
        self._subscribe = subscribe
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._stream: socket.socket | None = None
        self._tallies: dict[str, _Tally] = {}
        self._last_number: int | None = None
        self.missed = 0

    def open(self) -> None:
        self.close()
        self._closing.clear()
        self._tallies, self._last_number, self.missed = {}, None, 0
        self._connect()
        self._thread = threading.Thread(target=self._follow, name="haproxy-log", daemon=True)
        self._thread.start()

    def read(self, now: datetime) -> tuple[Reading, ...]:
        with self._lock:
            tallies, self._tallies = self._tallies, {}
        return tuple(
            tally.reading(self.name, instance_id, now) for instance_id, tally in sorted(tallies.items())
        )

    def close(self) -> None:
        self._closing.set()
        if self._stream is not None:
            _hang_up(self._stream)
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
            self._count(read_line(line) for line in lines if line.startswith(b"{"))  # others are notices

    def _receive(self) -> bytes:
        """What came; nothing when the proxy is gone or was restarted, and then the next call connects."""
        stream = self._stream or self._connect()
        if stream is None:
            return b""
        try:
            part = stream.recv(262_144)
        except OSError:
            part = b""
        if not part:
            stream.close()
            self._stream = None
            self._last_number = None
        return part

    def _connect(self) -> socket.socket | None:
        try:
            stream = self._subscribe()
        except (TrafficFailed, OSError):
            return None  # unknown is an empty answer
        stream.settimeout(None)
        self._stream = stream
        if self._closing.is_set():
            _hang_up(stream)
        return stream

    def _count(self, lines: Iterable[Line]) -> None:
        with self._lock:
            for line in lines:
                # threads of the proxy may swap two neighbours: that adds one to a gap and takes it back
                if self._last_number is not None:
                    self.missed += line.number - self._last_number - 1
                self._last_number = line.number
                if line.instance_id:
                    self._tallies.setdefault(line.instance_id, _Tally()).count(line)


def _hang_up(stream: socket.socket) -> None:
    try:
        stream.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already

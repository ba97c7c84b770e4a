"""Signal `synthetic`: written requests, sent straight to the candidate and to the old release beside it.

Each request goes to both, one right after the other and in turns first, and both answers are told together:
what befalls the whole machine befalls both in the same tick. Nothing goes through the proxy.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lastgood.adapters.signals.arms import Arm, Arms
from lastgood.adapters.signals.probes import reached_at
from lastgood.domain.signal import Reading
from lastgood.domain.watching import SYNTHETIC, Synthetic, WrittenRequest
from lastgood.ports.runtime import Instance

_MOST_OUT = 64  # pairs; where so many are unanswered, none is added
_PART_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class _Told:
    arm: Arm
    fault: str  # "" where the answer was right


class SyntheticSource:
    """Sends only while `wanted`; what was sent is always told."""

    name = SYNTHETIC

    def __init__(self, synthetic: Synthetic, arms: Arms, wanted: Callable[[], bool]) -> None:
        self._synthetic, self._arms, self._wanted = synthetic, arms, wanted
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._told: list[_Told] = []
        self._out = 0

    def open(self) -> None:
        threading.Thread(target=self._go_on, name=SYNTHETIC, daemon=True).start()

    def read(self, now: datetime) -> tuple[Reading, ...]:
        with self._lock:
            told, self._told = self._told, []
        readings = []
        for arm in self._arms.both():
            faults = [one.fault for one in told if one.arm is arm]
            bad = [fault for fault in faults if fault]
            if faults:
                detail = bad[0] if bad else ""
                readings.append(Reading(SYNTHETIC, "errors", arm.id, now, len(faults), len(bad), detail))
        return tuple(readings)

    def close(self) -> None:
        """Returns at once: what is out ends within its own limit, and its answer is dropped."""
        self._closed.set()
        with self._lock:
            self._told = []

    def _go_on(self) -> None:
        number, pause = 0, 1 / self._synthetic.per_second
        next_at = time.monotonic()
        while not self._closed.is_set():
            if self._wanted() and self._has_room():
                threading.Thread(target=self._pair, args=(number,), name=SYNTHETIC, daemon=True).start()
                number += 1
            next_at = max(next_at + pause, time.monotonic())
            self._closed.wait(next_at - time.monotonic())

    def _has_room(self) -> bool:
        with self._lock:
            if self._out >= _MOST_OUT:
                return False
            self._out += 1
            return True

    def _pair(self, number: int) -> None:
        request = self._synthetic.requests[number % len(self._synthetic.requests)]
        both = self._arms.both()
        limit = self._synthetic.limit.total_seconds()
        told = [
            _Told(arm, fault_of(request, arm.instance, limit)) for arm in (both if number % 2 else both[::-1])
        ]
        with self._lock:
            self._out -= 1
            if not self._closed.is_set():
                self._told.extend(told)


def fault_of(request: WrittenRequest, instance: Instance, limit_seconds: float) -> str:
    """What is wrong with the answer to this request; "" when it is right and whole within the limit."""
    connection = http.client.HTTPConnection(reached_at(instance.host), instance.port, timeout=limit_seconds)
    until = time.monotonic() + limit_seconds
    try:
        connection.request(request.method, request.path, request.body.encode() or None, _headers(request))
        answer = connection.getresponse()
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:  # else the answer ends with the connection
                connection.sock.settimeout(left)
            if not answer.read1(_PART_BYTES):
                break
        if answer.length:  # read1 does not raise it
            raise http.client.IncompleteRead(b"", answer.length)
    except TimeoutError:
        return f"no answer within {limit_seconds:g} s to {request.method} {request.path}"
    except (http.client.HTTPException, OSError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        return f"{said} at {request.method} {request.path}"
    finally:
        connection.close()
    right = answer.status in request.statuses if request.statuses else 200 <= answer.status <= 399
    return "" if right else f"{answer.status} from {request.method} {request.path}"


def _headers(request: WrittenRequest) -> dict[str, str]:
    headers = {"User-Agent": "lastgood-synthetic", "Connection": "close"}
    return {**headers, "Content-Type": request.content_type} if request.body else headers

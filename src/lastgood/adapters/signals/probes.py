"""Signal `probe`: HTTP, TCP and command probes asked of one instance."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from lastgood.adapters.signals.commands import ask_command, no_answer
from lastgood.adapters.signals.repeating import Repeating, utc_now
from lastgood.domain.errors import UsageError
from lastgood.domain.signal import Probe, Reading
from lastgood.domain.system import fill

_REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # an instance that listens everywhere


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """`unknown`: the probe could not be asked at all (its program is missing); that is no pass either."""

    passed: bool
    detail: str
    seconds: float
    unknown: bool = False


class ProbeSource:
    """Asks each probe at its `every`. One that cannot be asked gives no reading; `unknown` says why."""

    name = "probes"

    def __init__(
        self, probes: Sequence[Probe], instance_id: str, host: str, port: int, folder: Path | None = None
    ) -> None:
        """`folder` is where commands run. Raises UsageError for a probe that can never be asked."""
        self._probes = tuple(addressed(probe, host, port) for probe in probes)
        self._instance_id, self._host, self._port, self._folder = instance_id, host, port, folder
        self._asking = Repeating()
        self._unknown: dict[str, str] = {}

    @property
    def unknown(self) -> dict[str, str]:
        """Probe -> why its last question could not be asked."""
        return dict(self._unknown)

    def open(self) -> None:
        for probe in self._probes:
            self._asking.ask(f"probe {probe.name}", probe.every, partial(self._readings, probe))

    def read(self, now: datetime) -> tuple[Reading, ...]:
        return self._asking.taken()

    def close(self) -> None:
        self._asking.close()

    def _readings(self, probe: Probe) -> tuple[Reading, ...]:
        answer = ask(probe, self._host, self._port, self._folder)
        if answer.unknown:
            self._unknown[probe.name] = answer.detail
            return ()
        self._unknown.pop(probe.name, None)
        bad = 0 if answer.passed else 1
        return (Reading(probe.name, "probe", self._instance_id, utc_now(), 1, bad, answer.detail),)


def ask(probe: Probe, host: str, port: int, folder: Path | None = None) -> ProbeAnswer:
    """Ask once, within the probe's limit. Raises UsageError for a probe that can never be asked."""
    began = time.monotonic()
    question = addressed(probe, host, port)
    passed: bool | None
    try:
        if probe.kind == "command":
            environment = {"HOST": reached_at(host), "PORT": str(port)}
            passed, detail = ask_command(question.command, probe.limit, environment, folder)
        elif probe.kind == "tcp":
            passed, detail = _ask_tcp(question)
        else:
            passed, detail = _ask_http(question)
    except TimeoutError:
        passed, detail = False, no_answer(probe.limit)
    except ConnectionRefusedError:
        passed, detail = False, "connection refused"
    except OSError as error:
        passed, detail = False, error.strerror or str(error)
    return ProbeAnswer(passed is True, detail, time.monotonic() - began, unknown=passed is None)


def addressed(probe: Probe, host: str, port: int) -> Probe:
    """The probe with ${host} and ${port} filled, and for http and tcp the whole address as target."""
    reached = reached_at(host)
    values = {"host": reached, "port": str(port)}
    target = fill(probe.target, values)
    place = f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"
    if probe.kind == "http" and "://" not in target:
        target = f"http://{place}/{target.lstrip('/')}"
    elif probe.kind == "tcp":
        target = f"tcp://{target.removeprefix('tcp://') or place}"
    if probe.kind != "command":
        _check_address(probe, target)
    return replace(probe, target=target, command=tuple(fill(word, values) for word in probe.command))


def reached_at(host: str) -> str:
    return _REACHED_AT.get(host, host)


def _check_address(probe: Probe, target: str) -> None:
    schemes = {"http": ("http", "https"), "tcp": ("tcp",)}.get(probe.kind, ())
    try:
        url = urlsplit(target)
        has_port = url.port is not None
        right = url.scheme in schemes and bool(url.hostname) and (probe.kind == "http" or has_port)
    except ValueError:  # a port that is no number
        right = False
    if not right:
        raise UsageError(
            f"The {probe.kind} probe {probe.name!r} has no address in {probe.target!r}.",
            "It cannot be asked.",
            "Write a path like /health or a whole URL for http, HOST:PORT or nothing for tcp.",
        )


def _ask_tcp(probe: Probe) -> tuple[bool, str]:
    url = urlsplit(probe.target)
    with socket.create_connection((url.hostname, url.port or 0), timeout=probe.limit.total_seconds()):
        return True, "connected"


def _ask_http(probe: Probe) -> tuple[bool, str]:
    url = urlsplit(probe.target)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    limit_seconds = probe.limit.total_seconds()
    connection = kind(url.hostname or "", url.port, timeout=limit_seconds)
    overdue = threading.Event()
    watch = threading.Timer(limit_seconds, _cut, (connection, overdue))
    watch.daemon = True
    watch.start()
    try:
        connection.connect()
        if overdue.is_set():
            raise TimeoutError
        connection.request("GET", path, headers={"User-Agent": "lastgood", "Connection": "close"})
        status = connection.getresponse().status
        if overdue.is_set():  # the header lines that were missing when it was cut count as an end
            raise TimeoutError
    except (http.client.HTTPException, OSError) as error:
        if overdue.is_set():
            raise TimeoutError from error
        if not isinstance(error, http.client.HTTPException):
            raise
        return False, f"a broken answer from {path}: {str(error) or type(error).__name__}"
    finally:
        watch.cancel()
        connection.close()
    passed = status in probe.statuses if probe.statuses else 200 <= status <= 399
    return passed, f"{status} from {path}"


def _cut(connection: http.client.HTTPConnection, overdue: threading.Event) -> None:
    """The socket's own timeout counts anew with each byte: an answer that drips would never end."""
    overdue.set()
    line = connection.sock
    if line is not None:
        with suppress(OSError):  # it was closed meanwhile: the question has ended already
            line.shutdown(socket.SHUT_RDWR)

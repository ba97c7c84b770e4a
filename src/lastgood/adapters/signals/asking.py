"""Asking servers by HTTP: bounded in time and size, and every other answer than a good one is Unseen.

Redirects are not followed (they would carry the token elsewhere), and no proxy of the environment is used.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from lastgood.adapters.signals.looking import Unseen
from lastgood.domain.errors import LastgoodError
from lastgood.domain.watching import Access

MOST_BYTES = 8_000_000
_PART_BYTES = 65_536
_SAID_CHARACTERS = 200
_T = TypeVar("_T")


class TooLong(Unseen):
    """The answer has more than MOST_BYTES."""


class Servers:
    """Servers of the same data. `ask` stays with one until it fails, so that answers are never mixed."""

    def __init__(self, access: Access, limit: timedelta, read_secret: Callable[[str], str]) -> None:
        self._access, self._limit, self._read_secret = access, limit, read_secret
        self._current = 0

    def ask(self, question: Callable[[Server], _T]) -> _T:
        """The answer of the first server that gives one, from the current on. Raises Unseen."""
        headers = self._headers()
        reasons = []
        for step in range(len(self._access.servers)):
            index = (self._current + step) % len(self._access.servers)
            address = self._access.servers[index]
            server = Server(address, headers, self._limit, self._access.certificates)
            try:
                answer = question(server)
            except Unseen as unseen:
                reasons.append(f"{address}: {unseen}")
                continue
            self._current = index
            return answer
        raise Unseen("; ".join(reasons))

    def _headers(self) -> dict[str, str]:
        """Secrets are read at each round, since they are renewed while lastgood runs."""
        access = self._access
        try:
            if access.token:
                return {"Authorization": f"Bearer {_one_line(self._read_secret(access.token))}"}
            if access.user:
                pair = f"{access.user}:{_one_line(self._read_secret(access.password))}"
                return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        except LastgoodError as error:
            raise Unseen(error.happened) from error
        except (OSError, UnicodeError) as error:
            raise Unseen(f"the secret {access.token or access.password} cannot be read") from error
        return {}


class Server:
    """One server. `limit` holds for each question from its first byte to its last."""

    def __init__(
        self, address: str, headers: Mapping[str, str], limit: timedelta, certificates: Path | None = None
    ) -> None:
        self.address = address
        self._headers, self._limit, self._certificates = headers, limit, certificates

    def get(self, path: str, values: Mapping[str, str] | tuple[tuple[str, str], ...] = ()) -> Any:
        """The JSON of a good answer. Raises Unseen."""
        url = urlsplit(self.address)
        whole = f"{url.path}{path}?{urlencode(values)}"
        if url.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                url.hostname or "", url.port, timeout=self._limit.total_seconds(), context=self._trust()
            )
        else:
            connection = http.client.HTTPConnection(
                url.hostname or "", url.port, timeout=self._limit.total_seconds()
            )
        status, body = self._within_limit(connection, whole)
        if status != 200:
            raise Unseen(f"it answers with status {status}{_reason_in(body)}")
        return read_json(body)

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._certificates)
        except (OSError, ssl.SSLError) as error:
            raise Unseen(f"the certificates in {self._certificates} cannot be read") from error

    def _within_limit(self, connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
        overdue = threading.Event()
        watch = threading.Timer(self._limit.total_seconds(), _cut, (connection, overdue))
        watch.daemon = True
        watch.start()
        try:
            connection.connect()
            headers = {"User-Agent": "lastgood", "Accept": "application/json", "Connection": "close"}
            connection.request("GET", path, headers={**headers, **self._headers})
            answer = connection.getresponse()
            body = _read_bounded(answer)
            if overdue.is_set():  # what was missing when it was cut would count as its end
                raise TimeoutError
            return answer.status, body
        except (http.client.HTTPException, OSError, ValueError) as error:
            if overdue.is_set() or isinstance(error, TimeoutError):
                raise Unseen(f"no answer within {self._limit.total_seconds():g} s") from error
            raise Unseen(_in_words(error)) from error
        finally:
            watch.cancel()
            connection.close()


def read_json(body: bytes) -> Any:
    """Any JSON value. Raises Unseen."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise Unseen("its answer is no JSON") from error


def _read_bounded(answer: http.client.HTTPResponse) -> bytes:
    parts, size = [], 0
    while part := answer.read(_PART_BYTES):
        size += len(part)
        if size > MOST_BYTES:
            raise TooLong(f"its answer is longer than {MOST_BYTES:,} bytes")
        parts.append(part)
    if answer.length:  # read(amount) does not raise IncompleteRead
        raise Unseen("its answer breaks off")
    return b"".join(parts)


def _cut(connection: http.client.HTTPConnection, overdue: threading.Event) -> None:
    """The socket's own timeout counts anew with each byte: an answer that drips would never end."""
    overdue.set()
    line = connection.sock
    if line is not None:
        with suppress(OSError):  # it was closed meanwhile: the question has ended already
            line.shutdown(socket.SHUT_RDWR)


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, http.client.HTTPException):
        return f"a broken answer ({type(error).__name__})"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return "it cannot be asked"  # a ValueError could quote the header, and with it the token


def _reason_in(body: bytes) -> str:
    """Prometheus and Alertmanager say as JSON what they did not like."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    reason = told.get("error") if isinstance(told, dict) else told
    return f": {reason[:_SAID_CHARACTERS]}" if isinstance(reason, str) else ""


def _one_line(secret: str) -> str:
    line = secret.strip()
    line.encode("latin-1")  # raises UnicodeError: no header can carry it
    if "\n" in line or "\r" in line:
        raise UnicodeError
    return line

"""The proxy's runtime API on its UNIX socket."""

from __future__ import annotations

import csv
import io
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.traffic.haproxy.commands import Server, read_servers
from lastgood.adapters.traffic.haproxy.configuration import BACKEND, RING
from lastgood.domain.errors import TrafficFailed

ANSWER_LIMIT = timedelta(seconds=5)
_SERVER_TYPE = 4


class ProxyGone(TrafficFailed):
    """Nothing listens on the socket."""


class RuntimeSocket:
    """Every method raises ProxyGone when no proxy listens, TrafficFailed when it does not answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, command: str) -> str:
        """One line of commands, joined by `;`; the answers together."""
        answer = bytearray()
        with self._connected() as connection:
            try:
                connection.sendall(command.encode() + b"\n")
                while part := connection.recv(65536):
                    answer += part
            except TimeoutError:
                raise TrafficFailed(
                    f"The proxy did not answer on {self._path} within {ANSWER_LIMIT.total_seconds():g} s.",
                    "It is stopped or overloaded, and its routes are unknown.",
                    "Look at the process with `ps`; when it hangs, end it and run the command again.",
                ) from None
            except OSError as error:
                raise _gone(self._path) from error
        return answer.decode("utf-8", "replace")

    def info(self) -> Mapping[str, str]:
        lines = self.ask("show info").splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def servers(self) -> tuple[Server, ...]:
        return read_servers(self.ask(f"show servers state {BACKEND}"))

    def in_flight(self, server: str) -> int:
        text = self.ask(f"show stat {BACKEND} {_SERVER_TYPE} -1")
        rows = csv.DictReader(io.StringIO(text.removeprefix("# ").strip()))
        return sum(int(row["scur"]) for row in rows if row["svname"] == server)

    def subscribe(self) -> socket.socket:
        """A stream of the log lines from now on."""
        connection = self._connected()
        connection.sendall(f"show events {RING} -w -n\n".encode())
        return connection

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(ANSWER_LIMIT.total_seconds())
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            raise _gone(self._path) from error
        return connection


def _gone(path: Path) -> ProxyGone:
    return ProxyGone(
        f"No proxy listens on {path}.",
        "Its service cannot be reached.",
        "Run `lastgood up`: it starts the proxy with its last routes.",
    )

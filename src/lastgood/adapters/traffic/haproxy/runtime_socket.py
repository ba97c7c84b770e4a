"""The proxy's runtime API on its UNIX socket."""

from __future__ import annotations

import csv
import io
import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.traffic.haproxy.commands import Server, read_servers
from lastgood.adapters.traffic.haproxy.configuration import BACKEND, RING
from lastgood.domain.errors import TrafficFailed

ANSWER_LIMIT = timedelta(seconds=5)
_FRONTEND_TYPE, _SERVER_TYPE = 1, 4
_AGREES = {"", "New server registered.", "Server deleted."}


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

    def tell(self, commands: Sequence[str]) -> None:
        """Commands that change something. Raises TrafficFailed with the proxy's words when it refuses one."""
        if not commands:
            return
        answer = self.ask(";".join(commands))
        refused = [line for line in answer.splitlines() if line.strip() not in _AGREES]
        if refused:
            raise TrafficFailed(
                f"The proxy refused a change: {' '.join(refused)}",
                "Its routes may be the ones from before; no request was failed by this.",
                "Run the command again; when it refuses again, restart the proxy.",
            )

    def info(self) -> Mapping[str, str]:
        lines = self.ask("show info").splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def servers(self) -> tuple[Server, ...]:
        return read_servers(self.ask(f"show servers state {BACKEND}"))

    def in_flight(self, server: str) -> int:
        rows = self._statistics(BACKEND, _SERVER_TYPE)
        return sum(int(row["scur"]) for row in rows if row["svname"] == server)

    def finished(self, frontend: str) -> int:
        """Requests that ended, however, since the proxy started: one log line was due for each."""
        return sum(
            int(count)
            for row in self._statistics(frontend, _FRONTEND_TYPE)
            for name, count in row.items()
            if name.startswith("hrsp_") and count
        )

    def subscribe(self) -> socket.socket:
        """A stream of the log lines from now on."""
        connection = self._connected()
        connection.sendall(f"show events {RING} -w -n\n".encode())
        return connection

    def _statistics(self, proxy: str, kind: int) -> list[dict[str, str]]:
        text = self.ask(f"show stat {proxy} {kind} -1")
        return list(csv.DictReader(io.StringIO(text.removeprefix("# ").strip())))

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

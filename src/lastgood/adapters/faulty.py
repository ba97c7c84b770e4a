"""A release that is really bad: a stand-alone program (standard library only) around a good one.

Run as `python -I -S faulty.py HOST PORT EVERY -- COMMAND...`. It starts COMMAND on a free port of its own
(@LASTGOOD_INNER_PORT@ in its words and its environment becomes that port), hands each request on, and
answers every EVERYth with 500 itself. lastgood's own probes are let through where EVERY is above 1: the worst
release is the one whose health check is green. Each of its own answers carries `X-Lastgood-Fault: 1`.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
from contextlib import suppress

TOKEN = "@LASTGOOD_INNER_PORT@"
_LONGEST_HEAD = 65536
_IDLE_SECONDS = 60.0
_ANSWER = (
    b"HTTP/1.1 500 Internal Server Error\r\nX-Lastgood-Fault: 1\r\n"
    b"Content-Length: 6\r\nConnection: close\r\n\r\nfault\n"
)


class Counter:
    def __init__(self, every: int) -> None:
        self._every, self._count, self._lock = every, 0, threading.Lock()

    def is_due(self, head: bytes) -> bool:
        if self._every > 1 and b"user-agent: lastgood" in head.lower():
            return False
        with self._lock:
            self._count += 1
            return self._count % self._every == 0


def main() -> None:
    host, port, every = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    command = sys.argv[sys.argv.index("--") + 1 :]
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        inner = chosen.getsockname()[1]
    environment = {name: value.replace(TOKEN, str(inner)) for name, value in os.environ.items()}
    words = [word.replace(TOKEN, str(inner)) for word in command]
    listener = socket.create_server((host, port), backlog=256)
    pid = os.posix_spawnp(words[0], words, environment)
    threading.Thread(target=_serve, args=(listener, inner, Counter(every)), daemon=True).start()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or 1)


def _serve(listener: socket.socket, inner: int, counter: Counter) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_handle, args=(connection, inner, counter), daemon=True).start()


def _handle(connection: socket.socket, inner: int, counter: Counter) -> None:
    with connection, suppress(OSError):
        connection.settimeout(_IDLE_SECONDS)
        received = _head(connection)
        if not received:
            return
        head, _, body = received.partition(b"\r\n\r\n")
        if counter.is_due(head):
            _drain(connection, head, body)
            connection.sendall(_ANSWER)
            return
        with _connect(inner) as onward:
            onward.sendall(_closing(head) + b"\r\n\r\n" + body)
            threading.Thread(target=_pump, args=(connection, onward), daemon=True).start()
            _pump(onward, connection)


def _head(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and len(received) < _LONGEST_HEAD:
        more = connection.recv(65536)
        if not more:
            return b""
        received += more
    return received


def _drain(connection: socket.socket, head: bytes, body: bytes) -> None:
    """Read the request to its end: closing with unread bytes would reset the connection."""
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    missing = int(length.group(1)) - len(body) if length else 0
    while missing > 0 and (more := connection.recv(65536)):
        missing -= len(more)


def _closing(head: bytes) -> bytes:
    """One request a connection: so each passes here."""
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"Connection: close"])


def _connect(port: int) -> socket.socket:
    until = time.monotonic() + _IDLE_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=_IDLE_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while more := source.recv(65536):
            target.sendall(more)
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()

"""Who listens on a port of this machine."""

from __future__ import annotations

import errno
import socket
import time
from datetime import timedelta
from pathlib import Path

from lastgood.domain.errors import RuntimeFailed

_LISTENS = "0A"  # TCP_LISTEN in /proc/net/tcp
_LOOK_EVERY_SECONDS = 0.02


def port_is_free(host: str, port: int) -> bool:
    """Whether a service could listen there now. Raises RuntimeFailed for an address not of this machine."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise RuntimeFailed(
            f"Port {port} of {host} cannot be listened on: {error.strerror or error}.",
            "The service would not be reachable there; nothing was started.",
            "Correct the service's host and port in system.yml; ports below 1024 need root's rights.",
        ) from error
    return True


def wait_until_free(host: str, port: int, limit: timedelta) -> bool:
    deadline = time.monotonic() + limit.total_seconds()
    while not port_is_free(host, port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY_SECONDS)
    return True


def holder_of(port: int) -> str:
    """`nginx (process 412)`, or `a process of another user` where /proc does not show it."""
    sockets = _listening_sockets(port)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and sockets & _sockets_of(folder):
            try:
                name = (folder / "comm").read_text("utf-8", "replace").strip()
            except OSError:  # it ended just now
                continue
            return f"{name} (process {folder.name})"
    return "a process of another user"


def _listening_sockets(port: int) -> set[str]:
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            for line in table.read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _sockets_of(process: Path) -> set[str]:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:  # ended, or another user's: the same as not seen
        return set()
    return {target for descriptor in descriptors if (target := _target(descriptor))}


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:  # closed just now
        return ""

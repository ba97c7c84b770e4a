"""Starts and ends the instances of tests/support/instance.py."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lastgood.ports.traffic import Route


@dataclass
class TestInstance:
    __test__ = False
    release: str
    port: int
    process: subprocess.Popen[bytes]

    def route(self, weight: int) -> Route:
        return Route(self.release, "127.0.0.1", self.port, weight)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def start_instance(release: str, port: int | None = None) -> TestInstance:
    """Returns when it listens."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("instance.py")), str(port), release],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return TestInstance(release, port, process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

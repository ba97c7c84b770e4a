"""Starts releases of examples/shop, and asks them things over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lastgood.adapters.examples import shop_folder

START_LIMIT_SECONDS = 15
ANSWER_LIMIT_SECONDS = 15
END_LIMIT_SECONDS = 15
_LOOK_EVERY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    release: str | None
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class RunningShop:
    process: subprocess.Popen[str]
    port: int

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_LIMIT_SECONDS)
        try:
            connection.request(method, path, content)
            response = connection.getresponse()
            return Answer(response.status, response.headers["X-Release"], response.read())
        finally:
            connection.close()

    def order(self, **fields: object) -> Answer:
        return self.ask("POST", "/orders", fields)

    def wait_until_serving(self) -> RunningShop:
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the shop ended with {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(_LOOK_EVERY_SECONDS)
        raise AssertionError(f"the shop took no connection within {START_LIMIT_SECONDS} s")

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_LIMIT_SECONDS)


class ShopStreet:
    """Starts releases on one database and one folder of uploads; `close` ends what still runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "data" / "shop.db"
        self.uploads = folder / "uploads"
        self._processes: list[subprocess.Popen[str]] = []

    def launch(self, release: str, **environment: str) -> RunningShop:
        """Start it without waiting for anything."""
        built = self.folder / "releases" / release
        if not built.exists():
            command = [sys.executable, str(shop_folder() / "build.py"), release, str(built)]
            subprocess.run(command, check=True, timeout=START_LIMIT_SECONDS)
        port = free_port()
        with (self.folder / f"{release}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-B", "-m", "shop", "--port", str(port)],
                cwd=built,
                env={
                    **os.environ,
                    "SHOP_DATABASE": str(self.database),
                    "SHOP_UPLOADS": str(self.uploads),
                    **environment,
                },
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
            )
        self._processes.append(process)
        return RunningShop(process, port)

    def open(self, release: str, **environment: str) -> RunningShop:
        """Start it and wait until it takes connections."""
        return self.launch(release, **environment).wait_until_serving()

    def log(self, release: str) -> str:
        return (self.folder / f"{release}.log").read_text()

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(END_LIMIT_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""The example shop under lastgood, driven through the command line as a user would."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from tests.support import plain_vault
from tests.support.small_services import free_port

from lastgood.adapters.examples import shop_folder
from lastgood.adapters.load import Call, Load
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

REPOSITORY = Path(__file__).parents[2]

SYSTEM = """\
kind: system
version: 1
name: shop
services:
  - name: shop
    source: ../v1
    command: [python3, -B, -m, shop, --port, "${{port}}"]
    environment:
      SHOP_DATABASE: "${{stores.orders.path}}"
      SHOP_UPLOADS: "${{stores.uploads.path}}"
    traffic: {{kind: haproxy, listen: "127.0.0.1:{port}"}}
    readiness: [{{http: /health}}]
    ready_within: 15s
    stores: [orders, uploads]
stores:
  - {{name: orders, kind: sqlite, path: ../shop.db}}
  - {{name: uploads, kind: files, path: ../uploads}}
vaults:
  - {{name: local, kind: restic, location: ../vault}}
"""

DETECTION = """\
kind: rollback/detection
version: 1
slow_after: 700ms
bake: 3s
canary:
  - {percent: 50, at_least: 4s, at_most: 40s, minimum_requests: 150}
"""

CONSISTENCY = """\
kind: data/consistency
version: 1
invariants:
  - name: totals
    store: orders
    query: select count(*) from orders where total != quantity * price
    expect: "0"
"""


class ShopSystem:
    """One system in a folder of its own; leaves no process behind. With `quick_vault` its vault is a folder
    of plain copies instead of the one in its documents."""

    def __init__(self, folder: Path, quick_vault: bool = False) -> None:
        self.folder = folder
        self.program = plain_vault.PROGRAM if quick_vault else "lastgood"
        self.port = free_port()
        self.documents = folder / "lastgood"
        self.documents.mkdir(parents=True)
        (folder / "uploads").mkdir()
        (folder / "uploads" / "tea.txt").write_text("a picture of tea\n")
        self.write("system.yml", SYSTEM.format(port=self.port))
        self.write("rollback-detection.yml", DETECTION)
        self.write("data-consistency.yml", CONSISTENCY)

    def __enter__(self) -> ShopSystem:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        workplace = open_workplace(load_system(self.documents))
        for traffic in workplace.traffic.values():
            traffic.stop()
        for runtime in workplace.runtimes.values():
            for instance in runtime.instances():
                runtime.stop(instance.instance_id, timedelta(seconds=2))

    def write(self, name: str, text: str) -> None:
        (self.documents / name).write_text(text)

    def release(self, name: str) -> Path:
        """The folder of a built release of the example."""
        folder = self.folder / name
        if not folder.exists():
            build = shop_folder() / "build.py"
            subprocess.run([sys.executable, str(build), name, str(folder)], check=True, timeout=60)
        return folder

    def run(
        self, *arguments: str, kill: str = "", engine: str = "inline"
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", self.program, *arguments, "--system", str(self.documents)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "LASTGOOD_ENGINE": engine, "LASTGOOD_KILL": kill},
        )

    def deploy(self, name: str, **options: str) -> subprocess.CompletedProcess[str]:
        return self.run("deploy", str(self.release(name)), **options)

    def status(self) -> dict[str, object]:
        told = self.run("status", "--json")
        assert told.returncode == 0, told.stderr
        answer: dict[str, object] = json.loads(told.stdout)
        return answer

    def serving(self) -> str:
        services = self.status()["services"]
        assert isinstance(services, list)
        return str(services[0]["label"])

    def orders(self) -> int:
        connection = sqlite3.connect(self.folder / "shop.db")
        try:
            (count,) = connection.execute("select count(*) from orders").fetchone()
            return int(count)
        finally:
            connection.close()

    @contextmanager
    def under_load(self, per_second: int = 100) -> Iterator[Load]:
        body = json.dumps({"item": "tea", "quantity": 2}).encode()
        load = Load(
            "127.0.0.1",
            self.port,
            per_second,
            call=lambda number: Call("POST", "/orders", body, "application/json"),
            longest=timedelta(seconds=90),
        )
        with load:
            yield load


KILLED = -signal.SIGKILL

"""Deploy and roll back again and again under load: by lastgood, and by the script that people write first."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lastgood.adapters.load import Answer, Load
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

REQUESTS_PER_SECOND = 1000
COMMAND_LIMIT_SECONDS = 120
_BAD = 0.5  # of a bad release's answers are errors
_SETTLE_SECONDS = 0.3  # of load before and after what is measured

SYSTEM = """\
kind: system
version: 1
name: bench
services:
  - name: shop
    source: ../releases/none
    command: [{python}, -B, service.py]
    traffic: {{kind: haproxy, listen: "127.0.0.1:{port}"}}
    readiness: [{{http: /health}}]
    stores: [orders]
stores:
  - {{name: orders, kind: sqlite, path: ../orders.db}}
vaults:
  - {{name: local, kind: restic, location: ../vault}}
"""

DETECTION = """\
kind: rollback/detection
version: 1
bake: 1s
canary:
  - {percent: 50, at_least: 1s, at_most: 60s, minimum_requests: 50}
"""

TRIGGERS = """\
kind: automatic/rollback/triggers
version: 1
rollbacks_per_day: 1000
"""


@dataclass(frozen=True, slots=True)
class Cycle:
    """`failed` counts requests that failed and were no error of the bad release's own. `harm_seconds` is from
    the verdict (or the script's decision) to the last request that the bad release served or that failed."""

    requests: int
    failed: int
    harm_seconds: float
    faults: tuple[str, ...] = ()


class ByLastgood:
    """One system in a folder, driven through the command line: the module `program`."""

    def __init__(self, folder: Path, program: str = "lastgood") -> None:
        self.folder = folder
        self.program = program
        self.port = free_port()
        self.documents = folder / "lastgood"
        self.documents.mkdir(parents=True)
        for name, text in (
            ("system.yml", SYSTEM.format(port=self.port, python=sys.executable)),
            ("rollback-detection.yml", DETECTION),
            ("automatic-rollback-triggers.yml", TRIGGERS),
        ):
            (self.documents / name).write_text(text)
        make_orders(folder / "orders.db")

    def cycle(self, number: int) -> Cycle:
        """A good release is promoted, a bad one undoes itself, and a person goes back by hand."""
        bad = f"bad-{number}"
        with under_load(self.port) as load:
            self.run(0, "deploy", str(make_release(self.folder, f"good-{number}")))
            given_at = verdict_of(self.run(3, "deploy", str(make_release(self.folder, bad, failing=_BAD))))
            self.run(0, "rollback")
        return cycle_of(load.answers, bad, given_at)

    def run(self, expected: int, *arguments: str) -> str:
        """Standard output of a command that must end with that code."""
        return self.ended((expected,), *arguments).stdout

    def ended(self, expected: Collection[int], *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that must end with one of these codes."""
        done = subprocess.run(
            [sys.executable, "-m", self.program, *arguments, "--json", "--system", str(self.documents)],
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_SECONDS,
        )
        if done.returncode not in expected:
            raise RuntimeError(
                f"lastgood {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done

    def begin(self, failing: float = 0.0) -> None:
        self.run(0, "deploy", str(make_release(self.folder, "first", failing=failing)))

    def end(self) -> None:
        workplace = open_workplace(load_system(self.documents))
        for traffic in workplace.traffic.values():
            traffic.stop()
        for runtime in workplace.runtimes.values():
            for instance in runtime.instances():
                runtime.stop(instance.instance_id, timedelta(seconds=2))


class ByScript:
    """Kill the old one, start the new one; when it is bad, the same again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def cycle(self, number: int) -> Cycle:
        """The same three changes; the bad release serves for as long as a canary looks at it."""
        good, bad = (
            make_release(self.folder, f"good-{number}"),
            make_release(self.folder, f"bad-{number}", failing=_BAD),
        )
        with under_load(self.port) as load:
            self.switch_to(good)
            self.switch_to(bad)
            time.sleep(1)
            decided_at = time.monotonic()
            self.switch_to(good)
            time.sleep(1)
            self.switch_to(self.folder / "releases" / "first")
        return cycle_of(load.answers, bad.name, decided_at, until=decided_at + 1)

    def begin(self) -> None:
        self.switch_to(make_release(self.folder, "first"))

    def switch_to(self, release: Path) -> None:
        self.end()
        self._process = subprocess.Popen(
            [sys.executable, "-B", "service.py"],
            cwd=release,
            env={**os.environ, "HOST": "127.0.0.1", "PORT": str(self.port)},
        )
        wait_until_listening(self.port)

    def end(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)


def cycle_of(answers: Sequence[Answer], bad: str, since: float, until: float = float("inf")) -> Cycle:
    """`since` and `until` (of the harm) are times of `time.monotonic()`."""
    ours = [answer for answer in answers if answer.failed and answer.release != bad]
    harm = [
        answer.ended_at
        for answer in answers
        if since <= answer.ended_at < until and (answer.release == bad or answer.failed)
    ]
    faults = sorted({f"{answer.status} {answer.fault} {answer.release}".strip() for answer in ours})
    return Cycle(len(answers), len(ours), max(harm, default=since) - since, tuple(faults[:5]))


def verdict_of(answer: str) -> float:
    """When the release was found to be bad, in `time.monotonic()`, from the answer of `deploy --json`."""
    for step in json.loads(answer)["run"]["steps"]:
        if step["kind"] == "observe" and step["result"]["end"] == "bad":
            given_at = datetime.fromisoformat(step["result"]["facts"]["given_at"])
            return given_at.timestamp() - (time.time() - time.monotonic())
    raise RuntimeError("no verdict failed the bad release")


@contextmanager
def under_load(port: int) -> Iterator[Load]:
    with Load("127.0.0.1", port, REQUESTS_PER_SECOND, longest=timedelta(minutes=5)) as load:
        time.sleep(_SETTLE_SECONDS)
        yield load
        time.sleep(_SETTLE_SECONDS)


def make_release(folder: Path, name: str, *, failing: float = 0.0) -> Path:
    """A release's folder; `failing` is the share of its answers that are errors."""
    release = folder / "releases" / name
    release.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("_service.py"), release / "service.py")
    (release / "release.json").write_text(json.dumps({"name": name, "failing": failing}))
    return release


def make_orders(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)")
    connection.executemany("INSERT INTO orders (item) VALUES (?)", [("tea",)] * 1000)
    connection.commit()
    connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise RuntimeError(f"nothing listens on port {port} after 10 s")

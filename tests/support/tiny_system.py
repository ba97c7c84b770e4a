"""The smallest whole system: one service of a few lines behind a real HAProxy, two stores, one vault.

Its commands run in forked children of the test: the whole command line, without the price of a new
interpreter. Watches last a tenth of a second. Releases are named by the file `name`; one whose name begins
with `bad` breaks the invariant at its start, and `crooked` never comes up."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import traceback
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from tests.support.folder_vault import FolderVault
from tests.support.small_services import free_port

from lastgood.__main__ import doors
from lastgood.adapters.faults import kill_here
from lastgood.execution.workplace import Progress, Workplace
from lastgood.interfaces.cli.main import main
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

SERVICE = """
import http.server, os, pathlib, signal, sqlite3, sys
name = pathlib.Path("name").read_text().strip()
if name == "crooked":
    sys.exit("it is crooked")
if name.endswith("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
database = sqlite3.connect(os.environ["DATABASE"])
with database:
    database.execute("create table if not exists starts (release text, wrong integer)")
    database.execute("insert into starts values (?, ?)", (name, name.startswith("bad")))
database.close()
pathlib.Path(os.environ["FILES"], name).write_text(name)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = name.encode()
        self.send_response(200); self.send_header("Content-Length", str(len(answer))); self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_): pass
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""

SYSTEM = """\
kind: system
version: 1
name: tiny
services:
  - name: web
    source: ../v1
    command: ["{python}", -B, service.py]
    environment: {{HOST: "${{host}}", PORT: "${{port}}", DATABASE: "${{stores.rows.path}}", \
FILES: "${{stores.notes.path}}"}}
    traffic: {{kind: haproxy, listen: "127.0.0.1:{port}", hold_limit: 20s, drain_limit: 2s}}
    readiness: [{{http: /}}]
    ready_within: 15s
    stop_within: 5s
    stores: [rows, notes]
stores:
  - {{name: rows, kind: sqlite, path: ../rows.db}}
  - {{name: notes, kind: files, path: ../notes}}
vaults:
  - {{name: local, kind: restic, location: ../vault}}
"""

DETECTION = """\
kind: rollback/detection
version: 1
canary: [{percent: 50, at_least: 100ms, at_most: 20s, minimum_requests: 1}]
bake: 100ms
no_traffic: probes
"""

TRIGGERS = """\
kind: automatic/rollback/triggers
version: 1
approval_for_rewind: false
rollbacks_per_day: 100
"""

CONSISTENCY = """\
kind: data/consistency
version: 1
on_broken_invariant: {broken}
rewind_at_most_rows: 100
hold_for_points: {held}
invariants:
  - {{name: right, store: rows, query: select count(*) from starts where wrong, expect: "0"}}
"""


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    said: str


class TinySystem:
    """In a new folder; leaves no process behind. `vault` replaces the real one of the documents."""

    def __init__(
        self, folder: Path, broken: str = "keep", held: bool = False, quick_vault: bool = True
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.documents = folder / "lastgood"
        self.state = self.documents / ".state"
        self.documents.mkdir(parents=True)
        (folder / "notes").mkdir()
        self.quick_vault = quick_vault
        self._mishaps: dict[tuple[str, str], Callable[[], object]] = {}
        self.write("system.yml", SYSTEM.format(port=self.port, python=sys.executable))
        self.write("rollback-detection.yml", DETECTION)
        self.write("automatic-rollback-triggers.yml", TRIGGERS)
        self.write("data-consistency.yml", CONSISTENCY.format(broken=broken, held=str(held).lower()))

    def __enter__(self) -> TinySystem:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        workplace = self.workplace()
        for traffic in workplace.traffic.values():
            traffic.stop()
        for runtime in workplace.runtimes.values():
            for instance in runtime.instances():
                runtime.stop(instance.instance_id, timedelta(seconds=1))

    def write(self, name: str, text: str) -> None:
        (self.documents / name).write_text(text)

    def release(self, name: str) -> str:
        """The folder of a release of that name."""
        folder = self.folder / "sources" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "service.py").write_text(SERVICE)
            (folder / "name").write_text(name)
        return str(folder)

    def workplace(self, engine: str = "inline") -> Workplace:
        return self._open(self.documents, engine, lambda progress: None)

    def when(self, kind: str, moment: str, mishap: Callable[[], object]) -> None:
        """Let something happen, once, when the next command comes to that moment (begin, middle, end,
        recorded) of its first step of that kind."""
        self._mishaps[kind, moment] = mishap

    def command(self, *arguments: str, kill: str = "", engine: str = "inline") -> Ended:
        """One call of the command line in a child; `kill` is an instant (adapters/faults.py)."""

        def work() -> None:
            os.environ["LASTGOOD_KILL"] = kill
            self.call(*arguments, "--engine", engine)

        ended = self.child(work)
        self._mishaps.clear()
        return ended

    def call(self, *arguments: str) -> None:
        """The command line in this process; ends with SystemExit."""
        sys.argv = ["lastgood", *arguments, "--system", str(self.documents)]
        main(replace(doors(), open=self._open))

    def child(self, work: Callable[[], object]) -> Ended:
        """The work in a forked child, with its exit code (negative: the signal that killed it)."""
        with tempfile.TemporaryFile() as output:
            pid = os.fork()
            if not pid:
                _in_child(work, output.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            output.seek(0)
            return Ended(code, output.read().decode(errors="replace"))

    def answer(self) -> str:
        """The name of the release that answers where people reach the service."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=30) as answer:
            return str(answer.read().decode())

    def rows(self) -> list[tuple[str, int]]:
        """Who started on this data, in order; empty when nobody ever did."""
        if not (self.folder / "rows.db").exists():
            return []
        with closing(sqlite3.connect(self.folder / "rows.db")) as connection:
            return list(connection.execute("select release, wrong from starts order by rowid"))

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / "rows.db")) as connection, connection:
            connection.execute(statement)

    def _open(self, folder: Path, engine: str, progress: Callable[[Progress], None]) -> Workplace:
        opened = open_workplace(load_system(folder), engine, progress)
        opened = replace(opened, checkpoint=lambda instant: self._come_to(instant, opened))
        if not self.quick_vault:
            return opened
        return replace(opened, vaults={name: FolderVault(self.folder / "vault") for name in opened.vaults})

    def _come_to(self, instant: str, workplace: Workplace) -> None:
        path, _, moment = instant.partition(":")
        if path.isdigit() and self._mishaps:
            kind = workplace.runs.list()[0].plan.steps[int(path)].kind
            mishap = self._mishaps.pop((kind, moment), None)
            if mishap is not None:
                mishap()
        kill_here(instant)


def _in_child(work: Callable[[], object], output: int) -> None:
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = os.fdopen(1, "w", buffering=1)
        sys.stderr = os.fdopen(2, "w", buffering=1)
        try:
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            if sys.exc_info()[0] is not None:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
    finally:  # the child must never return into pytest
        os._exit(code)


def processes_of(folder: Path) -> list[tuple[int, str]]:
    """(pid, command) of every process that works in the folder or was started with a path in it."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit() or int(place.name) == os.getpid():
            continue
        try:
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            here = str((place / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in words or here.startswith(str(folder)):
            found.append((int(place.name), words))
    return found

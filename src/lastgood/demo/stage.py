"""Stage: the folders, the commands and the customers of the story."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lastgood.adapters.examples import shop_folder
from lastgood.adapters.load import Answer, Load
from lastgood.adapters.load_answer import Call
from lastgood.adapters.process import run, run_telling
from lastgood.demo.screen import Screen
from lastgood.domain.errors import ActionFailed
from lastgood.domain.history import History
from lastgood.execution.workplace import Workplace
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

ORDERS_PER_SECOND = 150
COMMAND_LIMIT = timedelta(minutes=3)
BUILD_LIMIT = timedelta(seconds=30)
LONGEST_LOAD = timedelta(minutes=10)
STOP_LIMIT = timedelta(seconds=2)

_ITEMS = ("tea", "coffee", "cake", "mug")


@dataclass(frozen=True, slots=True)
class Ran:
    """One command of the story. `began` and `ended` are of `time.monotonic()`."""

    exit_code: int
    lines: tuple[str, ...]
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Stage:
    """`machine` is what will be lost; vault and safe stand elsewhere, as they should."""

    def __init__(self, folder: Path, screen: Screen) -> None:
        self.folder = folder
        self.screen = screen
        self.builds = folder / "build-server"
        self.vault = folder / "vault"
        self.key = folder / "safe" / "vault.key"
        self.machine = folder / "machine"
        self._load: Load | None = None
        self._earlier: tuple[Answer, ...] = ()
        # the customers' clock counts from nowhere; this leads it to the ledger's
        self._wall_offset_seconds = time.time() - time.monotonic()

    @property
    def project(self) -> Path:
        return self.machine / "shop"

    @property
    def documents(self) -> Path:
        return self.project / "lastgood"

    @property
    def port(self) -> int:
        """Where customers reach the shop, as its documents say."""
        traffic = load_system(self.documents).service().traffic
        return traffic.port if traffic is not None else 0

    @property
    def database(self) -> Path:
        return self.project / "shop.db"

    def open_shop(self) -> None:
        """The shop as it was before lastgood came: its folder, a database with its tables, a picture."""
        shutil.copytree(self.build("v1"), self.project)
        (self.project / "Procfile").write_text("web: python3 -B -m shop --port $PORT\n")
        (self.project / "uploads").mkdir()
        (self.project / "uploads" / "tea.txt").write_text("a picture of tea\n")
        migrate = "import sqlite3; from shop.migrations import migrate; migrate(sqlite3.connect('shop.db'))"
        done = run((sys.executable, "-B", "-c", migrate), limit=BUILD_LIMIT, folder=self.project)
        if done.exit_code:
            raise _did_not("making the shop's database", done.error_text, self.folder)

    def build(self, release: str) -> Path:
        """What the build server gives: a folder with a release in it."""
        folder = self.builds / release
        done = run((sys.executable, str(shop_folder() / "build.py"), release, str(folder)), limit=BUILD_LIMIT)
        if done.exit_code:
            raise _did_not(f"building {release}", done.error_text, self.folder)
        return folder

    def lastgood(self, *arguments: str, expect: Sequence[int] = (0,)) -> Ran:
        """Run a command as a person would, and show what it prints. Raises ActionFailed on another end."""
        self.screen.command(self._as_typed(arguments))
        lines: list[str] = []

        def tell(line: str) -> None:
            lines.append(line)
            self.screen.output(line)

        began = time.monotonic()
        code = run_telling(
            (sys.executable, "-m", "lastgood", *arguments),
            tell,
            limit=COMMAND_LIMIT,
            environment={"LASTGOOD_SYSTEM": str(self.documents)},
            folder=self.project if self.project.is_dir() else self.folder,
        )
        if code not in expect:
            raise _did_not(f"lastgood {arguments[0]}", "\n".join(lines[-8:]), self.folder)
        return Ran(code, tuple(lines), began, time.monotonic())

    def _as_typed(self, arguments: Sequence[str]) -> str:
        """Paths as a person in the project's folder writes them."""
        words = (
            os.path.relpath(word, self.project) if word.startswith(str(self.folder)) else word
            for word in arguments
        )
        return f"lastgood {' '.join(words)}"

    def customers_come(self) -> None:
        """Orders at a steady rate, each sent once, until `customers_leave`."""
        load = Load(
            "127.0.0.1",
            self.port,
            ORDERS_PER_SECOND,
            call=_order,
            longest=LONGEST_LOAD,
            answer_limit=timedelta(seconds=20),
        )
        self._load = load
        self.screen.watch(lambda: self.answers)
        load.start()

    def customers_leave(self) -> None:
        load, self._load = self._load, None
        if load is not None:
            load.stop()
            self._earlier += load.answers
            self.screen.watch(None)

    @property
    def answers(self) -> tuple[Answer, ...]:
        return self._earlier + (self._load.answers if self._load is not None else ())

    def monotonic_of(self, at: datetime) -> float:
        """The ledger's time on the customers' clock."""
        return at.astimezone(UTC).timestamp() - self._wall_offset_seconds

    def workplace(self) -> Workplace:
        return open_workplace(load_system(self.documents))

    def history(self) -> History:
        return self.workplace().records.history()

    def count_orders(self) -> int:
        with closing(sqlite3.connect(self.database)) as connection:
            (count,) = connection.execute("select count(*) from orders").fetchone()
            return int(count)

    def lose_the_machine(self) -> None:
        """Everything on it ends, and its disk is gone: documents, state, releases, data."""
        self.end_processes()
        # what goes is a folder that this story made, under one that it was given
        shutil.rmtree(self.machine)

    def end_processes(self) -> None:
        if not (self.documents / "system.yml").exists():
            return
        workplace = self.workplace()
        for traffic in workplace.traffic.values():
            traffic.stop()
        for runtime in workplace.runtimes.values():
            for instance in runtime.instances():
                runtime.stop(instance.instance_id, STOP_LIMIT)


def _order(number: int) -> Call:
    order = {"item": _ITEMS[number % len(_ITEMS)], "quantity": 1 + number % 3}
    return Call("POST", "/orders", json.dumps(order).encode(), "application/json")


def _did_not(what: str, said: str, folder: Path) -> ActionFailed:
    return ActionFailed(
        f"The story broke off at `{what}`: {said}",
        "Nothing outside its own folder was touched.",
        f"Look at {folder}; `lastgood check --system {folder / 'machine/shop/lastgood'}` may tell more.",
    )

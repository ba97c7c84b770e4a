"""A program that is killed.

`engine_victim.py kills ENGINE FOLDER` walks the same run once for every instant that a kill -9 can hit, then
again, and prints what came of it; `engine_victim.py wait ENGINE FOLDER` waits in a step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lastgood.engine.dbos import DbosEngine
from lastgood.engine.inline import InlineEngine
from lastgood.ports.engine import Engine, RecordedStep

ENGINES: dict[str, type[Engine]] = {"inline": InlineEngine, "dbos": DbosEngine}
STEPS = ("0", "1.left", "2", "back.0")
INSTANTS = ("before", "inside", "after", "recorded")


def kills(engine: str, folder: Path) -> None:
    import dbos  # noqa: F401 (imported once, before the forks)

    witnesses = [_fork(lambda step=step: _kill_at_each_instant(engine, folder, step)) for step in STEPS]
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(witness, 0)[1]) for witness in witnesses))


def _kill_at_each_instant(engine: str, folder: Path, step: str) -> None:
    for instant in INSTANTS:
        place = folder / f"{step}-{instant}"
        place.mkdir()
        first = _end_of(_fork(lambda place=place, at=(step, instant): _walk(engine, place, at)))
        second = _end_of(_fork(lambda place=place: _walk(engine, place, ("", ""))))
        begun = (place / "begun").read_text().split()
        story = {
            "step": step,
            "instant": instant,
            "ends": [first, second],
            "begun": {name: begun.count(name) for name in STEPS},
            "result": (place / "result").read_text() if second == 0 else "",
        }
        os.write(1, json.dumps(story).encode() + b"\n")


def wait(engine: str, folder: Path) -> None:
    def body() -> str:
        with (folder / "begun").open("a") as begun:
            begun.write("slow\n")
        until = time.monotonic() + 30
        while not (folder / "go").exists() and time.monotonic() < until:
            time.sleep(0.01)
        return "slow"

    try:
        print(
            ENGINES[engine]().execute(
                "run", folder, lambda step: step("0", lambda: "quick") + step("1", body)
            )
        )
    except KeyboardInterrupt:
        sys.exit(130)


def _walk(engine: str, place: Path, kill_at: tuple[str, str]) -> None:
    def die_at(path: str, instant: str) -> None:
        if (path, instant) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def body(path: str, result: str) -> Callable[[], str]:
        def perform() -> str:
            with (place / "begun").open("a") as begun:
                begun.write(f"{path}\n")
            die_at(path, "before")
            (place / f"effect-{path}").write_text("half")
            die_at(path, "inside")
            (place / f"effect-{path}").write_text("whole")
            die_at(path, "after")
            return result

        return perform

    def walk(step: RecordedStep) -> str:
        results = []
        path, after = "0", {"0": "1.left", "1.left": "2", "2": "back.0"}
        while path:
            results.append(step(path, body(path, after.get(path, "end"))))
            die_at(path, "recorded")
            path = results[-1] if results[-1] != "end" else ""
        return " ".join(results)

    (place / "result").write_text(ENGINES[engine]().execute("run", place, walk))


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def _end_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    {"kills": kills, "wait": wait}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))

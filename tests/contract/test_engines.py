"""What every engine keeps to: each step is recorded once, and a walk goes on from its last record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support import engine_victim

from lastgood.domain.errors import ActionFailed
from lastgood.engine.dbos import DbosEngine
from lastgood.engine.inline import InlineEngine
from lastgood.ports.engine import Engine, RecordedStep

VICTIM = Path(engine_victim.__file__)
ROOT = VICTIM.parents[2]


@pytest.fixture(params=[InlineEngine, DbosEngine], ids=["inline", "dbos"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.param()
    return made


class Bodies:
    """Step bodies that count how often they ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def body(self, path: str, result: str) -> Callable[[], str]:
        def perform() -> str:
            self.ran.append(path)
            return result

        return perform


def victim(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(VICTIM), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_an_empty_walk_ends_with_its_result(engine: Engine, tmp_path: Path) -> None:
    assert engine.execute("run", tmp_path, lambda step: "nothing to do") == "nothing to do"


def test_a_finished_run_gives_its_recorded_result_back_and_runs_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    bodies = Bodies()

    def walk(step: RecordedStep) -> str:
        return step("0", bodies.body("0", "first")) + step("1", bodies.body("1", "second"))

    assert engine.execute("run", tmp_path, walk) == "firstsecond"
    assert engine.execute("run", tmp_path, walk) == "firstsecond"
    assert bodies.ran == ["0", "1"]


def test_long_and_foreign_results_come_back_unchanged(engine: Engine, tmp_path: Path) -> None:
    results = ["x" * 1_000_000, "Größe 大 🙂 \x00 \u2028\n", json.dumps({"a": [1, None]}), ""]

    def walk(step: RecordedStep) -> str:
        return json.dumps([step(str(index), lambda text=text: text) for index, text in enumerate(results)])

    assert json.loads(engine.execute("run", tmp_path, walk)) == results
    assert json.loads(engine.execute("run", tmp_path, walk)) == results


def test_what_the_walk_raises_reaches_the_caller_and_the_run_stays_resumable(
    engine: Engine, tmp_path: Path
) -> None:
    bodies = Bodies()

    def broken(step: RecordedStep) -> str:
        step("0", bodies.body("0", "kept"))
        raise ValueError("a fault in the walk")

    def mended(step: RecordedStep) -> str:
        return step("0", bodies.body("0", "again")) + step("1", bodies.body("1", "!"))

    with pytest.raises(ValueError, match="a fault in the walk"):
        engine.execute("run", tmp_path, broken)
    assert engine.execute("run", tmp_path, mended) == "kept!"
    assert bodies.ran == ["0", "1"]


def test_a_body_that_raises_records_nothing_and_runs_again(engine: Engine, tmp_path: Path) -> None:
    def walk(step: RecordedStep) -> str:
        return step("0", body)

    def body() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.execute("run", tmp_path, walk)
    assert engine.execute("run", tmp_path, lambda step: step("0", lambda: "done")) == "done"


def test_bodies_run_in_the_thread_of_the_caller(engine: Engine, tmp_path: Path) -> None:
    import threading

    seen: list[int] = []

    def body() -> str:
        seen.append(threading.get_ident())
        return ""

    engine.execute("run", tmp_path, lambda step: step("0", body))
    assert seen == [threading.get_ident()]


def test_a_folder_with_an_odd_name_holds_a_run_too(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "a b%20?#&é"
    folder.mkdir()
    assert engine.execute("run", folder, lambda step: step("0", lambda: "ok")) == "ok"
    assert len(list(folder.iterdir())) == 1


def test_after_kill_9_at_any_instant_of_any_step_the_run_ends_the_same(
    engine: Engine, tmp_path: Path
) -> None:
    """Given a kill before, inside and after a body, or after its record; then only what was not recorded
    runs again."""
    with victim("kills", engine.name, str(tmp_path)) as process:
        output, _ = process.communicate(timeout=100)
    stories = [json.loads(line) for line in output.splitlines()]
    assert len(stories) == len(engine_victim.STEPS) * len(engine_victim.INSTANTS)
    for story in stories:
        assert story["ends"] == [-signal.SIGKILL, 0], story
        assert story["result"] == "1.left 2 back.0 end", story
        for name, times in story["begun"].items():
            lost = name == story["step"] and story["instant"] != "recorded"
            assert times == (2 if lost else 1), story


def test_ctrl_c_in_a_step_ends_the_process_and_leaves_the_run_resumable(
    engine: Engine, tmp_path: Path
) -> None:
    with victim("wait", engine.name, str(tmp_path)) as process:
        until = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 130
    (tmp_path / "go").touch()
    with victim("wait", engine.name, str(tmp_path)) as process:
        output, _ = process.communicate(timeout=30)
    assert output.strip() == "quickslow"
    assert (tmp_path / "begun").read_text().split() == ["slow", "slow"]


def test_records_that_are_no_records_are_an_error_that_says_what_to_do(
    engine: Engine, tmp_path: Path
) -> None:
    for name in ("journal.jsonl", "engine.db"):
        (tmp_path / name).write_bytes(b"this is not what an engine writes\n" * 200)
    with pytest.raises(ActionFailed) as caught:
        engine.execute("run", tmp_path, lambda step: step("0", lambda: ""))
    assert caught.value.mend

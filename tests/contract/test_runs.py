"""Runs and leases: what a process that is gone leaves behind, and what two at once may not do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lastgood.domain.errors import ActionFailed, Busy, Refused, UsageError
from lastgood.domain.plan import Plan, Step
from lastgood.domain.run import RunState, StepEnd, StepRecord, StepResult, Word, WordKind
from lastgood.records.leases import FolderLeases
from lastgood.records.runs import FolderRuns

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan(
    "deploy",
    "Deploy shop-1",
    ("shop",),
    (Step("start", {"port": 1}, "Starts shop-1"),),
    {"keep": Plan("rollback", "Back", (), ())},
)
HOLDER = """
import sys, time
from pathlib import Path
from lastgood.records.leases import FolderLeases
from lastgood.records.runs import FolderRuns
with FolderRuns(Path(sys.argv[1])).lock("r1"), FolderLeases(Path(sys.argv[2])).hold(["shop", "db"], "r1"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def runs(tmp_path: Path) -> FolderRuns:
    return FolderRuns(tmp_path / "runs")


@pytest.fixture
def leases(tmp_path: Path) -> FolderLeases:
    return FolderLeases(tmp_path / "leases")


def create(runs: FolderRuns, run_id: str = "r1", *, waiting: bool = False, at: datetime = NOW) -> Path:
    return runs.create(run_id, PLAN, "inline", at, waiting)


def record(path: str) -> StepRecord:
    return StepRecord(path, "start", "Starts shop-1", StepResult(StepEnd.DONE, NOW, NOW, "It runs."))


def test_a_new_run_without_a_process_is_interrupted_and_keeps_its_plan(runs: FolderRuns) -> None:
    folder = create(runs)
    run = runs.load("r1")
    assert folder == runs.folder("r1")
    assert (run.plan, run.engine, run.created_at, run.state) == (PLAN, "inline", NOW, RunState.INTERRUPTED)


def test_creating_the_same_run_again_changes_nothing_and_another_plan_is_refused(runs: FolderRuns) -> None:
    create(runs)
    create(runs)
    with pytest.raises(ActionFailed, match="another plan"):
        runs.create("r1", Plan("backup", "Other", (), ()), "inline", NOW, False)
    assert runs.load("r1").plan == PLAN


def test_a_run_is_running_while_its_lock_is_held_and_interrupted_after(runs: FolderRuns) -> None:
    create(runs)
    with runs.lock("r1"):
        assert runs.load("r1").state is RunState.RUNNING
        with pytest.raises(Busy) as caught, runs.lock("r1"):
            pass
        assert "lastgood cancel r1" in caught.value.mend
    assert runs.load("r1").state is RunState.INTERRUPTED


def test_the_end_of_a_run_is_kept(runs: FolderRuns) -> None:
    create(runs)
    with runs.lock("r1"):
        runs.finish("r1", RunState.ROLLED_BACK, "It was bad.", "keep", "", NOW)
    run = runs.load("r1")
    assert (run.state, run.says, run.way_back, run.finished_at) == (
        RunState.ROLLED_BACK,
        "It was bad.",
        "keep",
        NOW,
    )
    assert run.exit_code == 3


def test_steps_are_shown_once_and_a_torn_line_spoils_only_itself(runs: FolderRuns) -> None:
    folder = create(runs)
    runs.record_step("r1", record("0"))
    runs.record_step("r1", record("0"))
    with (folder / "steps.jsonl").open("a") as file:
        file.write('{"path":"1","result":{"facts":{}')
    runs.record_step("r1", record("2"))
    assert [step.path for step in runs.load("r1").steps] == ["0", "2"]


def test_a_run_waits_until_a_person_agrees_and_only_then(runs: FolderRuns) -> None:
    create(runs, waiting=True)
    assert runs.load("r1").state is RunState.WAITING
    runs.approve("r1", "ada", "looked at the rows", NOW)
    assert runs.load("r1").state is RunState.INTERRUPTED
    with pytest.raises(Refused):
        runs.approve("r1", "ada", "again", NOW)


def test_a_stop_is_asked_for_and_seen(runs: FolderRuns) -> None:
    create(runs)
    assert not runs.stop_requested("r1")
    runs.request_stop("r1")
    assert runs.stop_requested("r1")


def test_the_newest_run_is_listed_first_and_a_damaged_one_says_so(runs: FolderRuns) -> None:
    assert runs.list() == ()
    create(runs, "old", at=NOW - timedelta(days=1))
    create(runs, "new")
    assert [run.id for run in runs.list()] == ["new", "old"]
    (runs.folder("old") / "plan.json").write_text('{"kind":')
    damaged = next(run for run in runs.list() if run.id == "old")
    assert damaged.state is RunState.FAILED
    assert "cannot be read" in damaged.says
    (runs.folder("old") / "request.json").write_text('{"kind":')
    listed = next(run for run in runs.summaries() if run.id == "old")
    assert listed.state is RunState.FAILED
    assert "cannot be read" in listed.says


def test_a_list_reads_no_plan(runs: FolderRuns) -> None:
    """Plans are large: two hundred of them are slow to read. Only those of 0.1.0 have no other title."""
    create(runs, "new")
    (runs.folder("new") / "plan.json").write_text("damaged")
    old = create(runs, "old", at=NOW - timedelta(days=1))
    request = json.loads((old / "request.json").read_text())
    (old / "request.json").write_text(
        json.dumps({name: request[name] for name in ("id", "engine", "created_at", "waiting")})
    )
    listed = runs.summaries()
    assert [(run.id, run.title, run.subjects) for run in listed] == [
        ("new", "Deploy shop-1", ("shop",)),
        ("old", "Deploy shop-1", ("shop",)),
    ]


def test_the_unfinished_runs_are_those_without_an_end(runs: FolderRuns) -> None:
    create(runs, "ended")
    runs.finish("ended", RunState.SUCCEEDED, "Done.", "", "", NOW)
    create(runs, "waiting", waiting=True)
    create(runs, "interrupted")
    found = {run.id: run.state for run in runs.summaries(only_unfinished=True)}
    assert found == {"waiting": RunState.WAITING, "interrupted": RunState.INTERRUPTED}
    assert len(runs.summaries()) == 3


@pytest.mark.parametrize("run_id", ["nope", "../etc", "", ".hidden", "a/b"])
def test_a_run_id_that_is_none_is_wrong_usage(runs: FolderRuns, run_id: str) -> None:
    with pytest.raises(UsageError):
        runs.load(run_id)


def test_leases_name_their_holder_and_count_up(leases: FolderLeases) -> None:
    with leases.hold(["shop", "db"], "r1") as tokens:
        assert tokens == {"shop": 1, "db": 1}
        with pytest.raises(Busy) as caught, leases.hold(["files", "shop"], "r2"):
            pass
        assert "r1" in caught.value.happened
    with leases.hold(["shop", "files"], "r3") as tokens:
        assert tokens == {"shop": 2, "files": 2}


def test_leases_on_other_subjects_do_not_meet(leases: FolderLeases) -> None:
    with leases.hold(["shop"], "r1"), leases.hold(["a/b", "blog"], "r2") as tokens:
        assert tokens == {"a/b": 1, "blog": 1}


def test_the_death_of_a_process_frees_its_run_and_leases(
    runs: FolderRuns, leases: FolderLeases, tmp_path: Path
) -> None:
    create(runs)
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "runs"), str(tmp_path / "leases")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert runs.load("r1").state is RunState.RUNNING
        with pytest.raises(Busy, match="r1"), leases.hold(["db"], "r2"):
            pass
        os.kill(process.pid, signal.SIGKILL)
    assert runs.load("r1").state is RunState.INTERRUPTED
    with runs.lock("r1"), leases.hold(["db"], "r2") as tokens:
        assert tokens["db"] > 1


def word(kind: WordKind, note: str = "") -> Word:
    return Word(kind, "ann", note, NOW)


def test_words_are_heard_in_order_and_by_whoever_loads_the_run(runs: FolderRuns) -> None:
    create(runs)
    assert runs.words("r1") == ()
    said = (word(WordKind.PAUSE, "grün"), word(WordKind.CONTINUE))
    for one in said:
        runs.say("r1", one)
    assert runs.words("r1") == runs.load("r1").words == said


def test_a_word_that_a_crash_tore_off_was_not_said(runs: FolderRuns) -> None:
    file = create(runs) / "words.jsonl"
    runs.say("r1", word(WordKind.PAUSE))
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:20])
    assert runs.words("r1") == (word(WordKind.PAUSE),)


def test_a_question_stands_until_it_is_taken_back_or_the_run_ends(runs: FolderRuns) -> None:
    create(runs)
    runs.ask("r1", "")
    assert runs.load("r1").asks == ""
    runs.ask("r1", "Go on, für immer?")
    assert runs.load("r1").asks == runs.summaries()[0].asks == "Go on, für immer?"
    runs.ask("r1", "")
    assert runs.load("r1").asks == ""
    runs.ask("r1", "And now?")
    runs.finish("r1", RunState.CANCELLED, "", "", "", NOW)
    assert (runs.load("r1").asks, runs.summaries()[0].asks) == ("", "")

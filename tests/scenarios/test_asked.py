"""What people say to a deploy that goes on: it asks, is paused, overridden, promoted; and dry runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.end_state import end_state
from tests.support.killing import exit_code, in_child
from tests.support.small_services import wait_for
from tests.support.stories import done
from tests.support.tiny_system import DETECTION, TRIGGERS, TinySystem

from lastgood.domain.event import PersonDecided
from lastgood.domain.history import History
from lastgood.domain.release import ReleaseState
from lastgood.domain.run import Run, RunState

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinySystem]:
    """Given a service on v1."""
    with TinySystem(tmp_path) as system:
        done(system.command("deploy", system.release("v1")))
        yield system


def triggers(system: TinySystem, *lines: str) -> None:
    system.write("automatic-rollback-triggers.yml", TRIGGERS + "".join(f"{line}\n" for line in lines))


def newest(system: TinySystem) -> Run:
    return system.workplace().runs.list()[0]


def history(system: TinySystem) -> History:
    return system.workplace().records.history()


@contextmanager
def deploying(system: TinySystem, name: str, expected: int) -> Iterator[None]:
    """A deploy that goes on meanwhile, and ends with the expected code."""
    source = system.release(name)
    pid = in_child(lambda: _leave_with_the_code(system, source))
    yield
    assert exit_code(pid) == expected, newest(system).says


def _leave_with_the_code(system: TinySystem, source: str) -> None:
    try:
        system.call("deploy", source, "--engine", "inline")
    except SystemExit as ended:
        os._exit(ended.code if isinstance(ended.code, int) else 1)


def watched(system: TinySystem) -> Callable[[], bool]:
    """Whether it watches already; its observe step holds a note by then."""
    return lambda: (
        newest(system).plan.title.startswith("Deploy v2")
        and any(system.state.glob(f"runs/{newest(system).id}/observe-*.json"))
    )


def asks(system: TinySystem) -> Callable[[], bool]:
    return lambda: bool(newest(system).asks)


def test_a_dry_run_goes_on_and_says_what_it_would_have_done(tiny: TinySystem) -> None:
    """Given `notify`, when a bad release comes, then it is promoted (exit code 0), why it would have been
    rolled back is said at the end and recorded, and nothing is quarantined."""
    triggers(tiny, "on_failed: notify")
    ended = tiny.command("deploy", tiny.release("bad"))
    done(ended)
    assert "Would have rolled back: The invariant right is broken" in ended.said.splitlines()[-2]
    state = end_state(tiny)
    assert (state.answers, state.running, state.states["bad"]) == ("bad", ["bad runs"], ReleaseState.GOOD)
    given = [one for _, one in history(tiny).verdicts if one.run_id == newest(tiny).id]
    assert [one.action for one in given] == ["notify", "promote", "promote"]
    assert history(tiny).rollbacks_since("web", given and newest(tiny).created_at) == 0


def test_an_asking_deploy_goes_on_when_a_person_overrides_the_verdict(tiny: TinySystem) -> None:
    """Given `ask`, when a bad release fails, then both stay as they are; approved, it is promoted, and who
    overrode the verdict stands in the ledger."""
    triggers(tiny, "on_failed: ask")
    with deploying(tiny, "bad", expected=0):
        wait_for(asks(tiny), 40)
        run = newest(tiny)
        assert end_state(tiny).running == ["bad runs", "v1 runs"]
        assert "Asks a person" in tiny.command("status").said
        assert "The invariant right is broken" in tiny.command("runs", "show", run.id).said
        done(tiny.command("approve", run.id, "--note", "the rows are meant to be so"))
    assert tiny.answer() == "bad"
    ended = newest(tiny)
    assert (ended.state, ended.asks) == (RunState.SUCCEEDED, "")
    assert "The verdict was overridden by" in ended.says
    decided = [one for _, one in history(tiny).decisions if one.run_id == run.id]
    assert [(one.what, one.note) for one in decided] == [("approve", "the rows are meant to be so")]
    given = [one for _, one in history(tiny).verdicts if one.run_id == run.id]
    assert given[0].action == "override"


def test_an_asking_deploy_goes_back_when_a_person_cancels_it(tiny: TinySystem) -> None:
    """It is a rollback like any other: exit code 3, quarantined."""
    triggers(tiny, "on_failed: ask")
    with deploying(tiny, "bad", expected=3):
        wait_for(asks(tiny), 40)
        done(tiny.command("cancel", newest(tiny).id))
    state = end_state(tiny)
    assert (state.answers, state.running, state.states["bad"]) == ("v1", ["v1 runs"], ReleaseState.BAD)
    assert "A person said to go back." in newest(tiny).says


def test_an_asking_deploy_goes_back_when_nobody_answers(tiny: TinySystem) -> None:
    triggers(tiny, "on_failed: ask", "ask_for: 300ms")
    ended = tiny.command("deploy", tiny.release("bad"))
    assert ended.code == 3, ended.said
    assert "Nobody answered within 0.3 s." in ended.said
    assert "Go on: `lastgood approve" in ended.said
    assert tiny.answer() == "v1"


def test_a_question_survives_the_death_of_its_process(tiny: TinySystem) -> None:
    """When the process is killed while it asks, then the answer carries the deploy on."""
    triggers(tiny, "on_failed: ask")
    source = tiny.release("bad")
    pid = in_child(lambda: tiny.call("deploy", source, "--engine", "inline"))
    wait_for(asks(tiny), 40)
    os.kill(pid, signal.SIGKILL)
    exit_code(pid)
    run = newest(tiny)
    assert (run.state, bool(run.asks)) == (RunState.INTERRUPTED, True)
    done(tiny.command("approve", run.id))
    assert tiny.answer() == "bad"


def test_promotion_waits_for_a_person_where_the_documents_say_so(tiny: TinySystem) -> None:
    """Given `approval_to_promote`, then a healthy release waits after its bake with the old one warm."""
    triggers(tiny, "approval_to_promote: true")
    with deploying(tiny, "v2", expected=0):
        wait_for(asks(tiny), 40)
        assert end_state(tiny).running == ["v1 runs", "v2 runs"]
        assert history(tiny).current("web") == history(tiny).switches["web"][0]
        done(tiny.command("approve", newest(tiny).id, "--note", "go"))
    assert "Promotion approved by" in newest(tiny).says
    assert end_state(tiny).running == ["v2 runs"]


def test_a_release_that_turns_bad_while_it_waits_for_approval_goes_back(tiny: TinySystem) -> None:
    """And an approval that comes afterwards is refused."""
    triggers(tiny, "approval_to_promote: true")
    with deploying(tiny, "v2", expected=3):
        wait_for(asks(tiny), 40)
        tiny.change("insert into starts values ('a mishap', 1)")
    assert (tiny.answer(), newest(tiny).state) == ("v1", RunState.ROLLED_BACK)
    assert tiny.command("approve", newest(tiny).id).code == 5


def test_without_that_approval_the_candidate_leaves(tiny: TinySystem) -> None:
    """It is no verdict against it: exit code 6, and it may be deployed again."""
    triggers(tiny, "approval_to_promote: true", "approve_within: 300ms")
    ended = tiny.command("deploy", tiny.release("v2"))
    assert ended.code == 6, ended.said
    assert "Nobody agreed to promote it within 0.3 s." in ended.said
    state = end_state(tiny)
    assert (state.answers, state.states["v2"]) == ("v1", ReleaseState.CANDIDATE)


def test_a_paused_deploy_stays_where_it_is_until_it_may_go_on(tiny: TinySystem) -> None:
    """Paused in its watch, v2 keeps its share however long it is healthy; continued, it is promoted."""
    tiny.write("rollback-detection.yml", DETECTION.replace("100ms, at_most", "1500ms, at_most"))
    with deploying(tiny, "v2", expected=0):
        wait_for(watched(tiny), 40)
        run = newest(tiny)
        done(tiny.command("runs", "pause", run.id, "--note", "looking"))
        time.sleep(3)
        assert newest(tiny).state is RunState.RUNNING
        assert sorted(end_state(tiny).routes) == [("v1", 50), ("v2", 50)]
        done(tiny.command("runs", "continue", run.id))
    assert tiny.answer() == "v2"
    assert [one.what for _, one in history(tiny).decisions] == ["pause", "continue"]


def test_a_paused_deploy_is_rolled_back_when_it_turns_bad(tiny: TinySystem) -> None:
    """A pause stops the way forward, never the way back."""
    tiny.write("rollback-detection.yml", DETECTION.replace("100ms, at_most", "1500ms, at_most"))
    with deploying(tiny, "v2", expected=3):
        wait_for(watched(tiny), 40)
        done(tiny.command("runs", "pause", newest(tiny).id))
        tiny.change("insert into starts values ('a mishap', 1)")
    assert (tiny.answer(), newest(tiny).state) == ("v1", RunState.ROLLED_BACK)


def test_a_person_promotes_without_waiting_for_the_watch(tiny: TinySystem) -> None:
    """It needs a reason, which is recorded and said at the end; an hour of baking is skipped."""
    tiny.write("rollback-detection.yml", DETECTION.replace("bake: 100ms", "bake: 1h"))
    with deploying(tiny, "v2", expected=0):
        wait_for(watched(tiny), 40)
        run = newest(tiny)
        refused = tiny.command("approve", run.id, "--promote")
        assert (refused.code, "needs a reason" in refused.said) == (2, True)
        done(tiny.command("approve", run.id, "--promote", "--note", "a hot fix"))
    assert "Promoted before its watch had ended, by" in newest(tiny).says
    decided = [one for _, one in history(tiny).decisions]
    assert [(one.what, one.note) for one in decided] == [("promote", "a hot fix")]
    assert isinstance(decided[0], PersonDecided)
    assert tiny.answer() == "v2"


def test_nothing_is_said_to_a_run_that_is_over(tiny: TinySystem) -> None:
    """Refused with exit code 5, and nothing recorded."""
    run = newest(tiny)
    for words in (
        ("runs", "pause"),
        ("runs", "continue"),
        ("approve",),
        ("approve", "--note", "x", "--promote"),
    ):
        refused = tiny.command(*words, run.id)
        assert refused.code == 5, refused.said
    assert newest(tiny).words == ()
    assert history(tiny).decisions == ()

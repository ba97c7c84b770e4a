"""Kill -9 at every boundary and in the middle of every step of every plan.

A story is told on one system in peace; on another it is killed at its first instant, taken up by the
next command, killed at the second instant, and so on through all instants of all its steps: begin, middle,
end (done, not recorded), recorded, then those of the run itself. Both must come to the same end state
(tests/support/end_state.py): who answers, what the service is on, exactly one instance and no other process,
free ports, routes, no hold, the data row by row, every event in the ledger once, quarantine, points, what the
vault holds, what is kept of replaced data, nothing left aside or staged, and how the run ended."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import dbos  # noqa: F401 (imported once, before the forks)
import pytest
from tests.support.end_state import differences, end_state
from tests.support.killing import exit_code, in_child
from tests.support.stories import STORIES, Story
from tests.support.tiny_system import TinySystem

import lastgood.planning
from lastgood.domain.run import Run, RunState
from lastgood.execution.dispatch import HANDLERS

pytestmark = pytest.mark.timeout(240)

INSTANTS = ("begin", "middle", "end", "recorded")
OF_THE_RUN = ("run:walked", "run:told", "run:finished")
KILLED = -9


@pytest.mark.parametrize("name", STORIES)
def test_killed_on_the_way_it_comes_to_the_same_end(name: str, tmp_path: Path) -> None:
    """By the inline engine at every instant; by DBOS at one instant of every second step: what the steps do
    is the same there, and it resumes after a second; itself it is killed everywhere in its own tests."""
    story = STORIES[name]
    with TinySystem(tmp_path / "peace", **story.documents) as peace:
        told = _in_peace(story, peace)
        expected = end_state(peace)
    assert expected.answers == (story.serves or "nobody")
    every = ["run:created", *_instants(told), *OF_THE_RUN]
    missing = story.proves - {record.kind for record in told.steps if f"{record.path}:middle" in every}
    assert not missing, f"never killed in the middle: {missing}"
    with (
        TinySystem(tmp_path / "inline", **story.documents) as inline,
        TinySystem(tmp_path / "dbos", **story.documents) as durable,
    ):
        # beside each other: after a kill DBOS sleeps for a second before it takes a run up
        beside = in_child(lambda: _kill(story, durable, _in_turn(told, every), "dbos"))
        try:
            _kill(story, inline, every, "inline")
        finally:
            code = exit_code(beside)
        assert code == 0
        assert differences(end_state(inline), expected) == {}
        assert differences(end_state(durable), expected) == {}


def test_every_kind_of_step_is_killed_in_the_middle() -> None:
    """A new handler without a story that is killed in it fails here."""
    assert frozenset().union(*(story.proves for story in STORIES.values())) == set(HANDLERS)


def test_every_plan_has_a_story() -> None:
    planners = {
        name
        for module in pkgutil.iter_modules(lastgood.planning.__path__)
        for name, _ in inspect.getmembers(
            importlib.import_module(f"lastgood.planning.{module.name}"), inspect.isfunction
        )
        if name.startswith("plan_")
    }
    assert {story.planner for story in STORIES.values()} == planners


def _in_peace(story: Story, system: TinySystem) -> Run:
    story.before(system)
    before = len(system.workplace().runs.list())
    ended = story.command(system, "", "inline")
    assert len(system.workplace().runs.list()) == before + 1, ended.said
    run = system.workplace().runs.list()[0]
    assert run.state is story.ends, ended.said
    assert run.way_back == story.way_back
    return run


def _instants(told: Run) -> list[str]:
    """Of every step, in the order in which they were done. A step that found its work done has no middle."""
    return [
        f"{record.path}:{instant}"
        for record in told.steps
        for instant in INSTANTS
        if instant != "middle" or not record.result.was_already_done
    ]


def _in_turn(told: Run, every: list[str]) -> list[str]:
    """The end of one step (done, not recorded), the next one recorded, the one after that in its middle."""
    instants = ("end", "recorded", "middle")
    turn = [f"{record.path}:{instants[number % 3]}" for number, record in enumerate(told.steps[::2])]
    return ["run:created", *(instant for instant in turn if instant in every), "run:walked"]


def _kill(story: Story, system: TinySystem, instants: list[str], engine: str) -> None:
    """Killed at each instant in turn; the next command takes the run up each time."""
    story.before(system)
    first, *others = instants
    ended = story.command(system, first, engine)
    assert ended.code == KILLED, f"{first}: {ended.said}"
    for instant in others:
        ended = system.command("runs", "resume", kill=instant, engine=engine)
        assert ended.code == KILLED, f"{instant}: {ended.code} {ended.said}"
    ended = system.command("runs", "resume", engine=engine)
    assert ended.code == 0, ended.said
    assert system.workplace().runs.list()[0].state not in (RunState.INTERRUPTED, RunState.RUNNING)

"""A run that was killed and is then cancelled goes back: as if it had never begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.end_state import EndState, differences, end_state
from tests.support.stories import STORIES, done
from tests.support.tiny_system import TinySystem

from lastgood.domain.run import Run, RunState, StepRecord

pytestmark = pytest.mark.timeout(120)

KILLED = -9


@pytest.mark.parametrize(
    "name", ["first deploy", "deploy with held points", "rollback", "rollback with rewind", "restore"]
)
def test_killed_in_the_middle_and_cancelled_everything_is_as_before(name: str, tmp_path: Path) -> None:
    """In the middle of each step before the point of no return, one after the other on the same system."""
    story = STORIES[name]
    with TinySystem(tmp_path / "peace", **story.documents) as peace:
        story.before(peace)
        story.command(peace, "", "inline")
        told = peace.workplace().runs.list()[0]
    with TinySystem(tmp_path / "cancelled", **story.documents) as system:
        story.before(system)
        if name == "first deploy":
            system.workplace().traffic["web"].ensure()
        before = end_state(system)
        for record in _before_the_point_of_no_return(told):
            ended = story.command(system, f"{record.path}:middle", "inline")
            assert ended.code == KILLED, f"{record}: {ended.said}"
            run = system.workplace().runs.list()[0]
            said = system.command("cancel", run.id).said
            assert system.workplace().runs.load(run.id).state is RunState.CANCELLED, f"{record.kind}: {said}"
            assert differences(_lasting(end_state(system)), _lasting(before)) == {}, record.kind


def test_a_run_past_its_point_of_no_return_is_not_stopped(tmp_path: Path) -> None:
    """Killed while the old release is being stopped, then cancelled: the promotion stands and is tidied."""
    story = STORIES["deploy"]
    with TinySystem(tmp_path) as system:
        story.before(system)
        peaceful = story.command(system, "", "inline")
        done(peaceful)
        plan = system.workplace().runs.list()[0].plan
        assert plan.commits_at is not None
        ended = system.command("deploy", system.release("v3"), kill=f"{plan.commits_at + 1}:middle")
        assert ended.code == KILLED, ended.said
        run = system.workplace().runs.list()[0]
        done(system.command("cancel", run.id))
        assert system.workplace().runs.load(run.id).state is RunState.SUCCEEDED
        assert end_state(system).running == ["v3 runs"]
        assert system.answer() == "v3"


def _before_the_point_of_no_return(told: Run) -> list[StepRecord]:
    limit = len(told.steps) if told.plan.commits_at is None else told.plan.commits_at
    return [record for record in told.steps[:limit] if not record.result.was_already_done]


def _lasting(state: EndState) -> EndState:
    """Without what a cancelled run rightly leaves: its records, its backups, the starts of its instances."""
    return replace(
        state,
        goes_back_to=(),
        states={},
        rows=[row for row in state.rows if row[0] == "a customer"],
        notes=[note for note in state.notes if note == "new"],
        events={},
        told=[],
        points=[],
        in_vault={},
        replaced=[],
        shelf=0,
        runs=[],
        steps=[],
    )

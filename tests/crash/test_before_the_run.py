"""Killed where there is no run yet, or where its records are being written."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.support.end_state import differences, end_state
from tests.support.stories import STORIES, done
from tests.support.tiny_system import Ended, TinySystem

from lastgood.domain.run import RunState

pytestmark = pytest.mark.timeout(120)

KILLED = -9


@pytest.mark.parametrize(
    ("instant", "words"),
    [("release:staged", ("deploy", "{v2}")), ("stake:fetched", ("restore", "--yes"))],
)
def test_what_was_prepared_is_thrown_away_by_the_next_command(
    instant: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    """A staged source, a backup fetched to be counted: no run knows of them."""
    with TinySystem(tmp_path) as system:
        done(system.command("deploy", system.release("v1")))
        before = end_state(system)
        typed = [word.format(v2=system.release("v2")) for word in words]
        assert system.command(*typed, kill=instant).code == KILLED
        assert end_state(system).scraps != []
        done(system.command("deploy", system.release("v1"), "--plan"))
        assert differences(end_state(system), before) == {}


def test_the_next_command_brings_the_killed_run_to_its_end_first(tmp_path: Path) -> None:
    """Not only `runs resume`: a backup after a killed deploy ends the deploy, then makes its own point."""
    with TinySystem(tmp_path) as system:
        done(system.command("deploy", system.release("v1")))
        assert system.command("deploy", system.release("v2"), kill="8:middle").code == KILLED
        done(system.command("backup"))
        backup, deploy, _ = system.workplace().runs.list()
        assert (backup.plan.kind, backup.state) == ("backup", RunState.SUCCEEDED)
        assert (deploy.plan.kind, deploy.state) == ("deploy", RunState.SUCCEEDED)
        assert system.answer() == "v2"


@pytest.mark.parametrize("number", [2, 7, 18])
def test_the_inline_engine_survives_a_torn_record(number: int, tmp_path: Path) -> None:
    """Killed when half of a journal line is written: the step is not recorded, and is looked at again."""

    def tear(system: TinySystem) -> Ended:
        def call() -> None:
            real, lines = os.write, iter(range(1000))

            def write(descriptor: int, data: bytes) -> int:
                if bytes(data).startswith(b'{"path"') and next(lines) == number:
                    real(descriptor, data[: len(data) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(descriptor, data)

            os.write = write  # type: ignore[assignment]
            system.call("deploy", system.release("v2"), "--engine", "inline")

        return system.child(call)

    _torn(tear, "inline", tmp_path)


@pytest.mark.parametrize("number", [4, 9, 31])
def test_dbos_survives_a_kill_in_its_commit(number: int, tmp_path: Path) -> None:
    """Killed as it is about to commit a record to its database."""

    def tear(system: TinySystem) -> Ended:
        def call() -> None:
            from sqlalchemy import Engine, event

            commits = iter(range(1000))

            @event.listens_for(Engine, "commit")
            def about_to_commit(connection: object) -> None:
                if next(commits) == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            system.call("deploy", system.release("v2"), "--engine", "dbos")

        return system.child(call)

    _torn(tear, "dbos", tmp_path)


def _torn(tear: object, engine: str, folder: Path) -> None:
    story = STORIES["deploy"]
    with TinySystem(folder / "peace") as peace:
        story.before(peace)
        done(story.command(peace, "", "inline"))
        expected = end_state(peace)
    with TinySystem(folder / "torn") as system:
        story.before(system)
        assert callable(tear)
        ended = tear(system)
        assert ended.code == KILLED, ended.said
        done(system.command("runs", "resume", engine=engine))
        assert differences(end_state(system), expected) == {}

"""What people and triggers may say: cancel, pause, budget, pin, quarantine, start, go further back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.end_state import end_state
from tests.support.killing import exit_code, in_child
from tests.support.small_services import wait_for
from tests.support.stories import done
from tests.support.tiny_system import CONSISTENCY, DETECTION, TRIGGERS, TinySystem, processes_of

from lastgood.domain.release import ReleaseState
from lastgood.domain.run import RunState

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinySystem]:
    """Given a service on v1."""
    with TinySystem(tmp_path) as system:
        done(system.command("deploy", system.release("v1")))
        yield system


def test_a_running_deploy_that_is_cancelled_goes_back(tiny: TinySystem) -> None:
    """When a person cancels a deploy in its bake, then v1 gets all traffic back and v2 is not quarantined."""
    tiny.write("rollback-detection.yml", DETECTION.replace("bake: 100ms", "bake: 1m"))
    source = tiny.release("v2")
    deploying = in_child(lambda: tiny.call("deploy", source, "--engine", "inline"))
    wait_for(lambda: _baking(tiny), 40)
    run = tiny.workplace().runs.list()[0]
    said = tiny.command("cancel", run.id)
    done(said)
    assert "stops after the step it is in, and goes back" in said.said
    exit_code(deploying)
    state = end_state(tiny)
    assert state.runs[-1] == ("deploy", RunState.CANCELLED.value, "keep")
    assert (state.answers, state.running, state.routes) == ("v1", ["v1 runs"], [("v1", 100)])
    assert state.states["v2"] is ReleaseState.CANDIDATE
    assert not [told for told in state.told if told[0] == "switched" and told[2] == "True"]


def _baking(system: TinySystem) -> bool:
    steps = system.workplace().runs.list()[0].steps
    return bool(steps) and steps[-1].kind == "traffic.shift" and len(steps) > 10


def test_a_trigger_may_pause_and_a_person_rolls_back(tiny: TinySystem) -> None:
    """Given `on_failed: pause`, when a bad release fails, then everything stays as it is (exit code 4) until
    `lastgood rollback`, which goes back to v1 and quarantines it."""
    tiny.write("automatic-rollback-triggers.yml", TRIGGERS + "on_failed: pause\n")
    paused = tiny.command("deploy", tiny.release("bad"))
    assert paused.code == 4, paused.said
    assert "Run `lastgood rollback` to take it back." in paused.said
    assert end_state(tiny).running == ["bad runs", "v1 runs"]
    done(tiny.command("rollback"))
    state = end_state(tiny)
    assert (state.answers, state.running, state.routes) == ("v1", ["v1 runs"], [("v1", 100)])
    assert state.states["bad"] is ReleaseState.BAD


def test_the_budget_of_rollbacks_leaves_the_next_one_to_a_person(tiny: TinySystem) -> None:
    """Given one rollback a day, when two bad releases come, then the second is only paused."""
    tiny.write("automatic-rollback-triggers.yml", TRIGGERS.replace("100", "1"))
    assert tiny.command("deploy", tiny.release("bad-one")).code == 3
    tiny.change("delete from starts where wrong")
    second = tiny.command("deploy", tiny.release("bad-two"))
    assert second.code == 4, second.said
    assert "1 rollbacks within a day is the stated budget" in second.said


def test_a_deploy_that_met_a_fault_takes_nothing_of_the_budget(tiny: TinySystem) -> None:
    """Given one rollback a day, when a release never came up, a bad one is still rolled back by itself."""
    tiny.write("automatic-rollback-triggers.yml", TRIGGERS.replace("100", "1"))
    assert tiny.command("deploy", tiny.release("crooked")).code == 4
    assert tiny.command("deploy", tiny.release("bad")).code == 3


def test_a_pinned_release_stays_on_the_shelf(tiny: TinySystem) -> None:
    """Given two are kept, when v1 is pinned and three more come, then v1 is here still, v2 is not."""
    tiny.write("version-management.yml", "kind: version/management\nversion: 1\nkeep_releases: 2\n")
    done(tiny.command("release", "pin", "v1"))
    for name in ("v2", "v3", "v4"):
        done(tiny.command("deploy", tiny.release(name)))
    assert on_shelf(tiny) == {"v1", "v3", "v4"}
    done(tiny.command("release", "pin", "v1", "--off"))
    done(tiny.command("deploy", tiny.release("v5")))
    assert on_shelf(tiny) == {"v4", "v5"}


def test_rollback_to_a_release_that_left_the_shelf_fetches_it_from_the_vault(tiny: TinySystem) -> None:
    tiny.write("version-management.yml", "kind: version/management\nversion: 1\nkeep_releases: 2\n")
    for name in ("v2", "v3"):
        done(tiny.command("deploy", tiny.release(name)))
    assert on_shelf(tiny) == {"v2", "v3"}
    back = tiny.command("rollback", "--to", "v1")
    done(back)
    assert "Fetched the artifact of v1 from local" in back.said
    assert tiny.answer() == "v1"


def on_shelf(system: TinySystem) -> set[str]:
    return {file.read_text() for file in (system.state / "releases").glob("*/tree/name")}


def test_a_quarantine_can_be_lifted(tiny: TinySystem) -> None:
    """A bad release is not tried again until a person lifts it."""
    assert tiny.command("deploy", tiny.release("bad")).code == 3
    refused = tiny.command("deploy", tiny.release("bad"))
    assert refused.code == 5, refused.said
    assert "lastgood release quarantine --lift" in refused.said
    done(tiny.command("release", "quarantine", "bad", "--lift"))
    tiny.change("delete from starts where wrong")
    tiny.write("data-consistency.yml", CONSISTENCY.format(broken="keep", held="false").replace('"0"', '"1"'))
    done(tiny.command("deploy", tiny.release("bad")))
    assert tiny.answer() == "bad"


def test_a_false_alarm_is_lifted_and_counted_against_the_promise(tiny: TinySystem) -> None:
    """When a person calls a rollback a false alarm, then the release may be deployed again and `gates` tells
    promised from realised; called twice it counts once; a release that never failed has none."""
    assert tiny.command("deploy", tiny.release("bad")).code == 3
    for _ in range(2):
        lifted = tiny.command(
            "release", "quarantine", "bad", "--lift", "--false-alarm", "--reason", "a test row"
        )
        done(lifted)
        assert "A false alarm, said" in lifted.said
    said = tiny.command("gates").said
    assert "0 of 2 deploys failed by a false alarm" in said
    assert "and 1 more by a fact" in said
    assert "promised were at most 0.002 (1 failed in all)" in said
    refused = tiny.command("release", "quarantine", "v1", "--lift", "--false-alarm")
    assert (refused.code, "No verdict ever failed v1" in refused.said) == (5, True)
    assert tiny.command("release", "quarantine", "bad", "--false-alarm").code == 2


def test_without_traffic_nothing_can_be_said(tiny: TinySystem) -> None:
    """Given that traffic must decide, when none comes, then the deploy ends undecided (exit code 6), v1
    serves and v2 may be tried again."""
    tiny.write(
        "rollback-detection.yml",
        DETECTION.replace("probes", "wait").replace("at_most: 20s", "at_most: 300ms"),
    )
    undecided = tiny.command("deploy", tiny.release("v2"))
    assert undecided.code == 6, undecided.said
    assert "neither good nor bad can be said" in undecided.said
    state = end_state(tiny)
    assert (state.answers, state.running) == ("v1", ["v1 runs"])
    assert state.states["v2"] is ReleaseState.CANDIDATE


def test_up_brings_everything_back_after_a_reboot(tiny: TinySystem) -> None:
    """When everything was killed, proxy, service and shim, then `up` starts what should run; again it does
    nothing."""
    done(tiny.command("deploy", tiny.release("v2")))
    for pid, _ in processes_of(tiny.folder):
        os.kill(pid, signal.SIGKILL)
    done(tiny.command("up"))
    assert tiny.answer() == "v2"
    before = sorted(processes_of(tiny.folder))
    done(tiny.command("up"))
    assert sorted(processes_of(tiny.folder)) == before
    assert end_state(tiny).running == ["v2 runs"]

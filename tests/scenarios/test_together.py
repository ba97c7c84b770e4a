"""Services released together: all or none, in the order in which they depend on each other."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.small_services import free_port
from tests.support.stories import done
from tests.support.tiny_system import DETECTION, SYSTEM, TRIGGERS, TinySystem

from lastgood.domain.release import ReleaseState
from lastgood.domain.run import RunState

pytestmark = pytest.mark.timeout(120)

API = """\
  - name: api
    source: ../v1
    command: ["{python}", -B, service.py]
    environment: {{HOST: "${{host}}", PORT: "${{port}}", DATABASE: "${{stores.rows.path}}", \
FILES: "${{stores.notes.path}}"}}
    traffic: {{kind: haproxy, listen: "127.0.0.1:{port}", hold_limit: 20s, drain_limit: 2s}}
    readiness: [{{http: /}}]
    ready_within: 15s
    stop_within: 5s
    stores: [rows, notes]
"""
DIES = "import os, threading\nthreading.Timer(1.5, lambda: os._exit(3)).start()\n"


class TwoServices(TinySystem):
    """`web`, which depends on `api`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.api_port = free_port()
        text = SYSTEM.format(port=self.port, python=sys.executable)
        text = text.replace("  - name: web\n", "  - name: web\n    depends_on: [api]\n")
        api = API.format(port=self.api_port, python=sys.executable)
        self.write("system.yml", text.replace("stores:\n  - {", f"{api}stores:\n  - {{"))

    def dying(self, name: str) -> str:
        """A release that comes up and dies a moment later."""
        folder = Path(self.release(name))
        file = folder / "service.py"
        if DIES not in file.read_text():
            file.write_text(DIES + file.read_text())
        return str(folder)

    def answers(self) -> tuple[str, str]:
        """What answers where people reach web, and api."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}/", timeout=30) as answer:
            return self.answer(), str(answer.read().decode())

    def running(self) -> list[str]:
        workplace = self.workplace()
        releases = workplace.records.history().releases
        return sorted(
            f"{name} {releases[instance.release_id].label}"
            for name, runtime in workplace.runtimes.items()
            for instance in runtime.instances()
            if instance.running
        )


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoServices]:
    """Given both services on v1."""
    with TwoServices(tmp_path) as system:
        source = system.release("v1")
        done(system.command("deploy", "--together", f"web={source}", f"api={source}"))
        yield system


def test_all_are_promoted_together(two: TwoServices) -> None:
    """Both serve the new release, api was started first, and there is one run with one point."""
    source = two.release("v2")
    done(two.command("deploy", "--together", f"web={source}", f"api={source}"))
    assert two.answers() == ("v2", "v2")
    assert two.running() == ["api v2", "web v2"]
    run = two.workplace().runs.list()[0]
    started = [step.arguments["service"] for step in run.plan.steps if step.kind == "instance.start"]
    assert started == ["api", "web"]
    assert run.plan.subjects == ("service:api", "service:web", "store:rows", "store:notes")
    history = two.workplace().records.history()
    assert len(history.points) == 2
    done(two.command("gates"), code=6)  # nothing was drilled yet; versions are as recorded


def test_one_that_is_bad_takes_all_back(two: TwoServices) -> None:
    """When api dies in its watch, both go back; api's release is quarantined, web's is not, and only api
    counts as rolled back."""
    two.write("rollback-detection.yml", DETECTION.replace("100ms, at_most", "8s, at_most"))
    ended = two.command("deploy", "--together", f"web={two.release('v2')}", f"api={two.dying('v3')}")
    assert ended.code == 3, ended.said
    assert "api: The process ended by itself" in ended.said
    assert two.answers() == ("v1", "v1")
    assert two.running() == ["api v1", "web v1"]
    history = two.workplace().records.history()
    states = {(release.service, release.label): release.state for release in history.releases.values()}
    assert states["api", "v3"] is ReleaseState.BAD
    assert states["web", "v2"] is ReleaseState.CANDIDATE
    assert [switch.rolled_back for switch in history.switches["api"]] == [False, True]
    assert [switch.rolled_back for switch in history.switches["web"]] == [False]
    two.write("rollback-detection.yml", DETECTION)
    done(two.command("deploy", "--service", "web", two.release("v2")))
    assert two.answers() == ("v2", "v1")


def test_paused_they_are_taken_back_one_by_one(two: TwoServices) -> None:
    """Given `on_failed: pause`, then the commands that take each back are named, and do."""
    two.write("automatic-rollback-triggers.yml", TRIGGERS + "on_failed: pause\n")
    source = two.release("bad")
    paused = two.command("deploy", "--together", f"web={source}", f"api={source}")
    assert paused.code == 4, paused.said
    assert "Run `lastgood rollback --service web`, `lastgood rollback --service api`" in paused.said
    assert two.running() == ["api bad", "api v1", "web bad", "web v1"]
    for name in ("web", "api"):
        done(two.command("rollback", "--service", name))
    assert (two.answers(), two.running()) == (("v1", "v1"), ["api v1", "web v1"])


def test_one_that_never_comes_up_takes_all_back_before_any_traffic(two: TwoServices) -> None:
    ended = two.command("deploy", "--together", f"api={two.release('v2')}", f"web={two.release('crooked')}")
    assert ended.code == 4, ended.said
    assert two.workplace().runs.list()[0].state is RunState.UNDONE
    assert (two.answers(), two.running()) == (("v1", "v1"), ["api v1", "web v1"])


def test_a_killed_deploy_of_several_is_brought_to_its_end(two: TwoServices) -> None:
    """When it is killed in the middle of its common watch, the next command finishes it."""
    source = two.release("v2")
    run = ["deploy", "--together", f"web={source}", f"api={source}"]
    plan = two.workplace().runs.list()[0].plan
    assert plan.kind == "deploy"
    path = _common_watch(two, run)
    assert two.command(*run, kill=f"{path}:middle").code == -9
    done(two.command("runs", "resume"))
    assert (two.answers(), two.running()) == (("v2", "v2"), ["api v2", "web v2"])


def _common_watch(system: TwoServices, run: list[str]) -> int:
    shown = system.command(*run, "--plan", "--json")
    done(shown)
    steps = json.loads(shown.said)["steps"]
    return next(index for index, step in enumerate(steps) if "watches" in step["arguments"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--together", "web"), "SERVICE=SOURCE"),
        (("--together",), "SERVICE=SOURCE"),
        (("--together", "web=x", "web=y"), "named twice"),
        (("--together", "wob=x"), "There is no service named 'wob'"),
        (("--together", "--service", "web", "web=x"), "names each service itself"),
        (("x", "y"), "--together"),
    ],
)
def test_wrong_words_are_told(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    """Exit code 2, and nothing is recorded."""
    with TwoServices(tmp_path) as system:
        ended = system.command("deploy", *words)
        assert (ended.code, says in ended.said) == (2, True), ended.said
        assert system.workplace().runs.list() == ()

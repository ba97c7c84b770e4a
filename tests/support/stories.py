"""Stories: everything that the plans do, each told once to its end, to be killed on the way.

`before` brings a system to where the story begins; `command` is the story. `proves` are the kinds of steps
whose kill in the middle is this story's duty: together they must be all there are (tests/crash)."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.tiny_system import Ended, TinySystem, processes_of

from lastgood.application.deploy import instance_of
from lastgood.application.running import carry_out, new_run_id
from lastgood.domain.plan import Plan
from lastgood.domain.run import RunState
from lastgood.execution.workplace import Workplace
from lastgood.planning import recover
from lastgood.planning.recover import RecoverInputs

Command = Callable[[TinySystem, str, str], Ended]  # system, kill, engine


@dataclass(frozen=True)
class Story:
    planner: str  # the function of lastgood.planning whose plan it walks
    before: Callable[[TinySystem], None]
    command: Command
    ends: RunState
    serves: str
    proves: frozenset[str] = frozenset()
    way_back: str = ""
    documents: Mapping[str, object] = field(default_factory=dict)  # arguments of TinySystem


def _typed(*words: str) -> Command:
    return lambda system, kill, engine: system.command(*words, kill=kill, engine=engine)


def _deploys(name: str) -> Command:
    return lambda system, kill, engine: system.command(
        "deploy", system.release(name), kill=kill, engine=engine
    )


def done(ended: Ended, code: int = 0) -> None:
    assert ended.code == code, ended.said


def _nothing(system: TinySystem) -> None:
    """It begins with the documents alone."""


def _v1(system: TinySystem) -> None:
    done(system.command("deploy", system.release("v1")))


def _v1_v2(system: TinySystem) -> None:
    _v1(system)
    done(system.command("deploy", system.release("v2")))


def _written_since_a_backup(system: TinySystem) -> None:
    _v1(system)
    done(system.command("backup"))
    system.change("insert into starts values ('a customer', 0)")
    (system.folder / "notes" / "new").write_text("new")


def _point_with_broken_data(system: TinySystem) -> None:
    """The newest point holds data that breaks the invariant; the live data is mended since."""
    _v1(system)
    system.change("insert into starts values ('a mishap', 1)")
    done(system.command("deploy", system.release("v2")))
    system.change("delete from starts where wrong")
    (system.folder / "notes" / "new").write_text("new")


def _point_with_broken_data_and_nothing_live(system: TinySystem) -> None:
    """The same, and the folder of notes is empty now: what is kept of it is an empty folder."""
    _point_with_broken_data(system)
    for note in (system.folder / "notes").iterdir():
        note.unlink()


def _all_dead(system: TinySystem) -> None:
    """As after a reboot."""
    _v1_v2(system)
    for pid, _ in processes_of(system.folder):
        os.kill(pid, signal.SIGKILL)


def _machine_lost(system: TinySystem) -> None:
    """Nothing is left but the documents, the ledger (from the capsule) and the vault."""
    _v1_v2(system)
    done(system.command("backup"))
    for pid, _ in processes_of(system.folder):
        os.kill(pid, signal.SIGKILL)
    (system.folder / "rows.db").unlink()
    for name in ("instances", "traffic", "releases"):
        shutil.rmtree(system.state / name)
    shutil.rmtree(system.folder / "notes")


def _recovers(system: TinySystem, kill: str, engine: str) -> Ended:
    def call() -> None:
        os.environ["LASTGOOD_KILL"] = kill
        workplace = system.workplace(engine)
        run_id = new_run_id(workplace, "recover")
        sys.exit(carry_out(workplace, run_id, ("service:web",), lambda: _plan(workplace, run_id)).exit_code)

    return system.child(call)


def _plan(workplace: Workplace, run_id: str) -> Plan:
    history = workplace.records.history()
    switch = history.current("web")
    assert switch is not None
    release = history.releases[switch.release_id]
    point = history.point("latest")
    return recover.plan_recover(
        RecoverInputs(
            workplace.system,
            "local",
            {backup.store: point for backup in point.backups},
            {"web": release},
            {"web": instance_of(release, run_id)},
            workplace.clock.now(),
        )
    )


def _restored_aside(system: TinySystem, kill: str, engine: str) -> Ended:
    target = Path(system.folder / "restored")
    return system.command("restore", "rows", "--to", str(target), kill=kill, engine=engine)


STORIES: Mapping[str, Story] = {
    "first deploy": Story(
        "plan_deploy",
        _nothing,
        _deploys("v1"),
        RunState.SUCCEEDED,
        "v1",
        frozenset({"release.keep", "capsule.keep", "observe"}),
    ),
    "deploy": Story(
        "plan_deploy",
        _v1,
        _deploys("v2"),
        RunState.SUCCEEDED,
        "v2",
        frozenset(
            {
                "preflight",
                "store.copy",
                "store.backup",
                "point.record",
                "way_back.prove",
                "instance.start",
                "instance.ready",
                "traffic.shift",
                "service.switch",
                "instance.stop",
                "release.mark",
            }
        ),
    ),
    "deploy with held points": Story(
        "plan_deploy", _v1, _deploys("v2"), RunState.SUCCEEDED, "v2", documents={"held": True}
    ),
    "bad deploy, data kept": Story(
        "plan_deploy",
        _v1,
        _deploys("bad"),
        RunState.ROLLED_BACK,
        "v1",
        frozenset({"serving.check"}),
        way_back="keep",
    ),
    "bad deploy, data rewound": Story(
        "plan_deploy",
        _v1,
        _deploys("bad"),
        RunState.ROLLED_BACK,
        "v1",
        way_back="rewind",
        documents={"broken": "rewind"},
    ),
    "deploy that never comes up": Story(
        "plan_deploy", _v1, _deploys("crooked"), RunState.UNDONE, "v1", way_back="keep"
    ),
    "first deploy that never comes up": Story(
        "plan_deploy", _nothing, _deploys("crooked"), RunState.UNDONE, "", way_back="keep"
    ),
    "rollback": Story("plan_rollback", _v1_v2, _typed("rollback"), RunState.SUCCEEDED, "v1"),
    "rollback with rewind": Story(
        "plan_rollback",
        _v1_v2,
        _typed("rollback", "--data", "rewind", "--yes"),
        RunState.SUCCEEDED,
        "v1",
        frozenset({"target.prove"}),
    ),
    "rollback that fails": Story(
        "plan_rollback",
        _point_with_broken_data,
        _typed("rollback", "--data", "rewind", "--yes"),
        RunState.UNDONE,
        "v2",
        frozenset({"store.put_back"}),
        way_back="undo",
    ),
    "backup": Story("plan_backup", _v1, _typed("backup"), RunState.SUCCEEDED, "v1"),
    "backup with held points": Story(
        "plan_backup",
        _v1,
        _typed("backup"),
        RunState.SUCCEEDED,
        "v1",
        frozenset({"traffic.hold", "traffic.resume"}),
        documents={"held": True},
    ),
    "restore": Story(
        "plan_restore",
        _written_since_a_backup,
        _typed("restore", "--yes"),
        RunState.SUCCEEDED,
        "v1",
        frozenset({"store.fetch", "store.switch", "invariants.check"}),
    ),
    "restore that fails": Story(
        "plan_restore",
        _point_with_broken_data,
        _typed("restore", "--yes"),
        RunState.UNDONE,
        "v2",
        way_back="undo",
    ),
    "restore that fails where nothing was live": Story(
        "plan_restore",
        _point_with_broken_data_and_nothing_live,
        _typed("restore", "--yes"),
        RunState.UNDONE,
        "v2",
        way_back="undo",
    ),
    "restore aside": Story(
        "plan_restore_aside", _written_since_a_backup, _restored_aside, RunState.SUCCEEDED, "v1"
    ),
    "start after a reboot": Story("plan_start", _all_dead, _typed("up"), RunState.SUCCEEDED, "v2"),
    "taken down": Story(
        "plan_stop", _v1, _typed("down", "--yes"), RunState.SUCCEEDED, "", frozenset({"traffic.close"})
    ),
    "recover": Story(
        "plan_recover",
        _machine_lost,
        _recovers,
        RunState.SUCCEEDED,
        "v2",
        frozenset({"release.fetch", "recovery.record"}),
    ),
}

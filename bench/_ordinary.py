"""An ordinary system after some months: the shop's documents, 20 releases, 200 runs, 2,000 ledger entries."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lastgood.adapters.examples import shop_folder
from lastgood.domain.event import (
    BackupTaken,
    CapsuleKept,
    Event,
    PointRecorded,
    ReleaseJudged,
    ReleaseKept,
    ReleaseRecorded,
    RunFinished,
    RunStarted,
    ServiceSwitched,
    VerdictGiven,
)
from lastgood.domain.plan import Plan
from lastgood.domain.point import Backup, Marker, RecoveryPoint
from lastgood.domain.release import Release, ReleaseState, release_id
from lastgood.domain.run import RunState, StepEnd, StepRecord, StepResult
from lastgood.domain.signal import Outcome, Verdict
from lastgood.domain.system import System
from lastgood.planning.backup import PointInputs
from lastgood.planning.deploy import DeployInputs, Running, plan_deploy
from lastgood.records.history import LedgerRecords
from lastgood.records.ledger import SqliteLedger
from lastgood.records.runs import FolderRuns
from lastgood.wiring.documents import load_system

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
STORES = ("orders", "uploads")


class _Clock:
    """Time as it was in those months: the ledger notes it."""

    def __init__(self) -> None:
        self.at = BEGAN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - BEGAN).total_seconds()

    def sleep(self, span: timedelta) -> None:
        self.at += span


def ordinary_system(folder: Path, *, releases: int = 20, runs: int = 200, entries: int = 2000) -> Path:
    """Make it below `folder`; the folder of its documents."""
    documents = folder / "lastgood"
    shutil.copytree(shop_folder() / "lastgood", documents, ignore=shutil.ignore_patterns(".state"))
    system = load_system(documents)
    system.state.mkdir(mode=0o700)
    clock = _Clock()
    records = LedgerRecords(SqliteLedger(system.state / "ledger.db", clock))
    folder_of_runs = FolderRuns(system.state / "runs")
    before: Running | None = None
    recorded = 0
    for number in range(runs):
        release = _release(system, number * releases // runs)
        run_id = f"deploy-{clock.at:%Y%m%d-%H%M%S}-{number:04x}"
        plan = _plan(system, release, run_id, before)
        folder_of_runs.create(run_id, plan, "inline", clock.at, waiting=False)
        for event in _events(release, run_id, clock.at, plan):
            if recorded < entries:
                records.record(event, f"{run_id}/{recorded}")
                recorded += 1
        _finish(folder_of_runs, run_id, plan, clock.at)
        before = Running(release, f"{release.id}.{run_id[-4:]}")
        clock.sleep(timedelta(hours=12))
    while recorded < entries:
        records.record(RunStarted(f"backup-{recorded}", "backup", "Back up orders"), f"more/{recorded}")
        recorded += 1
    return documents


def _release(system: System, number: int) -> Release:
    digest = hashlib.sha256(f"release {number}".encode()).hexdigest()
    launch = system.service("shop").launch
    return Release(
        release_id("shop", digest, digest),
        "shop",
        f"v{number}",
        digest,
        digest,
        40_000,
        launch,
        "../run/v1",
        BEGAN,
    )


def _plan(system: System, release: Release, run_id: str, before: Running | None) -> Plan:
    return plan_deploy(
        DeployInputs(
            system.service("shop"),
            release,
            f"{release.id}.{run_id[-4:]}",
            before,
            system.detection,
            PointInputs(f"point-{run_id}", "before", STORES, frozenset({"orders"}), ("local",), ("shop",)),
        )
    )


def _events(release: Release, run_id: str, at: datetime, plan: Plan) -> Iterator[Event]:
    """What a deploy records, in its order."""
    point_id = f"point-{run_id}"
    backups = tuple(_backup(point_id, store, at) for store in STORES)
    healthy = Verdict(Outcome.HEALTHY, "outcomes", ("No worse than the release beside it.",), 0.001)
    yield ReleaseRecorded(release)
    yield RunStarted(run_id, plan.kind, plan.title)
    yield ReleaseKept(release.id, "local", release.artifact_digest)
    for backup in backups:
        yield BackupTaken(backup, point_id)
    yield PointRecorded(
        RecoveryPoint(point_id, at, "before", {"shop": release.id}, backups, {}, timedelta(seconds=0.2))
    )
    yield VerdictGiven(run_id, "shop", release.id, healthy)
    yield VerdictGiven(run_id, "shop", release.id, healthy)
    yield ReleaseJudged(release.id, ReleaseState.GOOD, "Promoted.")
    yield ServiceSwitched("shop", release.id, f"{release.id}.{run_id[-4:]}")
    yield CapsuleKept(point_id, "local", release.artifact_digest)
    yield RunFinished(run_id, RunState.SUCCEEDED, plan.title, 40.0)


def _backup(point_id: str, store: str, at: datetime) -> Backup:
    marker = Marker(store, at, {"orders": 12_000, "schema_migrations": 2}, "f" * 64)
    return Backup(f"{point_id}-{store}", store, "local", "a" * 64, marker, 4_000_000, at, 1.2)


def _finish(runs: FolderRuns, run_id: str, plan: Plan, at: datetime) -> None:
    for number, step in enumerate(plan.steps):
        result = StepResult(StepEnd.DONE, at, at, f"{step.does}: done.", {"seconds": 1.0})
        runs.record_step(run_id, StepRecord(str(number), step.kind, step.does, result))
    runs.finish(run_id, RunState.SUCCEEDED, plan.title, "", "", at)

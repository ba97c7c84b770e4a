"""The shop with a history that nothing had to run for: events recorded in a real ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.support.shop_system import ShopSystem

from lastgood.application.reporting import gather
from lastgood.domain.event import (
    BackupTaken,
    BackupVerified,
    DrillCheck,
    DrillFinished,
    Event,
    PointRecorded,
    ReleaseJudged,
    ReleaseKept,
    ReleaseRecorded,
    RunFinished,
    ServiceSwitched,
)
from lastgood.domain.point import Backup, Marker, RecoveryPoint
from lastgood.domain.release import Launch, Release, ReleaseState
from lastgood.domain.run import RunState
from lastgood.interfaces.cli.main import COMMANDS
from lastgood.reports.facts import Facts
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace


class RecordedShop:
    """No process is started; the clock is the machine's own."""

    def __init__(self, folder: Path) -> None:
        self.documents = ShopSystem(folder).documents
        self._count = 0

    def facts(self) -> Facts:
        return gather(open_workplace(load_system(self.documents)), frozenset(COMMANDS))

    def write(self, name: str, text: str) -> None:
        (self.documents / name).write_text(text)

    def record(self, *events: Event) -> None:
        workplace = open_workplace(load_system(self.documents))
        for event in events:
            self._count += 1
            workplace.records.record(event, f"test/{self._count}")

    def two_releases(self) -> None:
        """v1, then v2, with a point before v2."""
        self.release("v1")
        self.backup("1")
        self.release("v2")

    def release(self, label: str, service: str = "shop") -> None:
        now = open_workplace(load_system(self.documents)).clock.now()
        found = Release(
            id=f"{service}-{label}",
            service=service,
            label=label,
            artifact_digest=label,
            environment_digest=label,
            size_bytes=1,
            launch=Launch(("run",)),
            source=label,
            recorded_at=now,
        )
        self.record(
            ReleaseRecorded(found),
            ReleaseKept(found.id, "local", f"snapshot-{label}"),
            ReleaseJudged(found.id, ReleaseState.GOOD, "It was promoted."),
            ServiceSwitched(service, found.id, f"{found.id}.0000"),
            RunFinished(f"deploy-{label}", RunState.SUCCEEDED, f"Deploy {label} of {service}", 10.0),
        )

    def backup(self, mark: str, verified: bool = False) -> None:
        workplace = open_workplace(load_system(self.documents))
        now = workplace.clock.now()
        backups = tuple(
            Backup(
                id=f"point-{mark}.{store}.local",
                store=store,
                vault="local",
                snapshot=f"snapshot-{mark}-{store}",
                marker=Marker(store, now, {"rows": 10}),
                size_bytes=4096,
                taken_at=now,
                seconds=float(len(mark)),
            )
            for store in ("orders", "uploads")
        )
        current = workplace.records.history().current("shop")
        releases = {"shop": current.release_id} if current is not None else {}
        point = RecoveryPoint(f"point-{mark}", now, "test", releases, backups, {}, timedelta(0))
        self.record(*(BackupTaken(one, point.id) for one in backups), PointRecorded(point))
        if verified:
            self.record(*(BackupVerified(one.id, "restore") for one in backups))

    def drill(self, kind: str, passed: bool = True, rto: float = 4.0) -> None:
        checks = (DrillCheck("serves", passed, "It answers." if passed else "It does not answer."),)
        self.record(DrillFinished(kind, passed, checks, rto, 2.0 if kind == "recovery" else None))


def later(facts: Facts, days: int) -> Facts:
    return replace(facts, now=facts.now + timedelta(days=days))

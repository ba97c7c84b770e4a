"""The three quality gates: passed, missed and insufficient data are three answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.recorded import RecordedShop

from lastgood.application.gates import exit_code
from lastgood.deciding.gates import gates
from lastgood.domain.event import RunFinished
from lastgood.domain.gate import Gate, GateState, VersionSeen
from lastgood.domain.run import RunState
from lastgood.domain.system import System
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

GOOD = VersionSeen("shop", "shop-v1", "v1", "shop-v1", True, ("local",))
PASSED, MISSED, INSUFFICIENT = GateState.PASSED, GateState.MISSED, GateState.INSUFFICIENT


@pytest.fixture
def shop(tmp_path: Path) -> RecordedShop:
    return RecordedShop(tmp_path)


def judged(
    shop: RecordedShop, seen: VersionSeen = GOOD, days: int = 0, change: System | None = None
) -> tuple[Gate, ...]:
    workplace = open_workplace(load_system(shop.documents))
    now = workplace.clock.now() + timedelta(days=days)
    return gates(change or workplace.system, workplace.records.history(), (seen,), now)


def test_rollback_reliability(shop: RecordedShop) -> None:
    """Never tried is insufficient, the last try decides, and it must be recent."""
    assert judged(shop)[0].state is INSUFFICIENT
    shop.record(RunFinished("deploy-1", RunState.ROLLED_BACK, "Slow.", 9.0))
    assert judged(shop)[0].state is PASSED
    assert judged(shop, days=31)[0].state is INSUFFICIENT
    shop.record(RunFinished("rollback-2", RunState.UNDONE, "It did not come up.", 9.0))
    missed = judged(shop)[0]
    assert missed.state is MISSED
    assert "1 of 2" in missed.evidence[0]
    shop.drill("rollback")
    assert judged(shop)[0].state is PASSED
    shop.drill("rollback", passed=False)
    assert judged(shop)[0].state is MISSED


def test_a_good_deploy_is_no_way_back(shop: RecordedShop) -> None:
    """Success of a deploy proves nothing about going back."""
    shop.release("v1")
    assert judged(shop)[0].state is INSUFFICIENT


def test_only_a_way_back_that_was_taken_counts(shop: RecordedShop) -> None:
    """A deploy whose tidying failed took none; one whose way back failed too did."""
    shop.record(RunFinished("deploy-1", RunState.FAILED, "Done, but tidying up failed.", 9.0))
    assert judged(shop)[0].state is INSUFFICIENT
    shop.record(RunFinished("deploy-2", RunState.FAILED, "The way back failed too.", 9.0, "keep"))
    assert judged(shop)[0].state is MISSED


def test_backup_coverage(shop: RecordedShop) -> None:
    """No backup is missed, an unproven one insufficient, a proven one passed until the proof is old."""
    none = judged(shop)[1]
    assert none.state is MISSED
    assert none.mend == ("Run `lastgood backup`.",)
    shop.backup("1")
    assert judged(shop)[1].state is INSUFFICIENT
    shop.backup("2", verified=True)
    assert judged(shop)[1].state is PASSED
    assert judged(shop, days=31)[1].state is INSUFFICIENT


def test_backup_coverage_holds_the_documents_to_their_word(shop: RecordedShop) -> None:
    """Fewer vaults than asked for, or older than the RPO of an activity that needs the store."""
    shop.backup("1", verified=True)
    system = load_system(shop.documents)
    two = replace(system, replication=replace(system.replication, minimum_vaults=2))
    assert judged(shop, change=two)[1].state is MISSED
    shop.write(
        "business-continuity.yml",
        "kind: business/continuity\nversion: 1\nactivities:\n"
        "  - {name: orders, services: [shop], rto: 1h, rpo: 1h}\n",
    )
    assert judged(shop)[1].state is PASSED
    old = judged(shop, days=1)[1]
    assert old.state is MISSED
    assert "older than 1 h, which is promised" in old.evidence[0]


@pytest.mark.parametrize(
    ("seen", "state", "said"),
    [
        (GOOD, PASSED, "as recorded"),
        (VersionSeen("shop", "", "", "", None, ()), INSUFFICIENT, "never deployed"),
        (replace(GOOD, running=""), MISSED, "does not run"),
        (replace(GOOD, running="shop-v2"), MISSED, "but shop-v2 runs"),
        (replace(GOOD, intact=False), MISSED, "is not what was recorded"),
        (replace(GOOD, intact=None), INSUFFICIENT, "is not on this machine"),
        (replace(GOOD, vaults=()), MISSED, "is in no vault"),
        (replace(GOOD, drift=("environment",)), MISSED, "another environment today"),
    ],
)
def test_version_accuracy(shop: RecordedShop, seen: VersionSeen, state: GateState, said: str) -> None:
    """What runs is what is recorded, every byte, and what the documents say."""
    gate = judged(shop, seen)[2]
    assert gate.state is state
    assert said in " ".join(gate.evidence)
    assert bool(gate.mend) is (state is not PASSED)


def test_exit_codes() -> None:
    """Missed is worse than unknown, and only all passed is 0."""
    passed, missed, unknown = (Gate("g", state, ()) for state in (PASSED, MISSED, INSUFFICIENT))
    assert exit_code((passed, passed)) == 0
    assert exit_code((passed, unknown)) == 6
    assert exit_code((unknown, missed)) == 7

"""Every kind of bad release of the example shop is found under load by the signal that tells its kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.shop_system import ShopSystem

from lastgood.domain.history import History
from lastgood.domain.release import ReleaseState
from lastgood.domain.signal import Outcome, Verdict
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

pytestmark = pytest.mark.timeout(170)

# One order in twenty fails. Fisher's test, at the share of alpha that its looks leave (2e-6 at the twelfth),
# tells 5 % from none at 20 errors among 400 requests beside 400 good ones (7e-7), and not at 15 among 300
# (3e-5). So the canary gets time for 1,000: by then a healthy look is out of the question.
MANY_REQUESTS = """\
kind: rollback/detection
version: 1
bake: 3s
canary:
  - {percent: 50, at_least: 4s, at_most: 90s, minimum_requests: 1000}
"""

CRASH_AFTER_SECONDS = 5  # it is ready within one; its canary needs 400 requests, and gets 50 a second


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopSystem]:
    """Given the shop on v1."""
    with ShopSystem(tmp_path, quick_vault=True) as system:
        yield on_v1(system)


@pytest.fixture
def shop_with_restic(tmp_path: Path) -> Iterator[ShopSystem]:
    """Given the shop on v1, with the vault of its documents."""
    with ShopSystem(tmp_path) as system:
        yield on_v1(system)


def on_v1(shop: ShopSystem) -> ShopSystem:
    first = shop.deploy("v1")
    assert first.returncode == 0, first.stdout + first.stderr
    return shop


def test_errors_on_one_request_in_twenty_are_found_by_its_errors(shop: ShopSystem) -> None:
    """When bad-errors gets enough traffic, it is rolled back, and no request failed but its own."""
    shop.write("rollback-detection.yml", MANY_REQUESTS)
    with shop.under_load(per_second=150) as load:
        verdict = rolled_back(shop, "bad-errors")
    assert verdict.signal == "errors"
    assert "errors against 0.0 % beside it" in verdict.reasons[0]
    assert {answer.status for answer in load.answers if answer.failed} == {500}


def test_a_slow_release_is_found_by_its_latency(shop: ShopSystem) -> None:
    """When bad-slow takes 1.5 s for each answer, it is rolled back, and no request failed."""
    with shop.under_load() as load:
        verdict = rolled_back(shop, "bad-slow")
    assert verdict.signal in ("slow", "latency")
    assert [answer for answer in load.answers if answer.failed] == []
    assert_quarantined(shop, "bad-slow")


def test_a_release_that_writes_wrong_data_is_found_by_the_invariant(shop_with_restic: ShopSystem) -> None:
    """When bad-data answers well and writes wrong totals, it is rolled back, and no request failed."""
    shop = shop_with_restic
    with shop.under_load() as load:
        verdict = rolled_back(shop, "bad-data")
    assert verdict.signal == "facts"
    assert verdict.reasons[0].startswith("The invariant totals is broken")
    assert verdict.data_suspect
    assert [answer for answer in load.answers if answer.failed] == []
    assert_quarantined(shop, "bad-data")


def test_a_release_that_crashes_is_found_by_its_exit(shop: ShopSystem) -> None:
    """When bad-crash ends in the middle of its watch, v1 gets its traffic back."""
    text = (shop.documents / "system.yml").read_text()
    variable = f'SHOP_CRASH_AFTER_SECONDS: "{CRASH_AFTER_SECONDS}"\n      SHOP_UPLOADS'
    shop.write("system.yml", text.replace("SHOP_UPLOADS", variable))
    with shop.under_load() as load:
        verdict = rolled_back(shop, "bad-crash")
    assert verdict.signal == "facts"
    assert verdict.reasons[0].startswith("The process ended by itself")
    # what it was answering when it ended is its own loss, and nothing else
    assert len([answer for answer in load.answers if answer.failed]) <= 5


def test_a_release_that_never_starts_is_found_by_its_readiness(shop: ShopSystem) -> None:
    """When bad-start does not come up, then it gets no traffic at all, and no verdict is needed."""
    before = history_of(shop).verdicts
    with shop.under_load() as load:
        done = shop.deploy("bad-start")
    assert done.returncode == 4, done.stdout + done.stderr
    assert shop.serving() == "v1"
    history = history_of(shop)
    assert history.verdicts == before
    release = history.release("bad-start")
    assert release.state is ReleaseState.BAD
    assert "before it was ready" in release.reason
    assert "No module named 'shop_loyalty_points'" in release.reason
    assert {answer.release for answer in load.answers} == {"v1"}
    assert [answer for answer in load.answers if answer.failed] == []
    assert_quarantined(shop, "bad-start")


def rolled_back(shop: ShopSystem, bad: str) -> Verdict:
    """Deploy it; the verdict in the ledger that took it back."""
    done = shop.deploy(bad)
    assert done.returncode == 3, done.stdout + done.stderr
    assert shop.serving() == "v1"
    history = history_of(shop)
    given = history.verdicts[-1][1]
    assert (given.release_id, given.action) == (history.release(bad).id, "roll back")
    assert given.verdict.outcome is Outcome.FAILED
    return given.verdict


def assert_quarantined(shop: ShopSystem, bad: str) -> None:
    again = shop.deploy(bad)
    assert again.returncode == 5, "a quarantined release is not tried again"
    assert "quarantined" in again.stderr


def history_of(shop: ShopSystem) -> History:
    return open_workplace(load_system(shop.documents)).records.history()

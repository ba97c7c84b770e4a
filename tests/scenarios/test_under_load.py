"""The example shop under load: cuts that hold requests, errors that take traffic to be seen, a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.shop_system import CONSISTENCY, ShopSystem

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

CRASH_AFTER_SECONDS = 7


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopSystem]:
    """Given the shop on v1."""
    with ShopSystem(tmp_path) as system:
        first = system.deploy("v1")
        assert first.returncode == 0, first.stdout + first.stderr
        yield system


def test_a_consistent_cut_holds_requests_and_fails_none(shop: ShopSystem) -> None:
    """When a point is made with `hold_for_points` under load, then its marks lie close together, no request
    fails, and the requests go on."""
    shop.write("data-consistency.yml", CONSISTENCY + "hold_for_points: true\n")
    with shop.under_load() as load:
        made = shop.run("backup")
    assert made.returncode == 0, made.stdout + made.stderr
    assert [answer for answer in load.answers if answer.failed] == []
    assert len(load.answers) > 100
    point = json.loads(shop.run("points", "--json").stdout)[-1]
    assert point["held"] is True
    assert {backup["store"] for backup in point["backups"]} == {"orders", "uploads"}
    assert seconds(point["skew"]) < 2


def seconds(skew: object) -> float:
    assert isinstance(skew, (int, float)), skew
    return float(skew)


def test_errors_on_one_request_in_twenty_are_found(shop: ShopSystem) -> None:
    """When bad-errors gets enough traffic, it is rolled back for its errors, and no other request failed."""
    shop.write("rollback-detection.yml", MANY_REQUESTS)
    with shop.under_load(per_second=150) as load:
        done = shop.deploy("bad-errors")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "errors against 0.0 % beside it" in done.stdout
    assert shop.serving() == "v1"
    failed = [answer for answer in load.answers if answer.failed]
    assert {answer.status for answer in failed} == {500}


def test_a_release_that_crashes_is_rolled_back(shop: ShopSystem) -> None:
    """When the new release ends by itself in the middle of its watch, v1 gets its traffic back."""
    text = (shop.documents / "system.yml").read_text()
    variable = f'SHOP_CRASH_AFTER_SECONDS: "{CRASH_AFTER_SECONDS}"\n      SHOP_UPLOADS'
    shop.write("system.yml", text.replace("SHOP_UPLOADS", variable))
    with shop.under_load() as load:
        done = shop.deploy("bad-crash")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "ended by itself" in done.stdout
    assert shop.serving() == "v1"
    # what it was answering when it ended is its own loss, and nothing else
    assert len([answer for answer in load.answers if answer.failed]) <= 5

"""The shop under load: releases, cuts that hold requests, data that goes back, deploys that were killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.shop_system import CONSISTENCY, KILLED, ShopSystem

pytestmark = pytest.mark.timeout(170)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopSystem]:
    with ShopSystem(tmp_path) as system:
        first = system.deploy("v1")
        assert first.returncode == 0, first.stdout + first.stderr
        yield system


def test_a_good_release_is_promoted_and_no_request_fails(shop: ShopSystem) -> None:
    with shop.under_load() as load:
        done = shop.deploy("v2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.serving() == "v2"
    assert [answer for answer in load.answers if answer.failed] == []


def test_rollback_with_rewind_puts_code_and_data_back_and_keeps_what_was_replaced(shop: ShopSystem) -> None:
    with shop.under_load():
        assert shop.deploy("v2").returncode == 0
    before = shop.orders()
    refused = shop.run("rollback", "--data", "rewind")
    assert refused.returncode == 5, "a rewind waits for a person"
    with shop.under_load() as load:
        done = shop.run("rollback", "--data", "rewind", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.serving() == "v1"
    assert [answer for answer in load.answers if answer.failed] == []
    assert 0 < shop.orders() < before + len(load.answers)
    assert list((shop.documents / ".state" / "replaced").glob("*/orders/*"))


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
    assert point["skew"] < 2  # seconds


def test_restore_brings_lost_rows_and_files_back(shop: ShopSystem) -> None:
    with shop.under_load():
        made = shop.run("backup")
    assert made.returncode == 0, made.stdout + made.stderr
    rows = shop.orders()
    (shop.folder / "uploads" / "tea.txt").unlink()
    done = shop.run("restore", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (shop.folder / "uploads" / "tea.txt").read_text() == "a picture of tea\n"
    assert 0 < shop.orders() <= rows


@pytest.mark.parametrize("engine", ["inline", "dbos"])
@pytest.mark.parametrize("instant", ["3:middle", "7:recorded", "9:middle"])
def test_a_deploy_that_was_killed_goes_on_with_the_next_command(
    shop: ShopSystem, engine: str, instant: str
) -> None:
    with shop.under_load() as load:
        killed = shop.deploy("v2", kill=instant, engine=engine)
        assert killed.returncode == KILLED, killed.stdout + killed.stderr
        resumed = shop.run("runs", "resume", engine=engine)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "succeeded" in resumed.stdout
    assert shop.serving() == "v2"
    assert [answer for answer in load.answers if answer.failed] == []

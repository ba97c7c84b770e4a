"""A release comes out under load; a bad one undoes itself; data goes back with it when asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.shop_system import KILLED, ShopSystem

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


@pytest.mark.parametrize("bad", ["bad-slow", "bad-data", "bad-start"])
def test_a_bad_release_is_rolled_back_by_itself(shop: ShopSystem, bad: str) -> None:
    with shop.under_load() as load:
        done = shop.deploy(bad)
    assert done.returncode == (4 if bad == "bad-start" else 3), done.stdout + done.stderr
    assert shop.serving() == "v1"
    assert [answer for answer in load.answers if answer.failed] == []
    again = shop.deploy(bad)
    assert again.returncode == 5, "a quarantined release is not tried again"
    assert "quarantined" in again.stderr


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

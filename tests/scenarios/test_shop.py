"""The example shop: its good releases serve, and each bad one is bad in exactly the way it says."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.shop import ShopStreet

import lastgood
from lastgood.adapters.examples import shop_folder
from lastgood.domain.errors import ActionFailed

BROKEN_TOTALS = "select count(*) from orders where total != quantity * price"


@pytest.fixture
def street(tmp_path: Path) -> Iterator[ShopStreet]:
    street = ShopStreet(tmp_path)
    yield street
    street.close()


def ask_database(street: ShopStreet, query: str) -> object:
    with closing(sqlite3.connect(street.database)) as connection:
        return connection.execute(query).fetchone()[0]


@pytest.mark.parametrize("release", ["v1", "v2"])
def test_a_good_release_serves(street: ShopStreet, release: str) -> None:
    """Orders, uploads, the front page and the health answer, all naming the release."""
    shop = street.open(release)
    placed = shop.order(item="tea", quantity=3)
    assert (placed.status, placed.release) == (201, release)
    assert (placed.value["price"], placed.value["total"]) == (450, 1350)
    assert shop.ask("GET", f"/orders/{placed.value['id']}").value == placed.value
    assert shop.ask("GET", "/orders?limit=5").value == [placed.value]
    assert shop.ask("POST", "/uploads/leaf.bin", b"\0tea").status == 201
    assert shop.ask("GET", "/uploads/leaf.bin").body == b"\0tea"
    assert shop.ask("GET", "/health").value == {"status": "ok", "release": release}
    assert f"release {release}".encode() in shop.ask("GET", "/").body


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/orders", b"no json", 400),
        ("POST", "/orders", {"item": "gold", "quantity": 1}, 400),
        ("POST", "/orders", {"item": "tea", "quantity": 0}, 400),
        ("POST", "/orders", {"item": "tea", "quantity": True}, 400),
        ("GET", "/orders/99", None, 404),
        ("GET", "/orders?limit=all", None, 400),
        ("POST", "/uploads/..", b"x", 400),
        ("GET", "/uploads/nothing", None, 404),
        ("DELETE", "/orders", None, 404),
    ],
)
def test_a_wrong_request_gets_a_reason(
    street: ShopStreet, method: str, path: str, body: object, status: int
) -> None:
    """The caller's mistake is a 4xx with a sentence, never a 500."""
    answer = street.open("v1").ask(method, path, body)
    assert answer.status == status
    assert answer.value["error"]


def test_many_orders_at_once_are_all_kept(street: ShopStreet) -> None:
    """Two releases beside each other on one database lose and mix up no order."""
    shops = [street.open("v1"), street.open("v2")]
    with ThreadPoolExecutor(8) as customers:
        answers = list(
            customers.map(lambda number: shops[number % 2].order(item="cake", quantity=1), range(200))
        )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.value["id"] for answer in answers}) == 200
    assert ask_database(street, "select count(*) from orders") == 200


def test_the_old_release_runs_on_the_new_schema(street: ShopStreet) -> None:
    """v1, then v2 with its migration, then v1 again: every order stays readable and the note is kept."""
    old = street.open("v1")
    first = old.order(item="tea", quantity=1).value["id"]
    old.terminate()

    new = street.open("v2")
    assert new.ask("GET", f"/orders/{first}").value["note"] == ""
    second = new.order(item="mug", quantity=1, note="blue, please").value["id"]
    new.terminate()

    old = street.open("v1")
    assert "note" not in old.ask("GET", f"/orders/{second}").value
    assert old.order(item="mug", quantity=2).status == 201
    assert ask_database(street, f"select note from orders where id = {second}") == "blue, please"
    applied = "select group_concat(name) from (select name from schema_migrations order by name)"
    assert ask_database(street, applied) == "001_orders.sql,002_note.sql"


def test_term_lets_requests_finish(street: ShopStreet) -> None:
    """A request that is under way when TERM comes is answered, and the shop ends with 0."""
    shop = street.open("bad-slow")  # slow, so that the request is surely under way
    with ThreadPoolExecutor(1) as customer:
        order = customer.submit(lambda: shop.order(item="tea", quantity=1))
        deadline = time.monotonic() + 5
        while not connections_to(shop.port) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # from the connection to the request itself there is nothing to look at
        assert shop.terminate() == 0
        assert order.result().status == 201


def test_a_health_check_fails_when_the_database_is_locked_away(street: ShopStreet) -> None:
    """Health proves that the shop can write, not only that it listens."""
    shop = street.open("v1")
    with closing(sqlite3.connect(street.database, isolation_level=None)) as someone_else:
        someone_else.execute("BEGIN EXCLUSIVE")
        answer = shop.ask("GET", "/health")
    assert answer.status == 503
    assert "locked" in answer.value["error"]
    assert shop.ask("GET", "/health").status == 200


def test_bad_errors_fails_one_order_in_twenty(street: ShopStreet) -> None:
    shop = street.open("bad-errors")
    statuses = [shop.order(item="tea", quantity=1).status for _ in range(100)]
    assert (statuses.count(500), statuses.count(201)) == (5, 95)
    assert shop.ask("GET", "/health").status == 200


def test_bad_slow_keeps_everyone_waiting(street: ShopStreet) -> None:
    shop = street.open("bad-slow")
    began = time.monotonic()
    assert shop.ask("GET", "/health").status == 200
    assert time.monotonic() - began >= 1.5


def test_bad_crash_serves_and_then_ends_with_1(street: ShopStreet) -> None:
    shop = street.open("bad-crash", SHOP_CRASH_AFTER_SECONDS="1")
    assert shop.order(item="tea", quantity=1).status == 201
    assert shop.process.wait(10) == 1


def test_bad_data_looks_well_and_breaks_the_invariant(street: ShopStreet) -> None:
    good = street.open("v2")
    good.order(item="tea", quantity=2)
    assert ask_database(street, BROKEN_TOTALS) == 0
    bad = street.open("bad-data")
    answers = [bad.order(item=item, quantity=1) for item in ("tea", "coffee", "cake", "mug")]
    assert {answer.status for answer in answers} == {201}
    assert bad.ask("GET", "/health").status == 200
    assert ask_database(street, BROKEN_TOTALS) == 4


def test_bad_start_never_serves(street: ShopStreet) -> None:
    shop = street.launch("bad-start")
    assert shop.process.wait(10) == 1
    assert "No module named 'shop_loyalty_points'" in street.log("bad-start")


def test_the_shop_is_found_in_a_wheel_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed, it lies inside the package; where it is nowhere, the error says what to do."""
    package = tmp_path / "site-packages" / "lastgood"
    package.mkdir(parents=True)
    original = shop_folder()
    monkeypatch.setattr(lastgood, "__file__", str(package / "__init__.py"))
    with pytest.raises(ActionFailed, match="Install lastgood again"):
        shop_folder()
    shutil.copytree(original, package / "examples" / "shop")
    assert shop_folder() == package / "examples" / "shop"


def connections_to(port: int) -> int:
    """How many established connections this machine has to that port on IPv4 (Linux)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)

"""Alerts of a real Prometheus in a real Alertmanager: what burned before the release says nothing of it."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.arms import OFTEN, arm, both, watching
from tests.support.metrics_servers import HOST, alertmanager, exporting, plain, prometheus, serving
from tests.support.small_services import free_port, wait_for

from lastgood.adapters.signals.alerts import alerts_source
from lastgood.adapters.signals.alerts.burning import Alert, Before, matches
from lastgood.adapters.signals.looking import LookingSource, Unseen
from lastgood.adapters.signals.notes import Notes
from lastgood.domain.watching import Access, AlertsOfAlertmanager, Measure, WatchedSignal

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as port:
        yield port


def alerts(
    *ports: int, folder: Path, service: str, settled: float = 300, started_at: datetime | None = None
) -> LookingSource:
    seen = AlertsOfAlertmanager(
        Access(tuple(f"http://{HOST}:{port}" for port in ports)),
        (f'service="{service}"', 'severity=~"page|critical"'),
        settled_after=timedelta(seconds=settled),
    )
    signal = WatchedSignal("pages", Measure.PRESENCE, seen, every=OFTEN, limit=timedelta(seconds=2))
    return alerts_source(
        signal, seen, both(arm("new", started_at=started_at)), lambda reference: "", Notes(folder)
    )


def burn(server: int, service: str, name: str, began: datetime | None = None, ends: bool = False) -> None:
    """As Prometheus tells Alertmanager."""
    alert = {
        "labels": {"alertname": name, "service": service, "severity": "page"},
        "startsAt": (began or datetime.now(UTC)).isoformat(),
    }
    if ends:
        alert["endsAt"] = datetime.now(UTC).isoformat()
    request = urllib.request.Request(
        f"http://{HOST}:{server}/api/v2/alerts",
        json.dumps([alert]).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()


def test_an_alert_that_began_with_the_release_counts_and_one_from_before_does_not(
    server: int, tmp_path: Path
) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    burn(server, "one", "OldFire", hour_ago)
    with watching(alerts(server, folder=tmp_path, service="one")) as watcher:
        watcher.until(lambda: watcher.of("alert"))
        assert {(one.total, one.bad) for one in watcher.of("alert")} == {(1, 0)}
        burn(server, "other", "NotOurs")
        burn(server, "one", "NewFire")
        watcher.until(lambda: watcher.read()[-1].bad == 1)
        assert watcher.seen[-1].total == 2 and watcher.seen[-1].detail == "NewFire"
        burn(server, "one", "NewFire", ends=True)
        watcher.until(lambda: (watcher.read()[-1].total, watcher.seen[-1].bad) == (1, 0))


def test_an_alert_that_flaps_is_still_the_old_one_until_it_was_gone_long_enough(
    server: int, tmp_path: Path
) -> None:
    """Resolved and burning again at once: as before. Gone for `settled_after`, then burning: it counts."""
    burn(server, "two", "Flapping", datetime.now(UTC) - timedelta(hours=1))
    with watching(alerts(server, folder=tmp_path, service="two", settled=2)) as watcher:
        watcher.until(lambda: watcher.of("alert"))
        burn(server, "two", "Flapping", ends=True)
        watcher.until(lambda: watcher.read()[-1].total == 0)
        burn(server, "two", "Flapping")
        watcher.until(lambda: watcher.read()[-1].total == 1)
        assert max(one.bad for one in watcher.seen) == 0
        burn(server, "two", "Flapping", ends=True)
        watcher.until(lambda: watcher.read()[-1].total == 0)
        time.sleep(2.5)
        burn(server, "two", "Flapping")
        watcher.until(lambda: watcher.read()[-1].bad == 1)


def test_the_next_phase_of_the_watch_knows_what_burned_before_the_release(
    server: int, tmp_path: Path
) -> None:
    """What began with the release counts in a watch that is opened later, too; what was there does not."""
    start = datetime.now(UTC)
    burn(server, "three", "ClockAhead", start + timedelta(seconds=1))
    with watching(alerts(server, folder=tmp_path, service="three", started_at=start)) as watcher:
        watcher.until(lambda: watcher.of("alert"))
        burn(server, "three", "Ours")
        watcher.until(lambda: watcher.read()[-1].bad == 1)
    with watching(alerts(server, folder=tmp_path, service="three", started_at=start)) as watcher:
        watcher.until(lambda: watcher.of("alert"))
        assert watcher.seen[0].total == 2 and watcher.seen[0].detail == "Ours"


def test_a_silenced_alert_does_not_count(server: int, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "service", "value": "four", "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "test",
        "comment": "test",
    }
    request = urllib.request.Request(
        f"http://{HOST}:{server}/api/v2/silences",
        json.dumps(silence).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()
    with watching(alerts(server, folder=tmp_path, service="four")) as watcher:
        watcher.until(lambda: watcher.of("alert"))
        burn(server, "four", "Silenced")
        time.sleep(1)
        assert {one.total for one in watcher.of("alert")} == {0}


def test_a_dead_alertmanager_is_unknown_and_the_next_is_asked(server: int, tmp_path: Path) -> None:
    with watching(alerts(free_port(), folder=tmp_path, service="five")) as watcher:
        watcher.until(lambda: watcher.of("unknown"))
        time.sleep(0.3)
        assert {one.kind for one in watcher.read()} == {"unknown"} and len(watcher.seen) == 1
    with watching(alerts(free_port(), server, folder=tmp_path, service="five")) as watcher:
        watcher.until(lambda: watcher.of("alert"))


@pytest.mark.parametrize(
    "lie",
    [
        b"<html>",
        b"{}",
        b"[7]",
        b'[{"labels": {}}]',
        b'[{"labels": {"a": "b"}, "fingerprint": "x", "startsAt": "today"}]',
        b'[{"labels": {"a": "b"}, "fingerprint": "x", "startsAt": "2026-01-01T00:00:00"}]',
        b'[{"labels": [], "fingerprint": "x", "startsAt": "2026-01-01T00:00:00Z"}]',
    ],
)
def test_an_alertmanager_that_lies_is_unknown(lie: bytes, tmp_path: Path) -> None:
    with (
        serving(lambda handler: plain(handler, lie)) as port,
        watching(alerts(port, folder=tmp_path, service="six")) as watcher,
    ):
        watcher.until(lambda: watcher.of("unknown"))
        assert {one.kind for one in watcher.seen} == {"unknown"}


def test_a_rule_of_prometheus_reaches_the_watch(tmp_path: Path) -> None:
    """The whole way: an exporter, a rule of Prometheus, Alertmanager, a reading."""
    rules = (
        "groups:\n- name: g\n  rules:\n  - alert: QueueFull\n    expr: queue_depth > 10\n"
        "    labels: {service: shop, severity: page}\n"
    )
    with (
        exporting() as exporter,
        alertmanager(tmp_path / "a") as managed,
        prometheus(tmp_path / "p", {"shop": exporter.port}, rules, managed),
    ):
        exporter.values["queue_depth"] = 3
        with watching(alerts(managed, folder=tmp_path / "notes", service="shop")) as watcher:
            watcher.until(lambda: watcher.of("alert"))
            exporter.values["queue_depth"] = 30
            watcher.until(lambda: watcher.read()[-1].bad == 1, 30)
            assert watcher.seen[-1].detail == "QueueFull"


# --- the webhook -------------------------------------------------------------------------------------------


def listening(port: int, folder: Path) -> LookingSource:
    seen = AlertsOfAlertmanager(
        Access(()), ('service="shop"',), f"{HOST}:{port}", "env:TOKEN", timedelta(minutes=5)
    )
    signal = WatchedSignal("pages", Measure.PRESENCE, seen, every=OFTEN)
    return alerts_source(signal, seen, both(arm("new")), lambda reference: "t0ken", Notes(folder))


def test_a_real_alertmanager_tells_the_webhook(tmp_path: Path) -> None:
    port = free_port()
    with (
        alertmanager(tmp_path / "a", webhook=port, token="t0ken") as server,
        watching(listening(port, tmp_path / "notes")) as watcher,
    ):
        watcher.until(lambda: watcher.of("unknown"))
        assert watcher.seen[0].detail == "Alertmanager has not sent anything yet"
        burn(server, "shop", "Fire")
        burn(server, "other", "Elsewhere")
        watcher.until(lambda: watcher.read()[-1].bad == 1)
        assert (watcher.seen[-1].total, watcher.seen[-1].detail) == (1, "Fire")
        burn(server, "shop", "Fire", ends=True)
        watcher.until(lambda: watcher.read()[-1].total == 0)


def post(port: int, body: bytes, token: str = "t0ken", length: str = "") -> int:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    headers = {"Authorization": f"Bearer {token}", "Content-Length": length or str(len(body))}
    connection.request("POST", "/", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_webhook_takes_only_notifications_with_its_token_and_frees_its_port(tmp_path: Path) -> None:
    port, before = free_port(), threading.active_count()
    good = json.dumps({"alerts": []}).encode()
    for _ in range(2):
        with watching(listening(port, tmp_path)) as watcher:
            assert post(port, good, "wrong") == 401
            assert post(port, b"x", length="99999999") == 413
            assert post(port, b"", length="many") == 411
            for wrong in (b"junk", b"[]", b'{"alerts": [5]}', b'{"alerts": {}}', b"\xff\xfe"):
                assert post(port, wrong) == 400
            watcher.until(lambda: watcher.of("unknown"))
            assert post(port, good) == 200
            watcher.until(lambda: watcher.of("alert"))
    wait_for(lambda: threading.active_count() <= before)


def test_a_port_that_is_taken_is_unknown(tmp_path: Path) -> None:
    with (
        serving(lambda handler: plain(handler, b"")) as port,
        watching(listening(port, tmp_path)) as watcher,
    ):
        watcher.until(lambda: watcher.of("unknown"))
        assert "nobody can listen" in watcher.seen[0].detail


# --- what burned before, as a decision ---------------------------------------------------------------------


def burning(name: str, began: datetime) -> Alert:
    return Alert(name, {"alertname": name}, began)


def test_a_look_that_comes_late_takes_no_fire_of_the_release_for_an_old_one() -> None:
    before = Before(T0, 300, None)
    new, old = burning("a", T0 + SECOND), burning("b", T0 - SECOND)
    assert before.since((new, old), 1, early=False) == (new,)


def test_an_alert_that_never_stopped_burning_stays_old_however_long() -> None:
    before = Before(T0, 300, {})
    old = burning("b", T0 - SECOND)
    later = burning("b", T0 + SECOND)
    assert before.since((old,), 1) == ()
    assert before.since((later,), 1_000_000) == ()
    assert Before(T0, 300, before.noted).since((later,), 1) == ()


@pytest.mark.parametrize(
    ("matcher", "held"),
    [
        ('service="shop"', True),
        ("service=shop", True),
        ('service != "shop"', False),
        ('service=~"sh.*"', True),
        ('service=~"sh"', False),
        ('service!~"x|y"', True),
        ('missing=""', True),
    ],
)
def test_matchers_hold_as_in_alertmanager(matcher: str, held: bool) -> None:
    assert matches({"service": "shop"}, (matcher,)) is held


def test_a_matcher_that_is_none_is_unknown() -> None:
    with pytest.raises(Unseen):
        matches({"service": "shop"}, ('service=~"("',))

"""Releases of the shop, watched by every kind of signal that this machine has."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from tests.support.metrics_servers import HOST, exporting, prometheus
from tests.support.shop_system import ShopSystem
from tests.support.small_services import free_port

from lastgood.domain.signal import Reading
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

SIGNALS = """\
kind: rollback/detection
version: 1
bake: 2s
canary:
  - {{percent: 50, at_least: 3s, at_most: 40s, minimum_requests: 50}}
signals:
  - {{name: metrics, kind: prometheus, servers: ["{metrics}"], query: queue_depth, every: 200ms}}
  - {{name: dead, kind: prometheus, servers: ["{dead}"], total: "a", bad: "b", every: 200ms}}
  - {{name: pages, kind: alerts, servers: ["{dead}"], matchers: ['service="shop"'], every: 200ms}}
  - {{name: lines, kind: log, every: 200ms}}
  - {{name: orders, kind: sql, store: orders, query: select count(*) from orders, every: 200ms}}
  - {{name: half, kind: sql, store: orders, query: select nonsense, every: 200ms}}
  - {{name: lucky, kind: command, command: [echo, "7"], every: 200ms}}
  - {{name: leak, kind: memory, window: 2s, every: 100ms}}
"""


def test_a_healthy_release_passes_with_all_signals_and_with_dead_servers(tmp_path: Path) -> None:
    """Given metrics, logs, numbers and dead servers, when a healthy release is deployed, then it stays; and
    each signal of the running instance says what it sees, or why it sees nothing."""
    with (
        exporting() as exporter,
        prometheus(tmp_path / "p", {"shop": exporter.port}) as metrics,
        ShopSystem(tmp_path / "shop") as shop,
    ):
        exporter.values["queue_depth"] = 4
        documents = SIGNALS.format(metrics=f"http://{HOST}:{metrics}", dead=f"http://{HOST}:{free_port()}")
        shop.write("rollback-detection.yml", documents)
        assert shop.deploy("v1").returncode == 0
        with shop.under_load(50) as load:
            deployed = shop.deploy("v2")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert shop.serving() == "v2" and not any(answer.failed for answer in load.answers)
        notes = sorted(file.name for file in (shop.documents / ".state" / "signals").iterdir())
        assert len([name for name in notes if name.endswith("-leak.json")]) == 2
        seen = _read(shop)
    kinds = {(one.signal, one.kind) for one in seen}
    assert {("metrics", "gauge"), ("orders", "gauge"), ("lucky", "gauge"), ("lines", "errors")} <= kinds
    assert {("dead", "unknown"), ("pages", "unknown"), ("half", "unknown")} <= kinds
    assert not any(one.kind != "unknown" for one in seen if one.signal in ("dead", "pages", "half"))
    assert {one.value for one in seen if (one.signal, one.kind) == ("metrics", "gauge")} == {4.0}


def _read(shop: ShopSystem) -> list[Reading]:
    """Two seconds of the instance that serves now, by the sources that a watch of it would have."""
    system = load_system(shop.documents)
    workplace = open_workplace(system)
    service = system.service("shop")
    current = workplace.records.history().current("shop")
    assert current is not None
    instance = workplace.runtime("shop").find(current.instance_id)
    assert instance is not None and instance.pid is not None
    sources = workplace.watch_instance(service, instance, None)
    for source in sources:
        source.open()
    time.sleep(2)
    seen = [one for source in sources for one in source.read(datetime.now(UTC))]
    for source in sources:
        source.close()
    return seen

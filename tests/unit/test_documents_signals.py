"""Signals in rollback-detection.yml: what is right becomes the domain, what is wrong is found."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.documents import SYSTEM, WHOLE, findings, loaded

from lastgood.domain.watching import (
    Access,
    AlertsOfAlertmanager,
    Direction,
    ErrorLines,
    Journal,
    LogFile,
    Measure,
    MemoryGrowth,
    NumberCommand,
    PrometheusQuery,
    StoreQuery,
)

HEAD = "kind: rollback/detection\nversion: 1\nsignals:\n"
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "watch-what-matters.md"


def test_every_kind_of_signal_becomes_the_domain(tmp_path: Path) -> None:
    signals = {signal.name: signal for signal in loaded(tmp_path, WHOLE).detection.signals}
    errors = signals["checkout-errors"]
    assert errors.measures is Measure.ERRORS and errors.weight == 2.0
    assert (errors.every, errors.limit) == (timedelta(seconds=5), timedelta(seconds=3))
    assert errors.history == timedelta(days=7)
    assert errors.seen == PrometheusQuery(
        Access(
            ("https://metrics-1.example:9090", "https://metrics-2.example:9090"),
            token="env:PROMETHEUS_TOKEN",
            certificates=tmp_path / "authority.pem",
        ),
        total='http_requests_total{instance="${host}:${port}"}',
        bad='http_requests_total{instance="${host}:${port}",code=~"5.."}',
        stale_after=timedelta(minutes=1),
    )
    queue = signals["queue-depth"]
    assert (queue.measures, queue.direction) == (Measure.GAUGE, Direction.BOTH)
    assert isinstance(queue.seen, PrometheusQuery) and queue.seen.query == "sum(queue_depth)"
    assert queue.seen.access.password == f"file:{tmp_path / 'prometheus-password'}"
    pages = signals["pages"]
    assert pages.measures is Measure.PRESENCE and isinstance(pages.seen, AlertsOfAlertmanager)
    assert pages.seen.matchers == ('service="shop"', 'severity=~"page|critical"')
    told = signals["pages-told"].seen
    assert isinstance(told, AlertsOfAlertmanager)
    assert (told.listen, told.token) == ("127.0.0.1:9095", "env:ALERTS_TOKEN")
    assert signals["error-lines"].seen == LogFile(
        ErrorLines((r"\bDECLINED\b",), "log.level", "warning", False),
        str(tmp_path / "../logs/shop-${port}.log"),
    )
    assert signals["unit-lines"].seen == Journal(
        ErrorLines(), ("_SYSTEMD_UNIT=shop@${port}.service",), Path("/var/log/journal")
    )
    revenue = signals["orders-a-minute"]
    assert isinstance(revenue.seen, StoreQuery) and revenue.direction is Direction.DOWN
    assert revenue.history == timedelta(0)
    assert signals["mails-waiting"].seen == NumberCommand(("python3", "mails.py", "--port", "${port}"))
    assert signals["leak"].seen == MemoryGrowth(timedelta(minutes=5))


_PROMETHEUS = "  - {name: a, kind: prometheus, servers: [http://p:9090], "
_WRONG = [
    # what stands below `signals:`, the field, in the problem, in the mend
    ("  - {name: a, kind: promtheus}", "signals[0].kind", "`promtheus` is not known", "`prometheus`"),
    ("  - {name: a}", "signals[0].kind", "missing", "prometheus"),
    ("  - {kind: memory}", "signals[0].name", "missing", "Add `name: ...`"),
    ("  - {name: a, kind: memory, windw: 5m}", "signals[0].windw", "not known", "`window`"),
    ("  - {name: a, kind: memory, weight: 0}", "signals[0].weight", "out of bounds", "more than 0"),
    ("  - {name: a, kind: memory, every: 0s}", "signals[0].every", "no span", "more than 0s"),
    ("  - {name: a, kind: memory}\n  - {name: a, kind: memory}", "signals[1].name", "earlier", "its own"),
    (_PROMETHEUS + "query: up, total: up, bad: up}", "signals[0]", "not exactly one", "Write query, or both"),
    (_PROMETHEUS + "total: up}", "signals[0]", "not exactly one", "both total and bad"),
    (_PROMETHEUS + "total: up, bad: 'rate(up[5m])'}", "signals[0].bad", "no plain counter", "without functions"),  # noqa: E501
    (_PROMETHEUS + "query: up, user: ada}", "signals[0]", "one of user and password", "Write both"),
    (_PROMETHEUS + "query: up, token: hunter2}", "signals[0].token", "not shown", "env:NAME"),
    (_PROMETHEUS + "query: 'up{a=\"${prt}\"}'}", "signals[0].query", "`${prt}`", "`${port}`"),
    (_PROMETHEUS + "query: up, worse: more}", "signals[0].worse", "`more`", "up, down or both"),
    ("  - {name: a, kind: prometheus, query: up}", "signals[0].servers", "missing", "Add `servers"),
    ("  - {name: a, kind: prometheus, query: up, servers: []}", "signals[0].servers", "holds nothing", "at least one"),  # noqa: E501
    ("  - {name: a, kind: prometheus, query: up, servers: [localhost:9090]}", "signals[0].servers[0]", "no address", "http://127.0.0.1:9090"),  # noqa: E501
    ("  - {name: a, kind: prometheus, query: up, servers: ['http://a:b@p']}", "signals[0].servers[0]", "a user or a password", "In user and password"),  # noqa: E501
    ("  - {name: a, kind: alerts, matchers: ['a=\"b\"']}", "signals[0]", "ask or listen", "exactly one"),
    ("  - {name: a, kind: alerts, matchers: ['a=\"b\"'], listen: 127.0.0.1:80}", "signals[0]", "listen_token", "Write both"),  # noqa: E501
    ("  - {name: a, kind: alerts, matchers: [shop], servers: [http://a]}", "signals[0].matchers[0]", "no matcher", 'service="shop"'),  # noqa: E501
    ("  - {name: a, kind: log, patterns: ['(']}", "signals[0].patterns[0]", "no regular expression", "Python's"),  # noqa: E501
    ("  - {name: a, kind: log, at_least: bad}", "signals[0].at_least", "`bad`", "debug, info"),
    ("  - {name: a, kind: log, path: '${stores.orders.path}'}", "signals[0].path", "`${stores.orders.path}`", "Known here"),  # noqa: E501
    ("  - {name: a, kind: journal, matches: [shop]}", "signals[0].matches[0]", "no match", "_SYSTEMD_UNIT"),
    ("  - {name: a, kind: sql, store: order, query: select 1}", "signals[0].store", "no store named `order`", "`orders`"),  # noqa: E501
    ("  - {name: a, kind: sql, store: orders, query: 'select ${port}'}", "signals[0].query", "`${port}`", "none"),  # noqa: E501
    ("  - {name: a, kind: sql, store: orders}", "signals[0].query", "missing", "one number"),
    ("  - {name: a, kind: command, command: []}", "signals[0].command", "holds nothing", "at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("signals", "field", "problem", "mend"), _WRONG)
def test_what_is_wrong_is_found_where_it_stands(
    signals: str, field: str, problem: str, mend: str, tmp_path: Path
) -> None:
    (found,) = findings(tmp_path, {"system.yml": SYSTEM, "rollback-detection.yml": f"{HEAD}{signals}\n"})
    assert (found.file, found.field) == ("rollback-detection.yml", field)
    assert problem in found.problem and mend.lower() in found.mend.lower(), str(found)
    assert "hunter2" not in str(found)


def test_the_examples_of_the_how_to_load(tmp_path: Path) -> None:
    """Each of them alone, and all in one document."""
    examples = re.findall(r"^```yaml\n(.*?)^```", HOW_TO.read_text("utf-8"), re.S | re.M)
    signals = [example for example in examples if not example.startswith("kind:")]
    assert len(signals) >= 7
    for index, example in enumerate(signals):
        documents = {"system.yml": SYSTEM, "rollback-detection.yml": HEAD + example}
        assert findings(tmp_path / str(index), documents) == ()
    whole = {"system.yml": SYSTEM, "rollback-detection.yml": HEAD + "".join(signals)}
    kinds = {type(signal.seen) for signal in loaded(tmp_path / "whole", whole).detection.signals}
    assert kinds == {
        PrometheusQuery, AlertsOfAlertmanager, LogFile, Journal, StoreQuery, NumberCommand, MemoryGrowth
    }  # fmt: skip

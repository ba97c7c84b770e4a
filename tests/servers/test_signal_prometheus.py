"""Signals from a real Prometheus that scrapes a real exporter, and from servers that are dead or lie."""

from __future__ import annotations

import json
import math
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.arms import OFTEN, Watcher, arm, both, watching
from tests.support.metrics_servers import HOST, Exporter, exporting, plain, prometheus, scraped, serving
from tests.support.small_services import free_port, wait_for

from lastgood.adapters.signals.looking import LookingSource
from lastgood.adapters.signals.prometheus import prometheus_source
from lastgood.domain.errors import UsageError
from lastgood.domain.watching import Access, Direction, Measure, PrometheusQuery, WatchedSignal

NEW, OLD = arm("new", 8002), arm("old", 8001)
TOTAL = 'requests_total{slot="${port}"}'
BAD = 'requests_total{slot="${port}",code=~"5.."}'


def address(port: int) -> str:
    return f"http://{HOST}:{port}"


def pair(*servers: str, **changes: object) -> LookingSource:
    seen = PrometheusQuery(Access(servers), total=TOTAL, bad=BAD, stale_after=timedelta(seconds=3))
    signal = WatchedSignal(
        "checkout", Measure.ERRORS, seen, every=OFTEN, limit=timedelta(seconds=2), **changes
    )  # type: ignore[arg-type]
    return prometheus_source(signal, seen, both(NEW, OLD), lambda reference: "")


def gauge(query: str, *servers: str, access: Access | None = None, **changes: object) -> LookingSource:
    limit = changes.pop("limit", timedelta(seconds=2))
    secret = changes.pop("secret", lambda reference: "")
    new = changes.pop("new", NEW)
    seen = PrometheusQuery(access or Access(servers), query, stale_after=timedelta(seconds=1.5))
    signal = WatchedSignal("depth", Measure.GAUGE, seen, Direction.UP, every=OFTEN, limit=limit, **changes)  # type: ignore[arg-type]
    return prometheus_source(signal, seen, both(new, OLD), secret)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    with exporting() as exporter:
        yield exporter


@pytest.fixture(scope="module")
def server(exporter: Exporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), {"shop": exporter.port}) as port:
        yield port


def serve(exporter: Exporter, port: int, good: int, bad: int) -> None:
    exporter.add(f'requests_total{{slot="{port}",code="200"}}', good)
    if bad:
        exporter.add(f'requests_total{{slot="{port}",code="500"}}', bad)


def test_each_arm_counts_its_own_requests_from_the_moment_of_opening(exporter: Exporter, server: int) -> None:
    """The first error makes its series: it counts from 0, and what stood there before counts for nothing."""
    serve(exporter, 8001, 1000, 50)
    serve(exporter, 8002, 5, 0)
    scraped(exporter)
    with watching(pair(address(server))) as watcher:
        watcher.until(lambda: watcher.of("errors", "shop-new") and watcher.of("errors", "shop-old"))
        serve(exporter, 8002, 90, 10)
        serve(exporter, 8001, 200, 1)
        watcher.until(
            lambda: watcher.counted("shop-new") == (100, 10) and watcher.counted("shop-old") == (201, 1)
        )
        scraped(exporter)
        assert watcher.counted("shop-new") == (100, 10)


def test_a_counter_that_begins_anew_loses_nothing_and_invents_nothing(
    exporter: Exporter, server: int
) -> None:
    serve(exporter, 8002, 100_000, 100)
    serve(exporter, 8001, 1, 0)
    scraped(exporter)
    with watching(pair(address(server))) as watcher:
        watcher.until(lambda: watcher.of("errors", "shop-new"))
        for code, value in (("200", 30), ("500", 3)):  # it was restarted
            exporter.values[f'requests_total{{slot="8002",code="{code}"}}'] = value
        watcher.until(lambda: watcher.counted("shop-new")[0] > 0)
        assert watcher.counted("shop-new") == (33, 3)


def test_a_metric_that_nobody_scrapes_any_more_is_unknown_not_good(tmp_path: Path) -> None:
    with exporting() as exporter, prometheus(tmp_path, {"shop": exporter.port}) as port:
        exporter.values = {"queue_depth": 7, 'requests_total{slot="8002",code="200"}': 5}
        scraped(exporter)
        with watching(gauge("queue_depth", address(port))) as watcher:
            watcher.until(lambda: watcher.of("gauge"))
            assert {one.value for one in watcher.of("gauge")} == {7.0}
            exporter.values = {}
            watcher.until(lambda: watcher.of("unknown"))
            assert watcher.of("unknown")[0].detail == "it has no value"
            exporter.values = {"queue_depth": 9}
            watcher.until(lambda: watcher.read()[-1].value == 9)
            assert watcher.source.unknown == {}  # type: ignore[attr-defined]


def test_a_gauge_is_told_apart_by_the_places_of_the_instances(exporter: Exporter, server: int) -> None:
    exporter.values['memory{instance_id="shop-new",label="v-new"}'] = 300
    exporter.values['memory{instance_id="shop-old",label="v-old"}'] = 100
    scraped(exporter)
    query = 'sum(memory{instance_id="${instance}",label="${label}"})'
    with watching(gauge(query, address(server))) as watcher:
        watcher.until(lambda: watcher.of("gauge", "shop-new") and watcher.of("gauge", "shop-old"))
        assert watcher.of("gauge", "shop-new")[0].value == 300
        assert watcher.of("gauge", "shop-old")[0].value == 100


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("up / 0 - up / 0", "its value is nan"),
        ("up / 0", "its value is inf"),
        ("absent(up)", "it has no value"),
        ("requests_total", "series where one number is asked; aggregate with sum()"),
        ('"text"', "its answer is no number (resultType string)"),
        ("sum(", "it answers with status 400: "),
        ("up[1m]", "it gives 1 series where one number is asked"),
    ],
)
def test_what_is_no_number_is_unknown_with_the_reason(
    exporter: Exporter, server: int, query: str, why: str
) -> None:
    serve(exporter, 8001, 1, 1)
    scraped(exporter)
    with watching(gauge(query, address(server))) as watcher:
        watcher.until(lambda: watcher.of("unknown"))
        assert why in watcher.of("unknown")[0].detail
        assert not watcher.of("gauge")


def test_the_history_of_a_gauge_ends_where_the_release_began(exporter: Exporter, server: int) -> None:
    exporter.values["orders"] = 4
    scraped(exporter, 6)
    with watching(gauge("orders", address(server), history=timedelta(minutes=10), new=arm("new"))) as watcher:
        watcher.until(lambda: watcher.of("history") and watcher.of("gauge"))
        (history,) = watcher.of("history")
        assert history.history and {value for _, value in history.history} == {4.0}
        assert all(abs(at - time.time()) < 700 for at, _ in history.history)
        assert [at for at, _ in history.history] == sorted(at for at, _ in history.history)
        assert len(history.history) <= 5000 and history.instance_id == ""


def test_the_history_of_counters_is_that_of_the_old_release(exporter: Exporter, server: int) -> None:
    serve(exporter, 8001, 5, 5)
    scraped(exporter)
    serve(exporter, 8001, 300, 3)
    serve(exporter, 8002, 1, 0)
    scraped(exporter, 4)
    late = arm("new", 8002)
    seen = PrometheusQuery(Access((address(server),)), total=TOTAL, bad=BAD)
    signal = WatchedSignal("checkout", Measure.ERRORS, seen, every=OFTEN, history=timedelta(minutes=5))
    with watching(prometheus_source(signal, seen, both(late, OLD), lambda reference: "")) as watcher:
        watcher.until(lambda: watcher.of("history"))
        (history,) = watcher.of("history")
    assert history.instance_id == "shop-old" and history.total >= 250 and 0 < history.bad <= history.total


def test_the_next_server_is_asked_when_the_first_is_gone_and_counts_are_never_mixed(
    exporter: Exporter, server: int, tmp_path: Path
) -> None:
    """The second server was begun later: what it says of the time before the change counts for nothing."""
    serve(exporter, 8002, 10, 0)
    serve(exporter, 8001, 10, 0)
    first = prometheus(tmp_path, {"shop": exporter.port})
    port = first.__enter__()
    try:
        scraped(exporter, 6)
        with watching(pair(address(free_port()), address(port), address(server))) as watcher:
            watcher.until(lambda: watcher.of("errors", "shop-new"))
            serve(exporter, 8002, 50, 5)
            watcher.until(lambda: watcher.counted("shop-new") == (55, 5))
            first.__exit__(None, None, None)
            told = len(watcher.seen)
            watcher.until(lambda: len(watcher.of("errors", "shop-new")) > told // 2 + 2)
            assert watcher.counted("shop-new") == (55, 5)
            serve(exporter, 8002, 7, 0)
            watcher.until(lambda: watcher.counted("shop-new") == (62, 5))
    finally:
        first.__exit__(None, None, None)


# --- auth and TLS ------------------------------------------------------------------------------------------

BCRYPT_OF_HUNTER2 = "$2b$10$abcdefghijklmnopqrstuu7gIUFBKrYXdzQy8HrouzMJyZ4cijAb2"


def test_basic_authentication_over_tls_with_an_own_authority(tmp_path: Path) -> None:
    """Against a real Prometheus with TLS and a user: the right password, a wrong one, no trust."""
    made = subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=tmp_path,
        capture_output=True,
    )
    assert made.returncode == 0
    trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")

    def ready(port: int) -> bool:
        try:
            with (
                socket.create_connection((HOST, port), 2) as line,
                trust.wrap_socket(line, server_hostname=HOST),
            ):
                return True
        except OSError:
            return False

    web = f"tls_server_config:\n  cert_file: {tmp_path}/cert.pem\n  key_file: {tmp_path}/key.pem\n"
    web += f"basic_auth_users:\n  ada: {BCRYPT_OF_HUNTER2}\n"
    with prometheus(tmp_path, web_config=web, ready=ready) as port:
        where = (f"https://{HOST}:{port}",)
        right = Access(where, user="ada", password="env:P", certificates=tmp_path / "cert.pem")
        with watching(gauge("time()", access=right, secret=lambda reference: "hunter2\n")) as watcher:
            watcher.until(lambda: watcher.of("gauge"))
        with watching(gauge("time()", access=right, secret=lambda reference: "wrong-word")) as watcher:
            watcher.until(lambda: watcher.of("unknown"))
            assert "status 401" in watcher.seen[0].detail and "wrong-word" not in watcher.seen[0].detail
        strange = Access(where, user="ada", password="env:P")
        with watching(gauge("time()", access=strange, secret=lambda reference: "hunter2")) as watcher:
            watcher.until(lambda: watcher.of("unknown"))
            assert "certificate is not trusted" in watcher.seen[0].detail


def test_a_token_goes_in_the_header_and_its_absence_is_unknown() -> None:
    given: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        given.append(handler.headers.get("Authorization", ""))
        plain(handler, scalar(5))

    def missing(reference: str) -> str:
        raise UsageError(f"The secret {reference!r} is not there.")

    with serving(answer) as port:
        access = Access((address(port),), token="env:TOKEN")
        with watching(gauge("time()", access=access, secret=lambda reference: "s3cret")) as watcher:
            watcher.until(lambda: watcher.of("gauge"))
        assert set(given) == {"Bearer s3cret"}
        with watching(gauge("time()", access=access, secret=missing)) as watcher:
            watcher.until(lambda: watcher.of("unknown"))
            assert "The secret 'env:TOKEN' is not there." in watcher.seen[0].detail
        with watching(gauge("time()", access=access, secret=lambda reference: "a\nb: c")) as watcher:
            watcher.until(lambda: watcher.of("unknown"))
            assert "b: c" not in watcher.seen[0].detail


# --- servers that are dead or lie --------------------------------------------------------------------------


def scalar(value: object, at: float | None = None) -> bytes:
    data = {"resultType": "scalar", "result": [time.time() if at is None else at, str(value)]}
    return json.dumps({"status": "success", "data": data}).encode()


def _data(kind: bytes, result: bytes) -> bytes:
    return b'{"status": "success", "data": {"resultType": "' + kind + b'", "result": ' + result + b"}}"


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 1_000_000)
    except OSError:
        return


def _breaks_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(scalar(5)[:40])


def _drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        return


def _says(body: bytes, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: plain(handler, body, status)


def _moves(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


LIES: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "html": _says(b"<html>Login</html>"),
    "500": _says(b"oops", 500),
    "moved": _moves,
    "empty": _says(b""),
    "not an object": _says(b"[1, 2]"),
    "an error": _says(b'{"status": "error", "error": "x"}'),
    "no data": _says(b'{"status": "success"}'),
    "half of it": _breaks_off,
    "endless": _endless,
    "drips": _drips,
    "deep": _says(b"[" * 100_000),
    "huge number": _says(_data(b"scalar", b"[1" + b"0" * 5000 + b', "1"]')),
    "overflowing time": _says(_data(b"scalar", b'[1e999, "1"]')),
    "null value": _says(scalar(5).replace(b'"5"', b"null")),
    "list value": _says(scalar(5).replace(b'"5"', b"[5]")),
    "word value": _says(scalar("many")),
    "nan": _says(scalar("NaN")),
    "partial": _says(scalar(5)[:-1] + b', "warnings": ["store 3 did not answer"]}'),
    "odd series": _says(_data(b"vector", b"[7]")),
    "no labels": _says(_data(b"vector", b'[{"value": [1, "1"]}]')),
    "binary": _says(bytes(range(256))),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("counters", [False, True])
def test_a_server_that_lies_is_unknown_and_neither_good_nor_bad(lie: str, counters: bool) -> None:
    with serving(LIES[lie]) as port:
        short = timedelta(seconds=0.5)
        source = pair(address(port)) if counters else gauge("depth", address(port), limit=short)
        with watching(source) as watcher:
            watcher.until(lambda: len(watcher.source.unknown) == (2 if counters else 1))  # type: ignore[attr-defined]
            time.sleep(0.3)
            assert {one.kind for one in watcher.read()} == {"unknown"}
            assert all(one.detail and len(one.detail) < 400 for one in watcher.seen)


def test_nobody_there_is_unknown_said_once_and_threads_end() -> None:
    before = threading.active_count()
    source = pair(address(free_port()), address(free_port()))
    with watching(source) as watcher:
        watcher.until(lambda: len(source.unknown) == 2)
        time.sleep(0.5)
        assert len(watcher.of("unknown")) == 2 and "connection refused" in watcher.seen[0].detail
    wait_for(lambda: threading.active_count() <= before)
    assert source.read(datetime.now(UTC)) == ()


class Counters:
    """A server whose counters, samples and clock are set by the test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.total: list[tuple[float, object]] = []
        self.bad: list[tuple[float, object]] = []

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(handler.path).query)["query"][0]
        if query == "time()":
            return plain(handler, scalar(self.now, self.now))
        samples = self.bad if "code" in query else self.total
        values = [[at, str(value)] for at, value in samples]
        result = [{"metric": {"job": "shop"}, "values": values}] if values else []
        data = {"resultType": "matrix", "result": result}
        return plain(handler, json.dumps({"status": "success", "data": data}).encode())


def _look(source: LookingSource, counters: Counters, watcher: Watcher) -> None:
    """Two whole looks after what was set."""
    before = len(watcher.of("errors", "shop-new"))
    watcher.until(lambda: len(watcher.of("errors", "shop-new")) >= before + 2)


def test_scrapes_that_are_doubled_out_of_order_or_no_numbers_change_no_count() -> None:
    counters = Counters()
    counters.total, counters.bad = [(999_999, 100)], [(999_999, 1)]
    with serving(counters.answer) as port:
        source = pair(address(port))
        with watching(source) as watcher:
            _look(source, counters, watcher)
            counters.total = [
                (999_999, 100),
                (999_999.5, 150),
                (999_999.2, 140),
                (999_999.5, 150),
                (999_999.6, "NaN"),
            ]
            counters.bad = [(999_999, 1), (999_999.1, "+Inf"), (999_999.3, -5), (999_999.5, 2)]
            _look(source, counters, watcher)
            assert watcher.counted("shop-new") == (50, 1)


def test_a_counter_that_falls_a_little_was_misread_and_counts_nothing() -> None:
    counters = Counters()
    counters.total, counters.bad = [(999_999, 1_000_000)], [(999_999, 10_000)]
    with serving(counters.answer) as port:
        source = pair(address(port))
        with watching(source) as watcher:
            _look(source, counters, watcher)
            counters.total, counters.bad = [(999_999.5, 999_990)], [(999_999.5, 9_999)]
            _look(source, counters, watcher)
            assert watcher.counted("shop-new") == (0, 0)


def test_bad_ones_never_outrun_the_total() -> None:
    counters = Counters()
    counters.total, counters.bad = [(999_999, 10)], [(999_999, 0)]
    with serving(counters.answer) as port:
        source = pair(address(port))
        with watching(source) as watcher:
            _look(source, counters, watcher)
            counters.bad = [(999_999.5, 8)]
            _look(source, counters, watcher)
            assert watcher.counted("shop-new") == (0, 0)
            counters.total = [(999_999.5, 20)]
            _look(source, counters, watcher)
            assert watcher.counted("shop-new") == (10, 8)


@pytest.mark.parametrize("jump", [-86_400.0, -1.0, 86_400.0])
def test_a_clock_of_the_server_that_jumps_counts_nothing_twice(jump: float) -> None:
    counters = Counters()
    counters.total, counters.bad = [(999_999, 500)], [(999_999, 50)]
    with serving(counters.answer) as port:
        source = pair(address(port))
        with watching(source) as watcher:
            _look(source, counters, watcher)
            counters.total, counters.bad = [(999_999 + jump, 500)], [(999_999 + jump, 50)]
            counters.now += jump
            _look(source, counters, watcher)
            assert watcher.counted("shop-new") == (0, 0)
            counters.total, counters.bad = [(1_000_000.5 + jump, 510)], [(1_000_000.5 + jump, 51)]
            counters.now += 1
            watcher.until(lambda: watcher.counted("shop-new") == (10, 1))


def test_an_old_sample_is_unknown(tmp_path: Path) -> None:
    counters = Counters()
    counters.total, counters.bad = [(999_990, 500)], [(999_990, 50)]
    with serving(counters.answer) as port, watching(pair(address(port))) as watcher:
        watcher.until(lambda: len(watcher.of("unknown")) == 2)
        assert watcher.seen[0].detail == "its newest sample is 10 s old"
        assert not watcher.of("errors") and math.isfinite(counters.now)

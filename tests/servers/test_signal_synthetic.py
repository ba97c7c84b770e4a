"""Written requests against real servers: both get the same, and every fault of an answer is an error."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.arms import arm
from tests.support.small_services import free_port, wait_for

from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.synthetic import SyntheticSource, fault_of
from lastgood.domain.signal import Reading
from lastgood.domain.watching import Synthetic, WrittenRequest

Seen = list[tuple[str, str, bytes, str, float]]


@contextmanager
def server(status: int = 200, pause: float = 0.0) -> Iterator[tuple[int, Seen]]:
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            kind = self.headers.get("Content-Type", "")
            seen.append((self.command, self.path, body, kind, time.monotonic()))
            time.sleep(pause)
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    try:
        yield found.server_address[1], seen
    finally:
        found.shutdown()
        found.server_close()
        thread.join()


@contextmanager
def raw(answer: bytes, hold: float = 0.0, drip: bool = False) -> Iterator[int]:
    """A server that says just this."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(65536)
                try:
                    for part in [answer[i : i + 1] for i in range(len(answer))] if drip else [answer]:
                        line.sendall(part)
                        time.sleep(0.02 if drip else 0)
                except OSError:
                    return
                time.sleep(hold)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def read_all(source: SyntheticSource, at_least: int) -> dict[str, tuple[int, int]]:
    """Instance -> (total, bad), once so many were told of each."""
    sums: dict[str, tuple[int, int]] = {}

    def enough() -> bool:
        for reading in source.read(datetime.now(UTC)):
            assert isinstance(reading, Reading)
            assert (reading.signal, reading.kind) == ("synthetic", "errors")
            total, bad = sums.get(reading.instance_id, (0, 0))
            sums[reading.instance_id] = (total + reading.total, bad + reading.bad)
        return bool(sums) and min(total for total, _ in sums.values()) >= at_least

    wait_for(enough, 20)
    return sums


REQUESTS = (
    WrittenRequest("GET", "/items?kind=tea"),
    WrittenRequest("POST", "/orders", '{"item": "té"}', "application/json"),
)


def test_both_get_the_same_requests_at_the_same_time() -> None:
    """In turn, with body and content type, and as many to the one as to the other in every reading."""
    with server() as (new_port, new), server(500) as (old_port, old):
        source = SyntheticSource(
            Synthetic(REQUESTS, 50), Arms(arm("new", new_port), arm("old", old_port)), lambda: True
        )
        source.open()
        found = read_all(source, 10)
        source.close()
        assert found["shop-new"][0] == found["shop-old"][0]
        assert (found["shop-new"][1], found["shop-old"][1]) == (0, found["shop-old"][0])
        wait_for(lambda: len(new) == len(old), 5)
        assert sorted(one[:4] for one in new) == sorted(one[:4] for one in old)
        assert new[0][0] != new[1][0]
        posted = next(one for one in new if one[0] == "POST")
        assert posted[1:4] == ("/orders", '{"item": "té"}'.encode(), "application/json")


def test_nothing_is_sent_while_it_is_not_wanted_or_after_the_end() -> None:
    wanted = threading.Event()
    with server() as (port, seen):
        source = SyntheticSource(Synthetic(REQUESTS, 50), Arms(arm("new", port)), wanted.is_set)
        source.open()
        time.sleep(0.2)
        assert seen == []
        wanted.set()
        read_all(source, 3)
        source.close()
        source.close()
        time.sleep(0.2)
        count = len(seen)
        time.sleep(0.2)
        assert len(seen) == count
        assert source.read(datetime.now(UTC)) == ()


def test_a_server_that_hangs_bounds_what_is_out_and_delays_no_reading() -> None:
    """At 100 a second for two seconds: at most 64 are waited for at once."""
    with server(pause=1.5) as (port, seen):
        source = SyntheticSource(
            Synthetic(REQUESTS, 100, timedelta(milliseconds=500)), Arms(arm("new", port)), lambda: True
        )
        source.open()
        began = time.monotonic()
        found = read_all(source, 10)
        assert time.monotonic() - began < 10
        source.close()
        assert found["shop-new"] == (found["shop-new"][0], found["shop-new"][0])
        assert sum(1 for one in seen if one[4] < began + 0.4) <= 64


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "500 from GET /"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "404 from GET /"),
        (b"SSH-2.0-OpenSSH\r\n", "BadStatusLine at GET /"),
        (b"", "RemoteDisconnected at GET /"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "IncompleteRead at GET /"),
    ],
)
def test_every_fault_of_an_answer_is_told(answer: bytes, fault: str) -> None:
    with raw(answer) as port:
        assert fault_of(WrittenRequest("GET", "/"), arm("new", port).instance, 2) == fault


def test_an_answer_that_drips_is_cut_at_the_limit() -> None:
    body = b"x" * 200
    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + body, drip=True) as port:
        began = time.monotonic()
        assert "no answer within 0.5 s" in fault_of(
            WrittenRequest("GET", "/"), arm("new", port).instance, 0.5
        )
        assert time.monotonic() - began < 3


def test_expected_statuses_replace_the_usual_ones(tmp_path: Path) -> None:
    with server(404) as (port, _):
        assert fault_of(WrittenRequest("GET", "/", statuses=(404,)), arm("n", port).instance, 2) == ""
        assert fault_of(WrittenRequest("GET", "/", statuses=(200,)), arm("n", port).instance, 2)


def test_a_server_that_is_gone_is_an_error() -> None:
    assert "refused" in fault_of(WrittenRequest("GET", "/"), arm("new", free_port()).instance, 2)

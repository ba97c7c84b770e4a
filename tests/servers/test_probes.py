"""Probes against real servers and commands."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.small_services import free_port, wait_for

from lastgood.adapters.signals.probes import ProbeSource, ask
from lastgood.domain.errors import UsageError
from lastgood.domain.signal import Probe, Reading

HOST = "127.0.0.1"
SHORT = timedelta(seconds=0.3)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        codes = {"/broken": 503, "/moved": 302, "/missing": 404}
        self.send_response(codes.get(self.path.partition("?")[0], 200))
        self.send_header("Location", "/broken")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    with ThreadingHTTPServer((HOST, 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextmanager
def listener(drips: bool = False) -> Iterator[int]:
    """Accepts and never answers, or answers one byte at a time without an end."""
    ended = threading.Event()
    with socket.create_server((HOST, 0)) as server:

        def drip() -> None:
            server.settimeout(5)
            line, _ = server.accept()
            with line:
                line.sendall(b"HTTP/1.0 200 OK\r\n")
                while not ended.wait(0.05):
                    try:
                        line.sendall(b"X")
                    except OSError:
                        return

        thread = threading.Thread(target=drip) if drips else None
        if thread:
            thread.start()
        yield server.getsockname()[1]
        ended.set()
        if thread:
            thread.join()


def http(target: str = "/health", **changes: object) -> Probe:
    return Probe(**{"name": "health", "kind": "http", "target": target, **changes})  # type: ignore[arg-type]


def command(*words: str, **changes: object) -> Probe:
    return Probe(**{"name": "own", "kind": "command", "command": words, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("probe", "passed", "detail"),
    [
        (http("/health"), True, "200 from /health"),
        (http("health?deep=1"), True, "200 from /health?deep=1"),
        (http("http://${host}:${port}/health"), True, "200 from /health"),
        (http("/moved"), True, "302 from /moved"),
        (http("/broken"), False, "503 from /broken"),
        (http("/missing", statuses=(404,)), True, "404 from /missing"),
        (http("/health", statuses=(204,)), False, "200 from /health"),
    ],
)
def test_an_http_probe_passes_on_its_statuses_and_follows_no_redirect(
    web: int, probe: Probe, passed: bool, detail: str
) -> None:
    answer = ask(probe, HOST, web)
    assert (answer.passed, answer.detail) == (passed, detail)
    assert 0 < answer.seconds < 2


def test_an_instance_that_listens_everywhere_is_asked_at_the_loopback(web: int) -> None:
    assert ask(http(), "0.0.0.0", web).passed


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_nobody_listening_is_a_refused_connection(kind: str) -> None:
    answer = ask(Probe("health", kind), HOST, free_port())
    assert (answer.passed, answer.detail, answer.unknown) == (False, "connection refused", False)


@pytest.mark.parametrize("drips", [False, True])
def test_a_server_that_accepts_and_never_ends_its_answer_fails_at_the_limit(drips: bool) -> None:
    with listener(drips) as port:
        answer = ask(http(limit=SHORT), HOST, port)
    assert (answer.passed, answer.detail) == (False, "no answer within 0.3 s")
    assert 0.25 < answer.seconds < 1.5


def test_an_https_probe_does_not_pass_on_a_server_that_speaks_no_tls(web: int) -> None:
    assert not ask(http("https://${host}:${port}/health", limit=SHORT), HOST, web).passed


def test_a_tcp_probe_passes_when_a_connection_opens() -> None:
    with listener() as port:
        assert ask(Probe("port", "tcp"), HOST, port).detail == "connected"
        assert ask(Probe("port", "tcp", target="${host}:${port}"), HOST, port).passed


def test_a_command_probe_knows_the_instance_and_passes_with_exit_code_0(tmp_path: Path) -> None:
    (tmp_path / "expected").write_text("127.0.0.1 8123 8123")
    source = (
        "import os, sys; given = ' '.join((os.environ['HOST'], os.environ['PORT'], sys.argv[1]));"
        "sys.exit(open('expected').read() != given)"
    )
    answer = ask(command(sys.executable, "-c", source, "${port}"), HOST, 8123, tmp_path)
    assert (answer.passed, answer.detail) == (True, "exit code 0")


def test_a_failed_command_says_its_exit_code_and_last_line() -> None:
    answer = ask(
        command(sys.executable, "-c", "import sys; print('a\\nqueue is stuck'); sys.exit(4)"), HOST, 1
    )
    assert (answer.passed, answer.unknown, answer.detail) == (False, False, "exit code 4: queue is stuck")


def test_a_command_that_hangs_fails_at_its_limit() -> None:
    answer = ask(command(sys.executable, "-c", "import time; time.sleep(60)", limit=SHORT), HOST, 1)
    assert (answer.passed, answer.unknown) == (False, False)
    assert answer.detail == "no answer within 0.3 s" and answer.seconds < 2


def test_a_command_that_is_not_there_is_unknown_and_does_not_pass() -> None:
    answer = ask(command("no-such-program"), HOST, 1)
    assert not answer.passed and answer.unknown and "no-such-program" in answer.detail


@pytest.mark.parametrize(
    "probe",
    [
        http("/${stores.db.file}"),
        http("ftp://somewhere/x"),
        http("http://${host}:many/"),
        Probe("port", "tcp", target="db"),
        Probe("odd", "smoke", target="/health"),
        command("curl", "${place}"),
    ],
)
def test_a_probe_that_can_never_be_asked_is_wrong_usage_before_anything_is_asked(probe: Probe) -> None:
    with pytest.raises(UsageError):
        ProbeSource([probe], "shop-1", HOST, 8000)


def test_a_probe_that_hangs_fails_and_delays_no_other(web: int) -> None:
    often = timedelta(milliseconds=50)
    with listener() as silent:
        source = ProbeSource(
            [
                http("/health", every=often),
                http(f"http://{HOST}:{silent}/", name="hanging", limit=SHORT, every=often),
                command("no-such-program", every=often),
            ],
            "shop-1",
            HOST,
            web,
        )
        seen: list[Reading] = []
        source.open()
        began = time.monotonic()

        def hanging_failed_twice() -> bool:
            seen.extend(source.read(datetime.now(UTC)))
            return sum(reading.signal == "hanging" for reading in seen) >= 2

        wait_for(hanging_failed_twice)
        source.close()
        source.close()
        took = time.monotonic() - began
    health = [reading for reading in seen if reading.signal == "health"]
    hanging = [reading for reading in seen if reading.signal == "hanging"]
    assert len(health) >= 5 and 0.5 < took < 3
    assert {(reading.total, reading.bad, reading.kind) for reading in health} == {(1, 0, "probe")}
    assert {(reading.bad, reading.detail) for reading in hanging} == {(1, "no answer within 0.3 s")}
    assert {reading.instance_id for reading in seen} == {"shop-1"}
    assert list(source.unknown) == ["own"]


def test_reading_and_closing_wait_for_no_question() -> None:
    with listener() as port:
        source = ProbeSource([http(limit=timedelta(seconds=1))], "shop-1", HOST, port)
        began = time.monotonic()
        source.open()
        assert source.read(datetime.now(UTC)) == ()
        source.close()
        assert time.monotonic() - began < 0.3

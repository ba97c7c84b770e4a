"""The bad release of a drill: every second request fails, probes and the others pass."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.small_services import free_port

from lastgood.adapters import faulty

SERVICE = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *told): pass
assert os.environ["PORT"] == sys.argv[1]
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    service = tmp_path / "service.py"
    service.write_text(SERVICE)
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", faulty.__file__, "127.0.0.1", str(port), "2", "--"),
            *(sys.executable, str(service), faulty.TOKEN),
        ],
        env={"PORT": faulty.TOKEN},
        start_new_session=True,
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with suppress(OSError):
            ask(port, b"x", agent="lastgood")
            break
        time.sleep(0.05)
    yield port
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def ask(port: int, body: bytes, agent: str = "people") -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/", body, {"User-Agent": agent})
        answer = connection.getresponse()
        return answer.status, answer.headers["X-Lastgood-Fault"], answer.read()
    finally:
        connection.close()


def test_every_second_request_fails_and_says_that_it_was_on_purpose(port: int) -> None:
    body = b"order" * 50_000
    answers = [ask(port, body) for _ in range(10)]
    assert [status for status, _, _ in answers] == [201, 500] * 5
    assert {mark for status, mark, _ in answers if status == 500} == {"1"}
    assert all(echoed == body for status, _, echoed in answers if status == 201)


def test_probes_always_pass(port: int) -> None:
    assert {ask(port, b"x", agent="lastgood")[0] for _ in range(10)} == {201}

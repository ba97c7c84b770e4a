"""Small services as source text, and helpers to wait for what they do."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

WEB = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = 503 if self.path == "/broken" else 302 if self.path == "/moved" else 200
        self.send_response(code); self.send_header("Content-Length", "2"); self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass
print("serving", flush=True)
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""

STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WEB

FAMILY = """
import os, socket, time
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
def note(): open("pids", "a").write(f"{os.getpid()}\\n")
for _ in range(2):
    if os.fork() == 0:
        note(); time.sleep(600)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear(); note(); time.sleep(600)
    os._exit(0)
note()
os.wait(); time.sleep(600)
"""


def wait_for(condition: Callable[[], object], limit_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + limit_seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {limit_seconds} s"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether there is such a process and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def listens(port: int) -> bool:
    with socket.socket() as trial:
        trial.settimeout(1)
        return trial.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """One below the range that the kernel gives to outgoing connections, so that none takes it meanwhile."""
    start = 20000 + os.getpid() * 37 % 10000
    for port in range(start, 32000):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) != 0 and port not in _given:
                _given.add(port)
                return port
    raise AssertionError("no free port")


_given: set[int] = set()

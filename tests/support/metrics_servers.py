"""Real Prometheus and Alertmanager on free ports, an exporter to scrape, and a server that says anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.small_services import free_port, wait_for

HOST = "127.0.0.1"


def program(name: str) -> str:
    """`./dev setup` unpacks it into the environment; a machine may also have it installed."""
    unpacked = Path(sys.executable).with_name(name)
    found = str(unpacked) if unpacked.exists() else shutil.which(name)
    assert found, f"{name} is not here: run ./dev setup"
    return found


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None], port: int = 0) -> Iterator[int]:
    """An HTTP server whose every answer is written by `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def plain(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, kind: str = "text/plain") -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Exporter:
    """What Prometheus scrapes: set `text`, or count with `add`."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.scrapes = 0
        self.port = 0

    def add(self, series: str, value: float) -> None:
        self.values[series] = self.values.get(series, 0) + value

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.scrapes += 1
        lines = [f"{series} {value}" for series, value in list(self.values.items())]
        plain(handler, ("\n".join(lines) + "\n").encode(), kind="text/plain; version=0.0.4")


@contextmanager
def exporting() -> Iterator[Exporter]:
    exporter = Exporter()
    with serving(exporter.answer) as port:
        exporter.port = port
        yield exporter


@contextmanager
def prometheus(
    folder: Path,
    targets: Mapping[str, int] | None = None,
    rules: str = "",
    alertmanager: int = 0,
    web_config: str = "",
    ready: Callable[[int], object] | None = None,
) -> Iterator[int]:
    """Scrapes each target (its job's name -> port) four times a second."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [f"{HOST}:{target}"]}]}
        for job, target in (targets or {}).items()
    ]
    configuration = {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "200ms", "evaluation_interval": "250ms"},
        "scrape_configs": jobs,
    }
    if rules:
        (folder / "rules.yml").write_text(rules)
        configuration["rule_files"] = ["rules.yml"]
    if alertmanager:
        places = [{"static_configs": [{"targets": [f"{HOST}:{alertmanager}"]}]}]
        configuration["alerting"] = {"alertmanagers": places}
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    web = []
    if web_config:
        (folder / "web.yml").write_text(web_config)
        web = [f"--web.config.file={folder / 'web.yml'}"]
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=error",
        *web,
    ]
    with _running(command, folder, port, ready or _answers("/-/ready")):
        yield port


@contextmanager
def alertmanager(folder: Path, webhook: int = 0, token: str = "") -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    receiver: dict[str, object] = {"name": "all"}
    if webhook:
        receiver["webhook_configs"] = [
            {
                "url": f"http://{HOST}:{webhook}/alerts",
                "http_config": {"authorization": {"credentials": token}},
            }
        ]
    route = {"receiver": "all", "group_wait": "100ms", "group_interval": "200ms", "repeat_interval": "1h"}
    (folder / "alertmanager.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}))
    command = [
        program("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    with _running(command, folder, port, _answers("/-/ready")):
        yield port


@contextmanager
def _running(command: list[str], folder: Path, port: int, ready: Callable[[int], object]) -> Iterator[None]:
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while not ready(port):
            assert process.poll() is None, (folder / "output.txt").read_text()
            assert time.monotonic() < deadline, "it did not become ready"
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait(10)


def _answers(path: str) -> Callable[[int], bool]:
    def ready(port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return ready


def scraped(exporter: Exporter, times: int = 2) -> None:
    """Wait until what the exporter says now is in Prometheus."""
    before = exporter.scrapes
    wait_for(lambda: exporter.scrapes >= before + times)

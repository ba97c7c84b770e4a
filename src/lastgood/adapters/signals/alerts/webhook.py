"""Webhook: takes what Alertmanager sends (its webhook_config, payload version 4), with a bearer token.

Asking the API is the better default: it needs no open port and no change in Alertmanager, sees the state and
not only its changes, and notices a dead Alertmanager. A webhook that is silent may have nothing to say or
may be gone, so nothing is known before the first notification; and Alertmanager waits (group_wait,
group_interval) before it sends. It is for where lastgood cannot reach Alertmanager.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

from lastgood.adapters.signals.alerts.burning import MOST_ALERTS, Alert, read_alert
from lastgood.adapters.signals.asking import read_json
from lastgood.adapters.signals.looking import Unseen

MOST_BYTES = 1_000_000
_ONE_REQUEST_SECONDS = 2.0
_POLL_SECONDS = 0.1


class Webhook:
    """What burns by the notifications so far. One request at a time; `close` frees the port."""

    def __init__(self, host: str, port: int, token: Callable[[], str]) -> None:
        """Raises OSError when it cannot listen there. `token` may raise Unseen: then nobody is let in."""
        self._lock = threading.Lock()
        self._burning: dict[str, Alert] = {}
        self._told = False
        self._server = HTTPServer((host, port), _handler(self._take, token))
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="alerts-webhook", daemon=True
        )
        self._thread.start()

    def burning(self) -> tuple[Alert, ...]:
        """Raises Unseen before the first notification."""
        with self._lock:
            if not self._told:
                raise Unseen("Alertmanager has not sent anything yet")
            return tuple(self._burning.values())

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, body: bytes) -> None:
        """Raises Unseen for what is no notification: then nothing of it is taken."""
        told = read_json(body)
        alerts = told.get("alerts") if isinstance(told, dict) else None
        if not isinstance(alerts, list):
            raise Unseen("it is no notification of Alertmanager")
        read = [(read_alert(alert), alert.get("status")) for alert in alerts]
        with self._lock:
            self._told = True
            for alert, status in read:
                if status == "firing" and (alert.id in self._burning or len(self._burning) < MOST_ALERTS):
                    self._burning[alert.id] = alert
                elif status == "resolved":
                    self._burning.pop(alert.id, None)


def _handler(take: Callable[[bytes], None], token: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _ONE_REQUEST_SECONDS

        def do_POST(self) -> None:
            self._answer(self._status())

        def _status(self) -> int:
            try:
                wanted = f"Bearer {token()}".encode()
            except Unseen:
                return 503
            given = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, wanted):
                return 401
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal():
                return 411
            if int(length) > MOST_BYTES:
                return 413
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                return 400
            try:
                take(body)
            except Unseen:
                return 400
            return 200

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """The line of a request says nothing that a reading does not say."""

    return Handler

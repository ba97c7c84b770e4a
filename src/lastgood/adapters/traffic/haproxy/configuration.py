"""The proxy's configuration file: rendered from what should stand, and read back. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from lastgood.ports.traffic import Route

BACKEND = "instances"
DECOY = "lastgood-decoy"
RING = "requests"
COUNTED = "counted"
LOG_FORMAT = (
    '{"line":%lc,"server":"%s","status":%ST,"ends":"%ts","answer_ms":%Tr,"connect_ms":%Tc,"active_ms":%Ta}'
)
_MARK = "# lastgood "
_INNER_MARGIN = timedelta(seconds=5)
_PACE_AT_MOST = timedelta(seconds=1)  # haproxy never waits longer between two attempts to connect


@dataclass(frozen=True, slots=True)
class Standing:
    """What the proxy should do now."""

    routes: tuple[Route, ...] = ()
    held: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What stays the same while routes change; `identity` tells this proxy from any other."""

    identity: str
    host: str
    port: int
    hold_limit: timedelta
    connect_within: timedelta
    answer_within: timedelta
    tunnel_idle: timedelta
    threads: int
    max_connections: int
    admin_socket: Path

    @property
    def inner_socket(self) -> Path:
        return self.admin_socket.with_name("inner.sock")

    @property
    def digest(self) -> str:
        """Told by the running proxy, so that one with other settings is noticed and replaced."""
        return hashlib.sha256(_fixed_part(self, "").encode()).hexdigest()[:16]


def render(settings: Settings, standing: Standing) -> str:
    """The whole file. `standing` is in its first line as JSON and again as `server` lines."""
    return (
        f"{_MARK}{json.dumps(asdict(standing))}\n"
        f"{_fixed_part(settings, settings.digest)}"
        f"{''.join(_server(route, standing.held) for route in standing.routes)}"
    )


def read_standing(text: str) -> Standing:
    """What `render` was given. Raises ValueError when this is no file of ours."""
    first = text.partition("\n")[0]
    if not first.startswith(_MARK):
        raise ValueError("the first line does not state the routes")
    stated = json.loads(first.removeprefix(_MARK))
    return Standing(tuple(Route(**route) for route in stated["routes"]), stated["held"])


def with_routes(standing: Standing, routes: Sequence[Route]) -> Standing:
    """Raises ValueError for routes that the proxy cannot have."""
    names = [route.instance_id for route in routes]
    if len(names) > 2:
        raise ValueError(f"{len(names)} routes were given and two are possible")
    if len(set(names)) != len(names) or DECOY in names:
        raise ValueError("an instance stands there twice or has a name that is taken")
    for route in routes:
        if not route.instance_id.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise ValueError(f"{route.instance_id!r} is no name for an instance")
        if not 0 <= route.weight <= 100:
            raise ValueError(f"the weight {route.weight} of {route.instance_id} is not between 0 and 100")
    return replace(standing, routes=tuple(routes))


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _server(route: Route, held: bool) -> str:
    place = address(route.host, route.port)
    return f"    server {route.instance_id} {place} weight {route.weight}{' disabled' if held else ''}\n"


def _fixed_part(settings: Settings, digest: str) -> str:
    """Requests wait while no server takes them: each attempt goes to the decoy, is refused at once and is
    repeated after `timeout connect`, `retries` times, until a server is there again.

    Each request passes the proxy twice, people -> counted -> instance, on connections of its own behind
    the first. HAProxy drops a kept-alive client in silence, without a log line or a count, when an instance
    breaks off its second or a later request (TX_NOT_FIRST in http_ana.c): behind the inner frontend each
    request is the first, so that a broken answer is a 502 to its client and an outcome in the log. No
    connection to an instance is reused either, so none can be closed under a request that must not be
    sent twice, and none can lead to an instance of before.
    """
    pace = min(settings.connect_within, _PACE_AT_MOST)
    retries = max(3, math.ceil(settings.hold_limit / pace))
    longest = settings.hold_limit + settings.answer_within + _INNER_MARGIN
    return f"""\
global
    node {settings.identity}
    description {digest}
    stats socket {settings.admin_socket} mode 600 level admin expose-fd listeners
    stats timeout 1d
    nbthread {settings.threads}
    maxconn {2 * settings.max_connections + 100}
    noreuseport
    no strict-limits

ring {RING}
    format raw
    maxlen 1024
    size 4194304

defaults
    mode http
    timeout client {_milliseconds(longest)}
    timeout tunnel {_milliseconds(settings.tunnel_idle)}
    timeout http-keep-alive 75s
    timeout http-request 30s
    option http-server-close
    option idle-close-on-response

frontend people
    bind {address(settings.host, settings.port)}
    maxconn {settings.max_connections}
    option forwardfor
    default_backend inwards

backend inwards
    timeout connect 5s
    timeout server {_milliseconds(longest)}
    server counted unix@{settings.inner_socket}

frontend {COUNTED}
    bind unix@{settings.inner_socket} mode 600
    maxconn {settings.max_connections}
    log ring@{RING} len 1024 format raw local0
    log-format '{LOG_FORMAT}'
    default_backend {BACKEND}

backend {BACKEND}
    balance roundrobin
    timeout connect {_milliseconds(settings.connect_within)}
    timeout server {_milliseconds(settings.answer_within)}
    option redispatch 1
    retries {retries}
    retry-on conn-failure
    server {DECOY} 127.0.0.1:1 backup
"""


def _milliseconds(span: timedelta) -> str:
    return f"{max(1, round(span.total_seconds() * 1000))}ms"

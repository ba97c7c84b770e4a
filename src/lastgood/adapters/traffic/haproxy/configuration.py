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
_MARK = "# lastgood "
_PACE_AT_MOST = timedelta(seconds=1)  # haproxy never waits longer between two attempts to connect


@dataclass(frozen=True, slots=True)
class Standing:
    """What the proxy should do now."""

    routes: tuple[Route, ...] = ()
    held: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What stays the same while routes change; `identity` tells this proxy from any other."""

    service: str
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


def server_keywords(weight: int) -> str:
    # idle connections are given up after 1 s: applications close theirs after 2 s or more, and a request
    # that meets such a close on its way is lost, for it must not be sent twice
    return f"weight {weight} pool-purge-delay 1s"


def _server(route: Route, held: bool) -> str:
    keywords = server_keywords(route.weight) + (" disabled" if held else "")
    return f"    server {route.instance_id} {address(route.host, route.port)} {keywords}\n"


def _fixed_part(settings: Settings, digest: str) -> str:
    """Requests wait while no server takes them: each attempt goes to the decoy, is refused at once and is
    repeated after `timeout connect`, `retries` times, until a server is there again."""
    pace = min(settings.connect_within, _PACE_AT_MOST)
    retries = max(3, math.ceil(settings.hold_limit / pace))
    return f"""\
global
    node {settings.identity}
    description {digest}
    stats socket {settings.admin_socket} mode 600 level admin expose-fd listeners
    stats timeout 1d
    nbthread {settings.threads}
    maxconn {settings.max_connections}
    noreuseport
    no strict-limits

ring {RING}
    format raw
    maxlen 1024
    size 4194304

defaults
    mode http
    timeout connect {_milliseconds(settings.connect_within)}
    timeout client {_milliseconds(settings.answer_within)}
    timeout server {_milliseconds(settings.answer_within)}
    timeout tunnel {_milliseconds(settings.tunnel_idle)}
    timeout http-keep-alive 75s
    timeout http-request 30s
    option forwardfor
    option redispatch 1
    retries {retries}
    retry-on conn-failure

frontend {settings.service}
    bind {address(settings.host, settings.port)}
    log ring@{RING} len 1024 format raw local0
    log-format '{{"server":"%s","status":%ST,"ends":"%ts","answer_ms":%Tr,"connect_ms":%Tc,"active_ms":%Ta}}'
    default_backend {BACKEND}

backend {BACKEND}
    balance roundrobin
    server {DECOY} 127.0.0.1:1 backup
"""


def _milliseconds(span: timedelta) -> str:
    return f"{max(1, round(span.total_seconds() * 1000))}ms"

"""Runtime commands that lead from the servers a proxy has to what should stand. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lastgood.adapters.traffic.haproxy.configuration import (
    BACKEND,
    DECOY,
    Standing,
    address,
)
from lastgood.ports.traffic import Route


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the running proxy; in maintenance it takes no new request and finishes those it has."""

    name: str
    host: str
    port: int
    weight: int
    maintenance: bool


def read_servers(text: str) -> tuple[Server, ...]:
    """From the answer to `show servers state`, the decoy left out."""
    rows = [line.split(" ") for line in text.splitlines() if line and not line.startswith("#")][1:]
    return tuple(
        Server(row[3], row[4], int(row[18]), int(row[7]), bool(int(row[6]) & 1))
        for row in rows
        if row[3] != DECOY
    )


def commands(servers: Iterable[Server], standing: Standing) -> tuple[str, ...]:
    """Nothing when the servers already are as they should. What takes requests comes before what gives
    them up, so that at each moment of an unheld change some server takes them."""
    present = {server.name: server for server in servers}
    takes: list[str] = []
    gives_up: list[str] = []
    for route in standing.routes:
        server = present.pop(route.instance_id, None)
        if server is None:
            takes += _add(route, standing.held)
            continue
        moved = (server.host, server.port) != (route.host, route.port)
        if not server.maintenance and (standing.held or moved):
            (gives_up if standing.held else takes).append(_state(server.name, "maint"))
        if moved:
            takes.append(f"set server {BACKEND}/{server.name} addr {route.host} port {route.port}")
        if server.weight != route.weight:
            (takes if route.weight > server.weight else gives_up).append(
                f"set server {BACKEND}/{server.name} weight {route.weight}"
            )
        if not standing.held and (server.maintenance or moved):
            takes.append(_state(server.name, "ready"))
    gives_up += [_state(server.name, "maint") for server in present.values() if not server.maintenance]
    return (*takes, *gives_up)


def removals(servers: Iterable[Server], standing: Standing) -> tuple[str, ...]:
    """One for each server without a route; the proxy refuses those that still have connections."""
    wanted = {route.instance_id for route in standing.routes}
    return tuple(f"del server {BACKEND}/{server.name}" for server in servers if server.name not in wanted)


def _add(route: Route, held: bool) -> tuple[str, ...]:
    name = f"{BACKEND}/{route.instance_id}"
    add = f"add server {name} {address(route.host, route.port)} weight {route.weight}"
    return (add,) if held else (add, f"enable server {name}")  # it is added in maintenance


def _state(name: str, state: str) -> str:
    return f"set server {BACKEND}/{name} state {state}"

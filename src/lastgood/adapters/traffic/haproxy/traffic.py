"""HAProxyTraffic: the traffic port on one HAProxy process."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.signals.haproxy_log import HAProxyOutcomes
from lastgood.adapters.traffic.haproxy.commands import commands, removals
from lastgood.adapters.traffic.haproxy.configuration import (
    Settings,
    Standing,
    read_standing,
    render,
    with_routes,
)
from lastgood.adapters.traffic.haproxy.options import HAProxyOptions
from lastgood.adapters.traffic.haproxy.places import Places, replace_file
from lastgood.adapters.traffic.haproxy.program import find_program
from lastgood.adapters.traffic.haproxy.proxy_process import ProxyProcess
from lastgood.adapters.traffic.haproxy.runtime_socket import ProxyGone, RuntimeSocket
from lastgood.domain.errors import TrafficFailed
from lastgood.ports.signal import SignalSource
from lastgood.ports.traffic import Route

_LOOK_EVERY = timedelta(milliseconds=5)


class HAProxyTraffic:
    """Requests also wait, up to the hold limit, while there are no routes at all or no instance accepts a
    connection. `folder` belongs to this service's proxy alone."""

    def __init__(
        self,
        service: str,
        options: HAProxyOptions,
        host: str,
        port: int,
        folder: Path,
        hold_limit: timedelta,
    ) -> None:
        self._places = Places(folder)
        self._program = options.program
        self._settings = Settings(
            identity=f"lastgood-{hashlib.sha256(str(self._places.folder).encode()).hexdigest()[:16]}",
            host=host,
            port=port,
            hold_limit=hold_limit,
            connect_within=options.connect_within,
            answer_within=options.answer_within,
            tunnel_idle=options.tunnel_idle,
            threads=options.threads,
            max_connections=options.max_connections,
            admin_socket=self._places.admin_socket,
        )
        self._socket = RuntimeSocket(self._places.admin_socket)
        self._process = ProxyProcess(self._places, service)

    def ensure(self) -> None:
        with self._places.locked():
            standing = self._standing()
            self._record(standing)
            digest = self._adopted()
            if digest is None:
                self._start()
            elif digest != self._settings.digest:
                self._process.start(find_program(self._program), self._process.running(), take_listeners=True)
            self._enforce(_resolved(standing))

    def routes(self) -> tuple[Route, ...]:
        return self._standing().routes

    def shift(self, routes: Sequence[Route]) -> None:
        with self._places.locked():
            try:
                standing = with_routes(self._standing(), routes)
            except ValueError as error:
                raise TrafficFailed(
                    f"These routes are impossible: {error}.",
                    "The routes are the ones from before.",
                    "Give one or two instances with a weight from 0 to 100 each.",
                ) from error
            self._change(standing)

    def hold(self) -> None:
        with self._places.locked():
            self._change(replace(self._standing(), held=True))

    def resume(self) -> None:
        with self._places.locked():
            self._change(replace(self._standing(), held=False))

    def in_flight(self, instance_id: str) -> int:
        try:
            return self._socket.in_flight(instance_id)
        except ProxyGone:
            return 0

    def drained(self, instance_id: str, within: timedelta) -> bool:
        give_up_at = time.monotonic() + within.total_seconds()
        while self.in_flight(instance_id):
            if time.monotonic() >= give_up_at:
                return False
            time.sleep(_LOOK_EVERY.total_seconds())
        return True

    def outcomes(self) -> SignalSource:
        return HAProxyOutcomes(self._socket.subscribe)

    def stop(self) -> None:
        with self._places.locked():
            if self._process.running() is None:
                self._adopted()  # it was started by one that was killed before it could record it
            self._process.stop()
            self._places.remove_sockets()

    def _change(self, standing: Standing) -> None:
        """On disk first: a proxy that crashes between the two starts again with the new routes."""
        wanted = _resolved(standing)
        self._record(standing)
        try:
            self._enforce(wanted)
        except ProxyGone:
            self._start()
            self._enforce(wanted)

    def _standing(self) -> Standing:
        try:
            return read_standing(self._places.configuration.read_text())
        except FileNotFoundError:
            return Standing()
        except (ValueError, KeyError, TypeError) as error:
            raise TrafficFailed(
                f"{self._places.configuration} is not as lastgood wrote it: {error}.",
                "The routes in force are unknown; the proxy was left as it is.",
                "Move the file away, then run `lastgood up`.",
            ) from error

    def _record(self, standing: Standing) -> None:
        text = render(self._settings, standing)
        path = self._places.configuration
        if not path.exists() or path.read_text() != text:
            replace_file(path, text)

    def _adopted(self) -> str | None:
        """The settings of the running proxy, which is recorded as ours; None when none answers."""
        try:
            info = self._socket.info()
        except ProxyGone:
            return None
        if info.get("node") != self._settings.identity:
            raise TrafficFailed(
                f"Another proxy ({info.get('node')}) listens on {self._places.admin_socket}.",
                "It was left alone, and the service has no proxy of its own.",
                "End that proxy, then run the command again.",
            )
        self._process.adopt(int(info["Pid"]))
        return info.get("description", "")

    def _start(self) -> None:
        # a proxy that runs without its socket (someone removed it) serves, but takes no commands: replace it
        self._process.start(find_program(self._program), self._process.running(), take_listeners=False)

    def _enforce(self, wanted: Standing) -> None:
        """Lead the running proxy to `wanted` by commands, and look whether it is there."""
        change = commands(self._socket.servers(), wanted)
        answer = self._socket.ask(";".join(change)) if change else ""
        servers = self._socket.servers()
        missing = commands(servers, wanted)
        if missing:
            raise TrafficFailed(
                f"The proxy did not take `{missing[0]}`: {' '.join(answer.split())}",
                "Its routes are not the ones that were asked for.",
                "Run the command again; when it fails again, restart the proxy.",
            )
        for removal in removals(servers, wanted):
            self._socket.ask(removal)  # refused while it has connections; the next change tries again


def _resolved(standing: Standing) -> Standing:
    """With addresses for names, as the proxy will show them."""
    return replace(
        standing, routes=tuple(replace(route, host=_address(route.host)) for route in standing.routes)
    )


def _address(host: str) -> str:
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise TrafficFailed(
            f"The host {host!r} of an instance is not known: {error}.",
            "The routes are the ones from before.",
            "Correct the host, then run the command again.",
        ) from error

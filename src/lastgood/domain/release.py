"""Releases: immutable versions of a service, addressed by their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ReleaseState(StrEnum):
    CANDIDATE = "candidate"
    GOOD = "good"
    BAD = "bad"  # quarantined: never started again unless a person lifts it
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an artifact. `kind` is file, link or folder; `digest` is the SHA-256 of a file's
    content or the target of a link; `mode` holds only the permission bits."""

    path: str
    kind: str
    mode: int
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Launch:
    """How a release is run, kept with it so that going back never depends on today's documents.

    Values may hold ${port}, ${host} and ${stores.NAME.FIELD}; `secrets` maps a variable to a
    reference (`env:NAME`, `file:PATH`, ...), never to a value.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)  # path in the release -> path outside it


@dataclass(frozen=True, slots=True)
class Release:
    id: str  # SERVICE-xxxxxxxxxxxx, of both digests
    service: str
    label: str
    artifact_digest: str
    environment_digest: str
    size_bytes: int
    launch: Launch
    source: str
    recorded_at: datetime
    state: ReleaseState = ReleaseState.CANDIDATE
    pinned: bool = False
    reason: str = ""  # of its state


def artifact_digest(entries: Iterable[FileEntry]) -> str:
    """SHA-256 over the sorted entries, folders left out (empty ones do not count, as in git)."""
    lines = sorted(
        f"{entry.kind}\0{entry.mode & 0o111:o}\0{entry.path}\0{entry.digest}\n"
        for entry in entries
        if entry.kind != "folder"
    )
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def environment_digest(launch: Launch) -> str:
    """SHA-256 over command, environment, secret references and shared paths."""
    canonical = json.dumps(
        [
            list(launch.command),
            dict(launch.environment),
            dict(launch.secrets),
            dict(launch.shared),
        ],
        sort_keys=True,
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def release_id(service: str, artifact: str, environment: str) -> str:
    return f"{service}-{hashlib.sha256(f'{artifact}{environment}'.encode()).hexdigest()[:12]}"

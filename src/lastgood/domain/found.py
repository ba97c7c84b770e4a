"""What `init` found in a folder and on its machine, before any document is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FoundStart:
    """How the service starts. `because` is a sentence that says what told it."""

    command: tuple[str, ...]
    because: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundStore:
    """Data. `path` is relative to the folder that was looked at where it lies inside it."""

    name: str
    kind: str  # sqlite | files
    path: Path
    because: str

    @property
    def inside(self) -> bool:
        return not self.path.is_absolute()


@dataclass(frozen=True, slots=True)
class FoundVault:
    """`location` is an absolute path, or what restic or rclone calls a place elsewhere."""

    kind: str  # restic | rclone
    location: str
    because: str


@dataclass(frozen=True, slots=True)
class Found:
    """`folder` is the project's. `unsupported` and `hints` are plain sentences that hold no secret."""

    folder: Path  # absolute
    name: str
    vault: FoundVault
    start: FoundStart | None = None
    port: int = 8080
    port_because: str = ""
    health: str = ""  # a path like /health; empty: none was found
    health_because: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)  # variables that lead to stores
    stores: tuple[FoundStore, ...] = ()
    has_dotenv: bool = False  # there is a .env, which may hold secrets
    secrets: Mapping[str, str] = field(default_factory=dict)  # variable -> where it is: env | dotenv
    migrations: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

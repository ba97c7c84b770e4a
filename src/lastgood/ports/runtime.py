"""Runtime: where instances of a release run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """Everything is resolved: no ${...} is left. `environment` may hold secrets: it is handed over by
    pipe and written nowhere. `tree` is the release's immutable folder: the instance runs in a copy of it,
    where each `shared` path is a link to the path outside."""

    instance_id: str
    service: str
    release_id: str
    tree: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    shared: Mapping[str, Path]
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Instance:
    """`exits` counts the ends of the main process since the start (each is restarted with a growing
    pause); `last_exit` is its exit code, negative for a signal. `output` is its log file. `pid` is the main
    process of now, None where there is none or the runtime does not know it."""

    instance_id: str
    service: str
    release_id: str
    host: str
    port: int
    running: bool
    started_at: datetime
    exits: int
    last_exit: int | None
    output: Path | None
    pid: int | None = None


class Runtime(Protocol):
    """Instances outlive lastgood: a new Runtime object on the same folder finds them again."""

    def start(self, order: LaunchOrder) -> Instance:
        """Start the instance, or find it when it is there already (same instance_id): never twice."""

    def find(self, instance_id: str) -> Instance | None:
        """The instance as it is now; None when it was never started or was discarded."""

    def instances(self) -> tuple[Instance, ...]:
        """All that were started and not discarded, running or not."""

    def stop(self, instance_id: str, within: timedelta) -> bool:
        """End the whole process group and everything it left behind; TERM, then KILL after `within`.

        True when it ended by itself on TERM, False when it had to be killed. When this returns nothing of
        it runs and its port is free. Stopping what is not running is no error.
        """

    def discard(self, instance_id: str) -> None:
        """Remove what is left of a stopped instance (its folder and log). Unknown ids are no error."""

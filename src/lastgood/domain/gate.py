"""Quality gates: three answers, never two."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GateState(StrEnum):
    PASSED = "passed"
    MISSED = "missed"
    INSUFFICIENT = "insufficient data"


@dataclass(frozen=True, slots=True)
class Gate:
    """`evidence` are plain sentences with figures; `mend` is what to do, empty when passed."""

    name: str
    state: GateState
    evidence: tuple[str, ...]
    mend: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """What one service should be on, and what was found when it was looked at. `running` is the id of the
    release whose instance serves, "" where none runs; `intact` None where the artifact is not on this
    machine; `drift` are parts of the launch that the documents say otherwise today."""

    service: str
    recorded: str
    label: str
    running: str
    intact: bool | None
    vaults: tuple[str, ...]
    drift: tuple[str, ...] = ()

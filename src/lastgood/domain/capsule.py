"""The capsule: what a vault holds to rebuild from nothing, and how it says what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

CAPSULE_VERSION = 1
LEDGER_FILE = "ledger.db"
DOCUMENTS_FOLDER = "documents"
CONTENTS_FILE = "capsule.json"


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a ledger ends: how many entries, and the hash of the last ("" when there is none). The chain
    alone cannot tell that entries were cut off at its end."""

    entries: int
    hash: str


@dataclass(frozen=True, slots=True)
class Capsule:
    """`capsule.json`. `documents` maps a file of the system's folder to the SHA-256 of its content: the
    documents, and what they need beside them, like the scripts of probes; `programs` are those that may be
    run; `folder` is where they stood."""

    version: int
    system: str
    point: str
    vault: str
    releases: Mapping[str, str]  # service -> release that it is on
    ledger: Tip
    made_at: datetime
    folder: str = ""
    documents: Mapping[str, str] = field(default_factory=dict)
    programs: tuple[str, ...] = ()

"""The ground that a recovery stands on before there is a system: filled by wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lastgood.domain.release import Release
from lastgood.domain.system import Part, System
from lastgood.execution.workplace import Workplace
from lastgood.ports.clock import Clock
from lastgood.ports.records import Records
from lastgood.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that this machine does not have and the recovery needs; `mend` is what to do or type."""

    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Ground:
    """`find_vault` takes location, kind ("" to find it out) and the folder that relative paths count from;
    `open_vault` name, part, key file and cache folder; it makes no vault. `read_documents` takes the folder
    where the documents stand and the one where they will stand. `lacks` takes the bytes that are needed."""

    clock: Clock
    find_vault: Callable[[str, str, Path], Part]
    open_vault: Callable[[str, Part, Path, Path], Vault]
    read_documents: Callable[[Path, Path], System]
    open_records: Callable[[Path], Records]
    lacks: Callable[[System, Mapping[str, Release], int], tuple[Lack, ...]]
    present: Callable[[System, str], bool]  # whether a store has live data already
    lay_file: Callable[[Path, bytes, int], None]
    with_places: Callable[[System], System]  # its vaults where places.json says they are
    open_workplace: Callable[[System], Workplace]
    checkpoint: Callable[[str], None]  # fault injection: called at named instants

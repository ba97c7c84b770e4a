"""The documents, loaded: as they stand, or as they were kept when they were loaded last."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import lastgood
from lastgood.domain.places import with_moves
from lastgood.records import loaded
from lastgood.records.places import read_moves

if TYPE_CHECKING:
    from lastgood.domain.system import System

MOST_COMPANIONS = 200
LARGEST_COMPANION_BYTES = 1_000_000


def load_system(folder: Path) -> System:
    """Reads and validates every document; its vaults are where they are on this machine. Raises
    DocumentsInvalid."""
    return with_places(read_documents(folder))


def known_system(folder: Path) -> System:
    """The same, without a parser when the documents are those that were loaded last."""
    before = loaded.origin_of(folder, program())
    system = loaded.recall(before) if before is not None else None
    if system is None:
        followed: dict[str, str] = {}
        system = read_documents(folder, followed=followed)
        if before is not None and before == loaded.origin_of(folder, program()):  # none was edited meanwhile
            loaded.keep(before, system, followed)
    return with_places(system)


def read_documents(folder: Path, place: Path | None = None, followed: dict[str, str] | None = None) -> System:
    from lastgood.adapters.registry import option_models
    from lastgood.documents.load import load

    return load(folder, option_models(), place, followed)


@cache
def program() -> str:
    """Tells shortcuts of this very lastgood from those of another."""
    return loaded.program_mark(Path(lastgood.__file__).parent, lastgood.__version__)


def with_places(system: System) -> System:
    return with_moves(system, read_moves(system.state))


def document_schemas() -> Mapping[str, object]:
    """The JSON Schema of each kind of document."""
    from lastgood.adapters.registry import option_models
    from lastgood.documents.schema import schemas

    return schemas(option_models())


def documents_to_keep(system: System) -> Mapping[str, bytes]:
    """The documents, and what stands beside them that they may need: scripts of probes and invariants.

    Neither hidden files nor secrets, nor what lies in the state folder, a store or a vault; and nothing but
    the documents where the folder holds more than scripts would (a whole project, say)."""
    documents = {file.name: file.read_bytes() for file in sorted(system.folder.glob("*.yml"))}
    beside = [file for file in sorted(system.folder.rglob("*")) if _stands_beside(system, file)]
    if len(beside) > MOST_COMPANIONS or any(file.stat().st_size > LARGEST_COMPANION_BYTES for file in beside):
        return documents
    return documents | {str(file.relative_to(system.folder)): file.read_bytes() for file in beside}


def _stands_beside(system: System, file: Path) -> bool:
    parts = file.relative_to(system.folder).parts
    if (
        file.is_symlink()
        or not file.is_file()
        or any(part[0] == "." or part == "__pycache__" for part in parts)
    ):
        return False
    secrets = {vault.key_file for vault in system.vaults} | {
        Path(reference.partition(":")[2].partition("#")[0])
        for service in system.services
        for reference in service.launch.secrets.values()
    }
    places = [system.state]
    for part in (*(store.part for store in system.stores), *(vault.part for vault in system.vaults)):
        places += [Path(str(part.options[name])) for name in ("path", "location") if name in part.options]
    return file not in secrets and not any(file == place or place in file.parents for place in places)

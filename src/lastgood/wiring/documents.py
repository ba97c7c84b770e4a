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

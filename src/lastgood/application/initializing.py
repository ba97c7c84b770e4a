"""Init: look at a project, write the documents that are not there, prepare the vaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lastgood.deciding.clues import name_of
from lastgood.deciding.proposal import Named, proposed
from lastgood.deciding.proposed_system import system_draft
from lastgood.documents.defaults import defaults
from lastgood.documents.kinds import FILES
from lastgood.documents.writing import write
from lastgood.domain.errors import DocumentsInvalid, LastgoodError, UsageError
from lastgood.domain.found import Found, FoundVault
from lastgood.domain.system import System

HOST = "127.0.0.1"
_HAS_PASSWORD = re.compile(r"//[^/@\s]*:[^/@\s]*@")
_IS_REMOTE = re.compile(r"[A-Za-z0-9_-]+:.")


@dataclass(frozen=True, slots=True)
class InitDesk:
    """What init looks at and acts with."""

    discover: Callable[[Path, Path], Found]  # the project, and where documents will be
    free_port: Callable[[str, int], int]  # the wanted port of the host, or the next free one
    schemas: Callable[[], Mapping[str, Any]]
    load: Callable[[Path], System]
    lay: Callable[[Path, Mapping[str, str], Callable[[Path], None]], None]
    prepare: Callable[[System], None]  # keys and vaults
    program: str  # what runs lastgood, for a line of cron


@dataclass(frozen=True, slots=True)
class InitRequest:
    """`name` and `vault` are empty where init shall choose. `system` is the folder of the documents."""

    folder: Path
    system: Path
    name: str = ""
    vault: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What was found, and what will come of it. `port` is the proxy's."""

    found: Found
    system: Path
    port: int
    writes: tuple[str, ...]
    keeps: tuple[str, ...]


def initialize(desk: InitDesk, request: InitRequest, show: Callable[[Outlook], None]) -> System:
    """`show` is called before anything is written. Raises what stands in the way: no document is written
    then, or the vaults could not be prepared, which the error says."""
    folder = request.system.absolute()
    keeps = tuple(name for name in FILES.values() if (folder / name).exists())
    if keeps and FILES["system"] not in keeps:
        raise UsageError(
            f"{folder} holds {', '.join(keeps)}, but no system.yml that these could belong to.",
            "Nothing was written.",
            "Bring system.yml back, or move these files away, and run `lastgood init` again.",
        )
    found = _with_wishes(desk.discover(request.folder, folder), request)
    outlook = Outlook(
        found=found,
        system=folder,
        port=desk.free_port(HOST, found.port),
        writes=tuple(name for name in FILES.values() if name not in keeps),
        keeps=keeps,
    )
    texts = _texts(desk, outlook, desk.load(folder) if keeps else None)
    show(outlook)
    if texts:
        desk.lay(folder, texts, lambda aside: _prove(desk, aside))
    system = desk.load(folder)
    try:
        desk.prepare(system)
    except LastgoodError as error:
        raise type(error)(
            error.happened,
            f"The documents are written and valid, but no vault is ready. {error.means}",
            f"{error.mend} Then run `lastgood init` again: it goes on from here.",
        ) from error
    return system


def _with_wishes(found: Found, request: InitRequest) -> Found:
    if request.name:
        if name_of(request.name, "") != request.name:
            raise UsageError(
                f"{request.name!r} is no name.",
                "Nothing was written.",
                "Write a small letter, then up to 39 of a-z, 0-9, _ and -, like shop-1.",
            )
        found = replace(found, name=request.name)
    if request.vault:
        if _HAS_PASSWORD.search(request.vault):
            raise UsageError(
                "The location of the vault holds a password.",
                "It would stand in a document for all to read; nothing was written.",
                "Leave it out, and give it by the variables that restic and rclone read.",
            )
        remote = _IS_REMOTE.match(request.vault)
        location = request.vault if remote else str(Path(request.vault).expanduser().absolute())
        found = replace(found, vault=FoundVault(found.vault.kind, location, found.vault.because))
    return found


def _texts(desk: InitDesk, outlook: Outlook, existing: System | None) -> dict[str, str]:
    """File name -> text, of the documents that are not there."""
    schemas = desk.schemas()
    named = _named_in(existing, outlook, desk.program) if existing else _named(outlook, desk.program)
    drafts = proposed(named, {kind: defaults(schema) for kind, schema in schemas.items()})
    if existing is None:
        drafts["system"] = system_draft(outlook.found, outlook.system, outlook.port)
    return {
        FILES[kind]: write(schemas[kind], draft)
        for kind, draft in drafts.items()
        if FILES[kind] in outlook.writes
    }


def _named(outlook: Outlook, program: str) -> Named:
    found = outlook.found
    return Named(
        system=found.name,
        folder=str(outlook.system),
        program=program,
        services=(found.name,) if found.start else (),
        stores={store.name: store.kind for store in found.stores},
        vaults=("local",),
        migrations=found.migrations,
        dotenv=found.has_dotenv,
    )


def _named_in(system: System, outlook: Outlook, program: str) -> Named:
    return Named(
        system=system.name,
        folder=str(outlook.system),
        program=program,
        services=tuple(service.name for service in system.services),
        stores={store.name: store.part.kind for store in system.stores},
        vaults=tuple(vault.name for vault in system.vaults),
        migrations=outlook.found.migrations,
        dotenv=outlook.found.has_dotenv,
    )


def _prove(desk: InitDesk, aside: Path) -> None:
    try:
        desk.load(aside)
    except DocumentsInvalid as invalid:
        raise LastgoodError(
            f"What init would write is not valid:\n{invalid.happened}",
            "Nothing was written.",
            "Please report this; until then write the documents by hand (see the README).",
        ) from invalid

"""What stands before a system: looking at a machine, initializing, recovering."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from lastgood.adapters.clock import SystemClock
from lastgood.adapters.discovery import discover
from lastgood.adapters.discovery.laying import lay_documents
from lastgood.adapters.faults import kill_here
from lastgood.adapters.looking import MachineLooker
from lastgood.adapters.machine import lacks
from lastgood.adapters.placing import lay_file
from lastgood.adapters.runtimes.listening import port_is_free
from lastgood.adapters.vault_places import vault_part
from lastgood.application.ground import Ground
from lastgood.application.initializing import InitDesk
from lastgood.domain.system import System, Vault
from lastgood.execution.workplace import Progress
from lastgood.records.history import LedgerRecords
from lastgood.records.ledger import SqliteLedger
from lastgood.records.runs import FolderRuns
from lastgood.wiring.documents import document_schemas, load_system, read_documents, with_places
from lastgood.wiring.parts import build_store, build_vault
from lastgood.wiring.workplace import DEFAULT_ENGINE, open_workplace


def open_ground(
    engine: str = DEFAULT_ENGINE, progress: Callable[[Progress], None] = lambda progress: None
) -> Ground:
    """What a recovery needs before there is a system."""
    clock = SystemClock()
    return Ground(
        clock=clock,
        find_vault=vault_part,
        open_vault=lambda name, part, key, cache: build_vault(Vault(name, part, key), cache),
        read_documents=read_documents,
        open_records=lambda file: LedgerRecords(SqliteLedger(file, clock)),
        lacks=lacks,
        present=lambda system, name: build_store(system, name).present(),
        lay_file=lay_file,
        checkpoint=kill_here,
        with_places=with_places,
        open_workplace=lambda system: open_workplace(system, engine, progress),
    )


def open_looker(system: System) -> MachineLooker:
    """For a check: makes nothing."""

    return MachineLooker(system, FolderRuns(system.state / "runs"))


def init_desk() -> InitDesk:

    return InitDesk(
        discover=discover,
        free_port=_free_port_from,
        schemas=document_schemas,
        load=load_system,
        lay=lay_documents,
        prepare=_prepare,
        program=str(Path(sys.argv[0]).absolute()) if Path(sys.argv[0]).name == "lastgood" else "lastgood",
    )


def _prepare(system: System) -> None:
    """Keys and vaults, ready for the first backup."""
    workplace = open_workplace(system)
    # so that no key is ever committed with the project
    (system.state / ".gitignore").write_text("*\n")
    for vault in workplace.vaults.values():
        vault.prepare()


def _free_port_from(host: str, wanted: int) -> int:

    return next(
        (port for port in range(wanted, min(wanted + 100, 65536)) if port_is_free(host, port)), wanted
    )

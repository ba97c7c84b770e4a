"""The workplace: a system and everything that acts on it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from lastgood.adapters.clock import SystemClock
from lastgood.adapters.faults import kill_here
from lastgood.adapters.lazily import Deferred, Lazily
from lastgood.execution.workplace import Progress, Workplace
from lastgood.records.history import LedgerRecords
from lastgood.records.leases import FolderLeases
from lastgood.records.ledger import SqliteLedger
from lastgood.records.reserve import Reserve
from lastgood.records.runs import FolderRuns
from lastgood.records.scratch import ScratchFolders
from lastgood.records.shelf import FolderShelf
from lastgood.wiring.documents import documents_to_keep, program
from lastgood.wiring.parts import (
    ask_probe,
    build_engine,
    build_runtime,
    build_store,
    build_store_in,
    build_traffic,
    build_vault,
    find_source,
    free_port,
    make_key_once,
    run_build,
    secret,
    store_values,
)

if TYPE_CHECKING:  # what a command does not use, it does not import: `status` answers at once
    from lastgood.domain.policy import Invariant
    from lastgood.domain.system import Service, System
    from lastgood.ports.runtime import Instance
    from lastgood.ports.signal import SignalSource

DEFAULT_ENGINE = "dbos"


def open_workplace(
    system: System,
    engine: str = DEFAULT_ENGINE,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Workplace:
    """Makes the state folder and the vaults' keys where there are none; starts nothing."""
    clock = SystemClock()
    records = LedgerRecords(
        SqliteLedger(system.state / "ledger.db", clock), system.state / "history.json", program()
    )
    _make_state(system, records)
    stores = Lazily((store.name for store in system.stores), lambda name: build_store(system, name))
    runtimes = Lazily((service.name for service in system.services), lambda name: build_runtime(system, name))

    def ask_store(store: str, query: str) -> str:
        return stores[system.store(store).name].ask(query)

    def check(invariant: Invariant) -> tuple[bool | None, str]:
        from lastgood.adapters.signals.invariants import check_invariant

        return check_invariant(invariant, ask_store, system.folder)

    def watch_invariants(invariants: tuple[Invariant, ...], instance_id: str) -> SignalSource:
        from lastgood.adapters.signals.invariants import InvariantSource

        return InvariantSource(invariants, instance_id, ask_store, system.folder)

    def watch_instance(
        service: Service, instance: Instance, beside: Instance | None
    ) -> tuple[SignalSource, ...]:
        from lastgood.wiring.watching import sources

        return sources(system, service, instance, beside, records.history, ask_store, runtimes[service.name])

    def send_written(
        instance: Instance, beside: Instance | None, wanted: Callable[[], bool]
    ) -> tuple[SignalSource, ...]:
        from lastgood.wiring.watching import written

        return written(system, instance, beside, records.history, wanted)

    return Workplace(
        system=system,
        clock=clock,
        records=records,
        runs=FolderRuns(system.state / "runs"),
        leases=FolderLeases(system.state / "leases"),
        shelf=FolderShelf(system.state / "releases"),
        engine=engine,
        engines=build_engine,
        runtimes=runtimes,
        traffic=Lazily(
            (service.name for service in system.services if service.traffic is not None),
            lambda name: build_traffic(system, system.service(name)),
        ),
        stores=stores,
        vaults=Lazily(
            (vault.name for vault in system.vaults),
            lambda name: build_vault(system.vault(name), system.state / "cache" / name),
        ),
        values=Deferred(lambda: store_values(system)),
        reserve=Reserve(system.state / "reserve"),
        scratch=ScratchFolders(system.state / "scratch"),
        store_in=lambda name, folder: build_store_in(system, name, folder),
        open_source=find_source,
        ask_probe=lambda probe, host, port: ask_probe(probe, host, port, system.folder),
        watch_instance=watch_instance,
        send_written=send_written,
        watch_invariants=watch_invariants,
        check_invariant=check,
        read_secret=lambda reference: secret(reference, system.folder),
        free_port=free_port,
        run_command=run_build,
        documents=lambda: documents_to_keep(system),
        checkpoint=kill_here,
        progress=progress,
    )


def _make_state(system: System, records: LedgerRecords) -> None:
    """Where nothing can be written, looking still works; whatever writes says so when it does."""
    try:
        system.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        for vault in system.vaults:
            make_key_once(vault, records)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise

"""The composition root: documents in, a Workplace out."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lastgood.adapters import faulty
from lastgood.adapters.clock import SystemClock
from lastgood.adapters.discovery import discover
from lastgood.adapters.discovery.laying import lay_documents
from lastgood.adapters.disk import sync_folder
from lastgood.adapters.faults import kill_here
from lastgood.adapters.load import Load
from lastgood.adapters.load_answer import Call
from lastgood.adapters.looking import MachineLooker
from lastgood.adapters.machine import lacks
from lastgood.adapters.placing import lay_file
from lastgood.adapters.process import run
from lastgood.adapters.registry import STORES, VAULTS, option_models
from lastgood.adapters.runtimes.listening import port_is_free
from lastgood.adapters.runtimes.process import ProcessRuntime
from lastgood.adapters.secrets import read_secret
from lastgood.adapters.signals.arms import Arm, Arms
from lastgood.adapters.signals.configured import Surroundings, configured_source
from lastgood.adapters.signals.exits import ExitSource
from lastgood.adapters.signals.invariants import InvariantSource, check_invariant
from lastgood.adapters.signals.probes import ProbeSource, ask
from lastgood.adapters.sources.source import open_source
from lastgood.adapters.sweeping import sweep
from lastgood.adapters.traffic.haproxy import HAProxyOptions, HAProxyTraffic
from lastgood.adapters.vault_keys import make_key
from lastgood.adapters.vault_places import vault_part
from lastgood.adapters.vault_read_only import ReadOnlyVault
from lastgood.application.ground import Ground
from lastgood.application.initializing import InitDesk
from lastgood.application.sandbox import DrillTools, LoadRequest
from lastgood.documents.load import load
from lastgood.documents.schema import schemas
from lastgood.domain.errors import ActionFailed
from lastgood.domain.places import with_moves
from lastgood.domain.policy import Invariant
from lastgood.domain.release import Launch
from lastgood.domain.signal import Probe
from lastgood.domain.system import Part, Service, Store, System, Vault
from lastgood.engine.dbos import DbosEngine
from lastgood.engine.inline import InlineEngine
from lastgood.execution.workplace import ProbeAnswer, Progress, Workplace
from lastgood.ports.engine import Engine
from lastgood.ports.runtime import Instance
from lastgood.ports.signal import SignalSource
from lastgood.ports.store import Store as StorePort
from lastgood.ports.traffic import Traffic
from lastgood.ports.vault import Vault as VaultPort
from lastgood.records.history import LedgerRecords
from lastgood.records.leases import FolderLeases
from lastgood.records.ledger import SqliteLedger
from lastgood.records.places import read_moves
from lastgood.records.reserve import Reserve
from lastgood.records.runs import FolderRuns
from lastgood.records.scratch import ScratchFolders
from lastgood.records.shelf import FolderShelf

BUILD_LIMIT = timedelta(minutes=30)
DEFAULT_ENGINE = "dbos"


def load_system(folder: Path) -> System:
    """With its vaults where they are on this machine. Raises DocumentsInvalid."""
    return _with_places(load(folder, option_models()))


def open_ground(
    engine: str = DEFAULT_ENGINE, progress: Callable[[Progress], None] = lambda progress: None
) -> Ground:
    """What a recovery needs before there is a system."""
    clock = SystemClock()
    return Ground(
        clock=clock,
        find_vault=vault_part,
        open_vault=lambda name, part, key, cache: _vault(Vault(name, part, key), cache),
        read_documents=lambda folder, place: load(folder, option_models(), place),
        open_records=lambda file: LedgerRecords(SqliteLedger(file, clock)),
        lacks=lacks,
        present=lambda system, name: _store(system, name).present(),
        lay_file=lay_file,
        checkpoint=kill_here,
        with_places=_with_places,
        open_workplace=lambda system: open_workplace(system, engine, progress),
    )


def open_drills(
    engine: str = DEFAULT_ENGINE,
    progress: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda text: None,
) -> DrillTools:
    """What drills need besides the live workplace."""

    def open_sandbox(system: System, read_only: frozenset[str]) -> Workplace:
        workplace = open_workplace(system, engine, progress)
        vaults = {
            name: ReadOnlyVault(name, vault) if name in read_only else vault
            for name, vault in workplace.vaults.items()
        }
        return replace(workplace, vaults=vaults)

    return DrillTools(
        ground=open_ground(engine, progress),
        open_sandbox=open_sandbox,
        relocate_store=_relocated,
        faulty=_faulty,
        load=_load,
        sweep=sweep,
        say=say,
    )


def _relocated(store: Store, folder: Path) -> Store:
    kind = STORES[store.part.kind]
    options = kind.relocate(kind.options.model_validate(store.part.options), folder, store.name)
    return Store(store.name, Part(store.part.kind, options.model_dump(mode="json")))


def _faulty(launch: Launch, every: int) -> Launch:
    """The same release behind a program that answers every so-manieth request with an error."""

    def inner(text: str) -> str:
        return text.replace("${port}", faulty.TOKEN)

    program = (sys.executable, "-I", "-S", str(Path(faulty.__file__)), "${host}", "${port}", str(every), "--")
    environment = {name: inner(value) for name, value in launch.environment.items()}
    words = (inner(word) for word in launch.command)
    return replace(launch, command=(*program, *words), environment=environment)


def _load(host: str, port: int, per_second: float, request: LoadRequest) -> Load:
    body = request.body.encode() if request.method not in ("GET", "HEAD") else b""
    kind = "application/json" if request.body[:1] in ("{", "[") else "application/x-www-form-urlencoded"
    call = Call(request.method, request.path, body, kind)
    return Load(host, port, per_second, call=lambda number: call, release_header="X-Lastgood-Fault")


def _with_places(system: System) -> System:
    return with_moves(system, read_moves(system.state))


def document_schemas() -> Mapping[str, object]:
    """The JSON Schema of each kind of document."""
    return schemas(option_models())


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


def open_workplace(
    system: System,
    engine: str = DEFAULT_ENGINE,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Workplace:
    """Makes the state folder and the vaults' keys where there are none; starts nothing."""
    system.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock = SystemClock()
    records = LedgerRecords(SqliteLedger(system.state / "ledger.db", clock))
    for vault in system.vaults:
        _make_key_once(vault, records)
    stores = {store.name: _store(system, store.name) for store in system.stores}

    def ask_store(store: str, query: str) -> str:
        return stores[system.store(store).name].ask(query)

    def check(invariant: Invariant) -> tuple[bool | None, str]:
        return check_invariant(invariant, ask_store, system.folder)

    def watch_invariants(invariants: tuple[Invariant, ...], instance_id: str) -> SignalSource:
        return InvariantSource(invariants, instance_id, ask_store, system.folder)

    runtimes = {
        service.name: ProcessRuntime(system.state / "instances" / service.name) for service in system.services
    }

    def arm(instance: Instance) -> Arm:
        release = records.history().releases.get(instance.release_id)
        return Arm(instance, release.label if release is not None else instance.release_id)

    def watch_instance(
        service: Service, instance: Instance, beside: Instance | None
    ) -> tuple[SignalSource, ...]:
        probes = (*service.readiness, *system.detection.probes)
        arms = Arms(arm(instance), arm(beside) if beside is not None else None)
        around = Surroundings(
            folder=system.folder,
            notes=system.state / "signals",
            read_secret=lambda reference: read_secret(reference, system.folder),
            ask_store=ask_store,
            find=runtimes[service.name].find,
        )
        return (
            ProbeSource(probes, instance.instance_id, instance.host, instance.port, system.folder),
            ExitSource(runtimes[service.name], instance.instance_id),
            *(configured_source(signal, arms, around) for signal in system.detection.signals),
        )

    return Workplace(
        system=system,
        clock=clock,
        records=records,
        runs=FolderRuns(system.state / "runs"),
        leases=FolderLeases(system.state / "leases"),
        shelf=FolderShelf(system.state / "releases"),
        engine=engine,
        engines=_engine,
        runtimes=runtimes,
        traffic={
            service.name: _traffic(system, service)
            for service in system.services
            if service.traffic is not None
        },
        stores=stores,
        vaults={vault.name: _vault(vault, system.state / "cache" / vault.name) for vault in system.vaults},
        values=_values(system),
        reserve=Reserve(system.state / "reserve"),
        scratch=ScratchFolders(system.state / "scratch"),
        store_in=lambda name, folder: _store_in(system, name, folder),
        open_source=open_source,
        ask_probe=lambda probe, host, port: _ask(probe, host, port, system.folder),
        watch_instance=watch_instance,
        watch_invariants=watch_invariants,
        check_invariant=check,
        read_secret=lambda reference: read_secret(reference, system.folder),
        free_port=_free_port,
        run_command=_build,
        documents=lambda: {file.name: file.read_bytes() for file in sorted(system.folder.glob("*.yml"))},
        checkpoint=kill_here,
        progress=progress,
    )


def _store(system: System, name: str) -> StorePort:
    part = system.store(name).part
    kind = STORES[part.kind]
    return kind.build(name, kind.options.model_validate(part.options))


def _store_in(system: System, name: str, folder: Path) -> tuple[StorePort, Mapping[str, str]]:
    part = system.store(name).part
    kind = STORES[part.kind]
    options = kind.relocate(kind.options.model_validate(part.options), folder, name)
    values = {f"stores.{name}.{field}": value for field, value in kind.values(options).items()}
    return kind.build(name, options), values


def _values(system: System) -> dict[str, str]:
    found = {}
    for store in system.stores:
        kind = STORES[store.part.kind]
        for field, value in kind.values(kind.options.model_validate(store.part.options)).items():
            found[f"stores.{store.name}.{field}"] = value
    return found


def _vault(vault: Vault, cache: Path) -> VaultPort:
    kind = VAULTS[vault.part.kind]
    return kind.build(vault.name, kind.options.model_validate(vault.part.options), vault.key_file, cache)


def _traffic(system: System, service: Service) -> Traffic:
    traffic = service.traffic
    if traffic is None:
        raise ValueError(service.name)
    options = HAProxyOptions.model_validate(traffic.part.options)
    folder = system.state / "traffic" / service.name
    return HAProxyTraffic(service.name, options, traffic.host, traffic.port, folder, traffic.hold_limit)


def _engine(name: str) -> Engine:
    return InlineEngine() if name == "inline" else DbosEngine()


def _ask(probe: Probe, host: str, port: int, folder: Path) -> ProbeAnswer:
    answer = ask(probe, host, port, folder)
    return ProbeAnswer(answer.passed, answer.detail, answer.seconds)


def _make_key_once(vault: Vault, records: LedgerRecords) -> None:
    """A key is made only where none is and the vault was never used: what is in it needs the old one."""
    if vault.key_file.exists():
        return
    history = records.history()
    used = {backup.vault for backup in history.backups.values()}.union(*history.kept.values())
    if vault.name in used:
        return
    vault.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # linked when it is whole: neither a kill nor a second command leaves an empty or another key
    with tempfile.NamedTemporaryFile("w", dir=vault.key_file.parent, prefix=".key-") as aside:
        aside.write(make_key() + "\n")
        aside.flush()
        os.fsync(aside.fileno())
        with suppress(FileExistsError):
            os.link(aside.name, vault.key_file)
    sync_folder(vault.key_file.parent)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _build(command: tuple[str, ...], folder: Path) -> None:
    done = run(command, limit=BUILD_LIMIT, folder=folder)
    if done.exit_code:
        raise ActionFailed(
            f"The build `{' '.join(command)}` ended with exit code {done.exit_code}: "
            f"{done.error_text[-500:]}",
            "No release was recorded.",
            "Mend the build and run the command again.",
        )

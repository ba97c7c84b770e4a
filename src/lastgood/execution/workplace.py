"""Workplace: the system and everything that acts on it, put together by wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.domain.errors import UsageError

if TYPE_CHECKING:  # a command that only looks imports no port and no event
    from lastgood.domain.plan import Step
    from lastgood.domain.policy import Invariant
    from lastgood.domain.run import StepEnd
    from lastgood.domain.signal import Probe
    from lastgood.domain.system import Service, System
    from lastgood.ports.clock import Clock
    from lastgood.ports.engine import Engine
    from lastgood.ports.leases import Leases
    from lastgood.ports.records import Records
    from lastgood.ports.reserve import Reserve
    from lastgood.ports.runs import Runs
    from lastgood.ports.runtime import Instance, Runtime
    from lastgood.ports.signal import SignalSource
    from lastgood.ports.source import Shelf, Source
    from lastgood.ports.store import Store
    from lastgood.ports.traffic import Traffic
    from lastgood.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    passed: bool
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """What goes on in a run, for whoever looks on. `end` is None while the step still goes on. It is step
    `number` of `of` in its plan `title`; from its beginning to the end of that plan it takes about
    `left_seconds`."""

    run_id: str
    path: str
    step: Step
    says: str = ""
    end: StepEnd | None = None
    seconds: float = 0.0
    title: str = ""
    number: int = 0
    of: int = 0
    left_seconds: float = 0.0
    stays: bool = False  # a word from within the step that is not written over


@dataclass(frozen=True, slots=True)
class Workplace:
    system: System
    clock: Clock
    records: Records
    runs: Runs
    leases: Leases
    shelf: Shelf
    engine: str  # the name of the engine that new runs use
    engines: Callable[[str], Engine]  # a run goes on with the engine that it began with
    runtimes: Mapping[str, Runtime]  # by service
    traffic: Mapping[str, Traffic]  # by service; a service without traffic has none
    stores: Mapping[str, Store]
    vaults: Mapping[str, Vault]
    values: Mapping[str, str]  # what ${stores.NAME.FIELD} stands for
    reserve: Reserve
    scratch: Callable[[str], AbstractContextManager[Path]]  # room for a purpose, gone afterwards
    store_in: Callable[[str, Path], tuple[Store, Mapping[str, str]]]  # the same store living elsewhere
    open_source: Callable[[str, Path], Source]
    ask_probe: Callable[[Probe, str, int], ProbeAnswer]
    # all signals but the proxy's, of an instance and of the old one beside it
    watch_instance: Callable[[Service, Instance, Instance | None], tuple[SignalSource, ...]]
    # written requests to both, sent while they are wanted
    send_written: Callable[[Instance, Instance | None, Callable[[], bool]], tuple[SignalSource, ...]]
    watch_invariants: Callable[[tuple[Invariant, ...], str], SignalSource]
    check_invariant: Callable[[Invariant], tuple[bool | None, str]]  # None: could not be asked
    read_secret: Callable[[str], str]
    free_port: Callable[[], int]
    run_command: Callable[[tuple[str, ...], Path], None]  # a build; raises ActionFailed
    documents: Callable[[], Mapping[str, bytes]]  # the documents as files, for the capsule
    checkpoint: Callable[[str], None]  # fault injection: called at named instants
    progress: Callable[[Progress], None]

    def runtime(self, service: str) -> Runtime:
        return self.runtimes[self.system.service(service).name]

    def traffic_of(self, service: str) -> Traffic | None:
        return self.traffic.get(service)

    def store(self, name: str) -> Store:
        return self.stores[self.system.store(name).name]

    def vault(self, name: str) -> Vault:
        return self.vaults[self.system.vault(name).name]

    def vaults_for_backup(self) -> tuple[str, ...]:
        chosen = self.system.backups.vaults or tuple(self.vaults)
        if not chosen:
            raise UsageError(
                "This system has no vault.",
                "Nothing could be brought back after a disaster.",
                "Add one under `vaults:` in system.yml.",
            )
        return chosen

    def stores_for_backup(self) -> tuple[str, ...]:
        return self.system.backups.stores or tuple(self.stores)

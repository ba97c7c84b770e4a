"""A sandbox: the same system beside the live one, in a folder and on ports of its own.

It is no second implementation: the documents are loaded with other places in them (`relocated`), and the same
use cases run on them. Of the live system it gets the vault, to read, and the vault's key.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from lastgood.application.ground import Ground
from lastgood.application.recovering import Found
from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import Refused
from lastgood.domain.launch import live_places
from lastgood.domain.policy import Triggers
from lastgood.domain.release import Launch
from lastgood.domain.system import Service, Store, System
from lastgood.execution.workplace import Workplace

DRILLS_FOLDER = "drills"
_STATE = "state"
_ROLLBACKS_A_DAY = 1000  # what the live system did today is not the sandbox's budget


class SeenAnswer(Protocol):
    """What became of one request of the load; times are monotonic seconds. `release` is "1" for an answer
    that the bad release of a drill gave on purpose."""

    @property
    def sent_at(self) -> float: ...
    @property
    def ended_at(self) -> float: ...
    @property
    def status(self) -> int: ...
    @property
    def release(self) -> str: ...
    @property
    def failed(self) -> bool: ...


class RunningLoad(Protocol):
    @property
    def answers(self) -> tuple[SeenAnswer, ...]: ...


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A request that people would send; of a GET the body is not sent."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class DrillTools:
    """What drills need besides the live workplace: filled by wiring. `open_sandbox` opens a system with
    these of its vaults read-only; `sweep` ends and removes what stands in a sandbox's folder and state."""

    ground: Ground
    open_sandbox: Callable[[System, frozenset[str]], Workplace]
    relocate_store: Callable[[Store, Path], Store]
    faulty: Callable[[Launch, int], Launch]
    load: Callable[[str, int, float, LoadRequest], AbstractContextManager[RunningLoad]]
    sweep: Callable[[Path, Path], None]
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SandboxNote:
    """That a drill made this folder; what a killed drill left is found by it."""

    folder: str


@dataclass(slots=True)
class Sandbox:
    """`adapt` changes the system further, after it was relocated."""

    tools: DrillTools
    folder: Path
    free_port: Callable[[], int]
    adapt: Callable[[System], System] = lambda system: system
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def documents(self) -> Path:
        return self.folder / "lastgood"

    def relocated(self, system: System) -> System:
        """With nothing of the live system's places in it but what `refuse_live_places` refuses."""
        relocated = replace(
            system,
            folder=self.documents,
            state=self.folder / _STATE,
            services=tuple(self._service(service) for service in system.services),
            stores=tuple(self.tools.relocate_store(store, self.folder / "stores") for store in system.stores),
            vaults=tuple(
                replace(vault, key_file=self.folder / "keys" / f"{vault.name}.key") for vault in system.vaults
            ),
            # its own triggers: a drill must show the way back also where people are asked first
            triggers=Triggers(rollbacks_per_day=_ROLLBACKS_A_DAY),
            consistency=replace(
                system.consistency,
                # a command may look at the live data, and would then prove nothing here
                invariants=tuple(one for one in system.consistency.invariants if not one.command),
            ),
        )
        return self.adapt(relocated)

    def ground(self, live_vaults: frozenset[str]) -> Ground:
        """For a recovery into this sandbox."""
        ground = self.tools.ground
        return replace(
            ground,
            read_documents=lambda folder, place: self.relocated(ground.read_documents(folder, place)),
            open_workplace=lambda system: self.tools.open_sandbox(system, live_vaults),
        )

    def _service(self, service: Service) -> Service:
        if service.traffic is None:
            return replace(service, build=())
        port = self.ports.setdefault(service.name, self.free_port())
        return replace(service, build=(), traffic=replace(service.traffic, host="127.0.0.1", port=port))


@contextmanager
def sandbox(tools: DrillTools, live: Workplace, drill_id: str, parent: Path | None) -> Iterator[Sandbox]:
    """One drill at a time; what killed drills left is removed first, and what this one made at its end."""
    notes = live.system.state / DRILLS_FOLDER
    with live.leases.hold(("drill",), drill_id):
        for left in sorted(notes.glob("*.json")) if notes.is_dir() else ():
            _clear(tools, left)
        folder = (parent.resolve() if parent is not None else notes) / drill_id
        note = notes / f"{drill_id}.json"
        tools.ground.lay_file(note, dumps(SandboxNote(str(folder))).encode(), 0o600)
        try:
            folder.mkdir(parents=True, mode=0o700)
            yield Sandbox(tools, folder, live.free_port)
        finally:
            _clear(tools, note)


def _clear(tools: DrillTools, note: Path) -> None:
    folder = Path(loads(SandboxNote, note.read_text(encoding="ascii")).folder)
    tools.sweep(folder, folder / _STATE)
    shutil.rmtree(folder, ignore_errors=True)
    note.unlink(missing_ok=True)


def refuse_live_places(live: Workplace, found: Found, allowed: tuple[str, ...]) -> None:
    """Raises Refused when an instance in the sandbox could write to live data, or a probe of it would ask
    the live service."""
    shared = [
        f"{release.label} of {name}: {what} ({where})"
        for name, release in found.releases.items()
        for where, what in live_places(release.launch, live.read_secret)
        if what not in allowed
    ]
    fixed = [
        f"the probe {probe.name} of {service.name} asks {probe.target}"
        for service in found.system.services
        for probe in service.readiness
        if "://" in probe.target and "${port}" not in probe.target
    ]
    if shared or fixed:
        raise Refused(
            f"The sandbox would not be apart from the live system: {'; '.join(shared + fixed)}.",
            "The drill was not begun; nothing was changed.",
            "Give the service its data by a store (`${stores.NAME.path}`) and its probes a path; where such a"
            " place is only read, say so with `--allow PLACE`.",
        )

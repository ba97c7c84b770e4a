"""What drills need besides the live workplace."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lastgood.adapters import faulty
from lastgood.adapters.load import Load
from lastgood.adapters.load_answer import Call
from lastgood.adapters.sweeping import sweep
from lastgood.adapters.vault_read_only import ReadOnlyVault
from lastgood.application.sandbox import DrillTools, LoadRequest
from lastgood.domain.release import Launch
from lastgood.domain.system import System
from lastgood.execution.workplace import Progress, Workplace
from lastgood.wiring.ground import open_ground
from lastgood.wiring.parts import relocated_store
from lastgood.wiring.workplace import DEFAULT_ENGINE, open_workplace


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
        relocate_store=relocated_store,
        faulty=_faulty,
        load=_synthetic_load,
        sweep=sweep,
        say=say,
    )


def _faulty(launch: Launch, every: int) -> Launch:
    """The same release behind a program that answers every so-manieth request with an error."""

    def inner(text: str) -> str:
        return text.replace("${port}", faulty.TOKEN)

    program = (sys.executable, "-I", "-S", str(Path(faulty.__file__)), "${host}", "${port}", str(every), "--")
    environment = {name: inner(value) for name, value in launch.environment.items()}
    words = (inner(word) for word in launch.command)
    return replace(launch, command=(*program, *words), environment=environment)


def _synthetic_load(host: str, port: int, per_second: float, request: LoadRequest) -> Load:
    body = request.body.encode() if request.method not in ("GET", "HEAD") else b""
    kind = "application/json" if request.body[:1] in ("{", "[") else "application/x-www-form-urlencoded"
    call = Call(request.method, request.path, body, kind)
    return Load(host, port, per_second, call=lambda number: call, release_header="X-Lastgood-Fault")

"""The program: the command line with its wiring, imported as late as can be."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.interfaces.cli.common import Doors
from lastgood.interfaces.cli.main import main as command_line

if TYPE_CHECKING:
    from lastgood.application.ground import Ground
    from lastgood.application.initializing import InitDesk
    from lastgood.application.sandbox import DrillTools
    from lastgood.domain.past import Grown, PastCounters
    from lastgood.domain.system import System
    from lastgood.execution.workplace import Progress, Workplace
    from lastgood.ports.looker import Looker


def main() -> None:
    gc.set_threshold(50_000, 20, 20)  # records make many small objects and no garbage: looking is quicker
    command_line(doors())


def doors() -> Doors:
    return Doors(_load, _open, _schemas, _init, _looker, _ground, _demo, _drills, _past)


def _load(folder: Path) -> System:
    from lastgood.wiring.documents import load_system

    return load_system(folder)


def _open(folder: Path, engine: str, progress: Callable[[Progress], None]) -> Workplace:
    from lastgood.wiring.documents import known_system
    from lastgood.wiring.workplace import open_workplace

    return open_workplace(known_system(folder), engine, progress)


def _ground(engine: str, progress: Callable[[Progress], None]) -> Ground:
    from lastgood.wiring.ground import open_ground

    return open_ground(engine, progress)


def _drills(engine: str, progress: Callable[[Progress], None], say: Callable[[str], None]) -> DrillTools:
    from lastgood.wiring.drills import open_drills

    return open_drills(engine, progress, say)


def _schemas() -> Mapping[str, object]:
    from lastgood.wiring.documents import document_schemas

    return document_schemas()


def _init() -> InitDesk:
    from lastgood.wiring.ground import init_desk

    return init_desk()


def _looker(system: System) -> Looker:
    from lastgood.wiring.ground import open_looker

    return open_looker(system)


def _demo(folder: Path | None, stay: bool, as_json: bool, every: bool) -> Mapping[str, object]:
    from lastgood.demo.story import DemoRequest, play

    return play(DemoRequest(folder, stay, as_json, every)).to_json()


def _past(asked: PastCounters) -> Grown:
    from lastgood.wiring.past import read_counters

    return read_counters(asked)


if __name__ == "__main__":
    main()

"""Places that must not lie in each other: addresses, stores, vaults and the state folder. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lastgood.documents.reading import Location
from lastgood.documents.service import listen_address

Overlap = tuple[Location, str, str]
"""Where it stands in system.yml, the problem and the mend."""

_ANY_HOST = ("0.0.0.0", "::", "*")


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    path: Path
    location: Location


def overlaps(system: Any) -> Iterator[Overlap]:
    """`system` is a composed SystemDocument."""
    yield from _addresses(system)
    stores, vaults = _entries(system, "stores", "store"), _entries(system, "vaults", "vault")
    for store in stores:
        if _inside(system.state, store.path):
            problem = f"The state folder lies inside {store.name}: a restore would overwrite it."
            yield ("state",), problem, "Choose a folder outside all stores."
        elif _inside(store.path, system.state):
            problem = f"This lies inside the state folder {system.state}."
            yield store.location, problem, "Keep stores outside the folder that lastgood writes to."
    for vault in vaults:
        for store in stores:
            if _inside(vault.path, store.path):
                problem = f"This lies inside {store.name}: whoever loses the store loses its backups."
                yield vault.location, problem, "Choose another disk or machine, or at least another folder."
            elif _inside(store.path, vault.path):
                yield store.location, f"This lies inside {vault.name}.", "Keep data and its backups apart."
    for index, store in enumerate(stores):
        for other in stores[:index]:
            if store.name == other.name:
                continue
            if _inside(store.path, other.path) or _inside(other.path, store.path):
                problem = f"This and {other.name} ({other.path}) hold the same files."
                yield (
                    store.location,
                    problem,
                    "Each file belongs to one store: choose paths beside each other.",
                )


def _addresses(system: Any) -> Iterator[Overlap]:
    taken: list[tuple[str, str, int]] = []
    for index, service in enumerate(system.services):
        if service.traffic is None:
            continue
        host, port = listen_address(service.traffic.listen)
        for name, other, other_port in taken:
            if port == other_port and (host == other or host in _ANY_HOST or other in _ANY_HOST):
                problem = f"`{service.traffic.listen}` is the address of service {name} too."
                yield ("services", index, "traffic", "listen"), problem, "Choose another port."
                break
        taken.append((service.name, host, port))


def _entries(system: Any, field: str, noun: str) -> list[_Place]:
    return [
        _Place(f"{noun} {entry.name}", path, (field, index, option))
        for index, entry in enumerate(getattr(system, field))
        for option, path in entry.folders_and_files().items()
    ]


def _inside(inner: Path, outer: Path) -> bool:
    return inner == outer or outer in inner.parents

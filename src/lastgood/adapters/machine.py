"""What this machine lacks for a system to run on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from lastgood.adapters.registry import STORES
from lastgood.adapters.runtimes.listening import holder_of, port_is_free
from lastgood.adapters.secrets import read_secret
from lastgood.adapters.traffic.haproxy import HAProxyOptions
from lastgood.adapters.traffic.haproxy.program import find_program
from lastgood.application.ground import Lack
from lastgood.domain.errors import RuntimeFailed, ToolMissing, UsageError
from lastgood.domain.release import Release
from lastgood.domain.system import Service, System

_SPARE_BYTES = 64 * 1024 * 1024


def lacks(system: System, releases: Mapping[str, Release], needed_bytes: int) -> tuple[Lack, ...]:
    """For these releases to be started here and `needed_bytes` to be written: all that is missing."""
    services = [system.service(name) for name in releases]
    return (
        *(lack for service in services for lack in _program(service, releases[service.name])),
        *(lack for service in services for lack in _port(system, service)),
        *(lack for service in services for lack in _secrets(system, releases[service.name])),
        *_places(system),
        *_room(system, needed_bytes),
    )


def _program(service: Service, release: Release) -> Iterator[Lack]:
    if service.traffic is not None:
        try:
            find_program(HAProxyOptions.model_validate(service.traffic.part.options).program)
        except ToolMissing as error:
            yield Lack(error.happened, error.mend)
    program = release.launch.command[0]
    if "/" not in program and "$" not in program and shutil.which(program) is None:
        yield Lack(
            f"The program {program} of {service.name} is not on this machine.",
            f"Install {program}, so that `command -v {program}` finds it.",
        )
    if program.startswith("/") and not os.access(program, os.X_OK):
        yield Lack(
            f"The program {program} of {service.name} is not on this machine.", f"Install it as {program}."
        )


def _port(system: System, service: Service) -> Iterator[Lack]:
    """Not asked where our own proxy may hold it: after a recovery that did not come to its end."""
    traffic = service.traffic
    if traffic is None or (system.state / "traffic" / service.name / "process.json").exists():
        return
    try:
        free = port_is_free(traffic.host, traffic.port)
    except RuntimeFailed as error:
        yield Lack(error.happened, error.mend)
        return
    if not free:
        yield Lack(
            f"Port {traffic.port}, where {service.name} is reached, is held by {holder_of(traffic.port)}.",
            f"End that process: `ss -ltnp 'sport = :{traffic.port}'` shows it.",
        )


def _secrets(system: System, release: Release) -> Iterator[Lack]:
    for name, reference in release.launch.secrets.items():
        try:
            read_secret(reference, system.folder)
        except UsageError:
            kind, _, rest = reference.partition(":")
            yield Lack(
                f"The secret {name} of {release.service} ({reference}) is not here.",
                f"Run `export {rest}=...` before the command."
                if kind == "env"
                else f"Write it into {system.folder / rest} (chmod 600).",
            )


def _places(system: System) -> Iterator[Lack]:
    folders = {system.state: "the state folder", system.folder: "the folder of the documents"}
    for store in system.stores:
        kind = STORES[store.part.kind]
        path = kind.values(kind.options.model_validate(store.part.options)).get("path", "")
        if path.startswith("/"):
            folders[Path(path).parent] = f"the data of store {store.name}"
    for folder, what in folders.items():
        standing = next(place for place in (folder, *folder.parents) if place.exists())
        if not (standing.is_dir() and os.access(standing, os.W_OK | os.X_OK)):
            yield Lack(
                f"This user may not write in {standing}, where {what} belongs.",
                f"Run `sudo mkdir -p {folder} && sudo chown $USER {folder}`.",
            )


def _room(system: System, needed_bytes: int) -> Iterator[Lack]:
    place = next(place for place in (system.state, *system.state.parents) if place.exists())
    free = shutil.disk_usage(place).free
    if free < needed_bytes + _SPARE_BYTES:
        yield Lack(
            f"{place} has {free / 1e6:.0f} MB free; this needs about"
            f" {(needed_bytes + _SPARE_BYTES) / 1e6:.0f} MB.",
            "Free some room there, or recover into a folder on a larger disk.",
        )

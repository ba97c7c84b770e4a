"""Check: everything that a deploy or a recovery will need, looked at beforehand; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from lastgood.domain.errors import LastgoodError
from lastgood.domain.run import RunState
from lastgood.domain.system import Service, Store, System, Vault
from lastgood.ports.looker import Looker

SPARE_BYTES = 256 * 1024 * 1024
COPIES = 3  # of all stores, in the state folder: the point's, what is restored, what is replaced


class Severity(StrEnum):
    OK = "ok"
    WARNING = "warning"  # works now, and will not always
    PROBLEM = "problem"  # a deploy, a backup or a recovery would fail


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing that was looked at. `mend` says what to do; empty where nothing is to be done."""

    group: str
    severity: Severity
    says: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    system: str
    looked: tuple[Looked, ...]

    def count(self, severity: Severity) -> int:
        return sum(one.severity is severity for one in self.looked)

    @property
    def exit_code(self) -> int:
        """0, or 4: it needs a person."""
        return 4 if self.count(Severity.PROBLEM) else 0


def check(system: System, looker: Looker) -> CheckReport:
    """The documents are valid: they are loaded. A trouble in one place hides none in another."""
    looks = (_tools, _ports, _services, _permissions, _stores, _vaults, _room, _runs)
    return CheckReport(system.name, tuple(one for look in looks for one in look(system, looker)))


def _ok(group: str, says: str) -> Looked:
    return Looked(group, Severity.OK, says)


def _warning(group: str, says: str, mend: str) -> Looked:
    return Looked(group, Severity.WARNING, says, mend)


def _problem(group: str, says: str, mend: str) -> Looked:
    return Looked(group, Severity.PROBLEM, says, mend)


def _tried(group: str, look: Callable[[], str]) -> Looked:
    """What `look` says; a problem where it raises."""
    try:
        return _ok(group, look())
    except LastgoodError as error:
        return _problem(group, error.happened, error.mend)


def _tools(system: System, looker: Looker) -> Iterator[Looked]:
    for tool in looker.tools():
        if not tool.version:
            yield _problem(
                "tools", f"{tool.name} is not on this machine; {tool.needed_for} need it.", tool.mend
            )
        elif tool.trouble:
            yield _warning("tools", f"{tool.name} {tool.version}: {tool.trouble}", tool.mend)
        else:
            yield _ok("tools", f"{tool.name} {tool.version}, for {tool.needed_for}")


def _ports(system: System, looker: Looker) -> Iterator[Looked]:
    for service in system.services:
        if service.traffic is not None:
            yield _port(service, f"{service.traffic.host}:{service.traffic.port}", looker)


def _port(service: Service, address: str, looker: Looker) -> Looked:
    try:
        holder = looker.holder(service)
    except LastgoodError as error:
        return _problem("ports", error.happened, error.mend)
    if not holder:
        return _ok("ports", f"{address} is free, for {service.name}")
    if holder == "lastgood":
        return _ok("ports", f"{address} is held by the proxy of {service.name}")
    return _problem(
        "ports",
        f"{address} is held by {holder}: the proxy of {service.name} cannot listen there.",
        "End it, or give the service another `listen` in system.yml.",
    )


def _services(system: System, looker: Looker) -> Iterator[Looked]:
    if not system.services:
        yield _warning(
            "services", "There is no service, so nothing can be rolled back.", "Write it into system.yml."
        )
    for service in system.services:
        yield _tried("services", partial(_source, service, looker))
        found = looker.command(service)
        program = service.launch.command[0]
        if found == "":
            yield _problem(
                "services",
                f"The program `{program}` of {service.name} is neither on the PATH nor in its source.",
                "Install it, or correct `command` in system.yml.",
            )
        elif found is not None:
            yield _ok("services", f"{service.name} starts {found}")
        for variable, reference in looker.secrets_missing(service).items():
            yield _problem(
                "services",
                f"The secret {variable} of {service.name} is not there ({reference}).",
                "Set the variable, write the file, or correct `secrets` in system.yml.",
            )


def _source(service: Service, looker: Looker) -> str:
    return f"{service.name} comes from {looker.source(service)} by default"


def _permissions(system: System, looker: Looker) -> Iterator[Looked]:
    state = looker.place(system.state)
    if not state.writable:
        yield _problem(
            "permissions",
            f"This user may not write to {system.state}.",
            "Run lastgood as the user that owns it, or choose another `state` in system.yml.",
        )
    elif state.there and state.mode & 0o022:
        yield _problem(
            "permissions",
            f"Other users may write to {system.state} (mode {state.mode:o}).",
            f"Run `chmod 700 {system.state}`.",
        )
    else:
        made = "is ours to write to" if state.there else "will be made by the first command that needs it"
        yield _ok("permissions", f"{system.state} {made}")
    for vault in system.vaults:
        key = looker.place(vault.key_file)
        if key.there and key.mode & 0o077:
            yield _problem(
                "permissions",
                f"The key file {vault.key_file} can be read by other users (mode {key.mode:o}).",
                f"Run `chmod 600 {vault.key_file}`.",
            )


def _stores(system: System, looker: Looker) -> Iterator[Looked]:
    if not system.stores:
        yield _warning(
            "stores",
            "There is no store, so no data is backed up.",
            "Write it into system.yml, if there is any.",
        )
    for store in system.stores:
        yield _store(store, looker)


def _store(store: Store, looker: Looker) -> Looked:
    path = looker.store_path(store)
    place = looker.place(path)
    if not place.there:
        return _warning(
            "stores",
            f"{store.name} is not there yet ({path}).",
            "Right before the service first makes it; else correct `path` in system.yml, or restore it.",
        )
    if not (place.readable and place.writable):
        may = "read" if not place.readable else "write to"
        return _problem(
            "stores",
            f"This user may not {may} {store.name} ({path}).",
            "Run lastgood as the user that the service runs as, or give this user the right.",
        )
    return _ok("stores", f"{store.name}: {_bytes(place.size_bytes)} in {path}")


def _vaults(system: System, looker: Looker) -> Iterator[Looked]:
    if not system.vaults:
        yield _problem(
            "vaults",
            "There is no vault, so nothing can be recovered.",
            "Add one under `vaults` in system.yml.",
        )
    if len(system.vaults) < system.replication.minimum_vaults:
        yield _problem(
            "vaults",
            f"data-replication.yml wants {system.replication.minimum_vaults} vaults; "
            f"there are {len(system.vaults)}.",
            "Add vaults to system.yml, or lower `minimum_vaults`.",
        )
    for vault in system.vaults:
        yield from _vault(system, vault, looker)


def _vault(system: System, vault: Vault, looker: Looker) -> Iterator[Looked]:
    path, key_is_there = looker.vault_path(vault), looker.place(vault.key_file).there
    if path is not None and not looker.vault_begun(vault):
        yield _not_begun(vault, path, key_is_there and bool(looker.runs()), looker)
    elif not key_is_there:
        yield _problem(
            "vaults",
            f"The key of the vault {vault.name} is not there ({vault.key_file}).",
            "Put its copy there and run `chmod 600` on it; `lastgood init` makes the key of a new vault.",
        )
    else:
        yield _tried("vaults", lambda: f"{vault.name} opens, snapshots: {looker.open_vault(vault)}")
    if path is not None and all(looker.vault_path(other) is not None for other in system.vaults):
        devices = {looker.place(looker.store_path(store)).device for store in system.stores}
        if looker.place(path).device in devices:
            yield _warning(
                "vaults",
                f"{vault.name} is on the disk of the data, and no vault is on another machine.",
                "Add one there under `vaults` in system.yml: disks die, and machines get lost.",
            )


def _not_begun(vault: Vault, path: Path, was_used: bool, looker: Looker) -> Looked:
    above = looker.place(path.parent)
    if was_used or not (above.there and above.writable):
        why = "nothing is there" if was_used else f"{path.parent} is not there, or not to be written to"
        return _problem(
            "vaults",
            f"The vault {vault.name} at {path} cannot be reached: {why}.",
            "Mount its disk, or correct `location` in system.yml; `lastgood init` makes a new one.",
        )
    return _ok("vaults", f"{vault.name} will be made at {path} by the first command that needs it")


def _room(system: System, looker: Looker) -> Iterator[Looked]:
    data = sum(looker.place(looker.store_path(store)).size_bytes for store in system.stores)
    yield _room_in("state", system.state, COPIES * data + SPARE_BYTES, looker)
    for vault in system.vaults:
        path = looker.vault_path(vault)
        if path is not None:
            yield _room_in(f"vault {vault.name}", path, data + SPARE_BYTES, looker)


def _room_in(what: str, path: Path, needed: int, looker: Looker) -> Looked:
    free = looker.place(path).free_bytes
    says = f"{_bytes(free)} free for {what} ({path})"
    if free < needed:
        return _problem(
            "room",
            f"{says}, which needs about {_bytes(needed)}.",
            "Free some room there, or move it to a larger disk.",
        )
    if free < 2 * needed:
        return _warning(
            "room", f"{says}; {_bytes(needed)} are needed now.", "Make room before the data has grown much."
        )
    return _ok("room", says)


def _runs(system: System, looker: Looker) -> Iterator[Looked]:
    told = {
        RunState.INTERRUPTED: ("was cut off", "Run `lastgood runs resume`: it brings it to its end."),
        RunState.WAITING: (
            "waits for an approval",
            "Look with `lastgood runs show {id}`, then approve or cancel it.",
        ),
        RunState.PAUSED: ("is paused until a person decides", "Look with `lastgood runs show {id}`."),
    }
    waiting = [run for run in looker.runs() if run.state in told]
    for run in waiting:
        what, mend = told[run.state]
        yield _warning("runs", f"{run.id} {what}.", mend.format(id=run.id))
    if not waiting:
        yield _ok("runs", "none is interrupted, none waits")


def _bytes(count: int) -> str:
    """In the unit that people would say."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"

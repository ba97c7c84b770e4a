"""MachineLooker: looks at this machine for a check, and changes nothing of it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lastgood.adapters.discovery.looking import MOST_FILES
from lastgood.adapters.registry import STORES, VAULTS
from lastgood.adapters.runtimes.listening import holder_of, port_is_free
from lastgood.adapters.secrets import read_secret
from lastgood.adapters.sources.source import open_source
from lastgood.adapters.traffic.haproxy import HAProxyOptions, proxy_pid, usable_haproxy
from lastgood.domain.errors import LastgoodError, ToolMissing, UsageError
from lastgood.domain.run import Run
from lastgood.domain.system import Service, Store, System, Vault
from lastgood.ports.looker import Place, Tool
from lastgood.ports.runs import Runs


class MachineLooker:
    def __init__(self, system: System, runs: Runs) -> None:
        self._system = system
        self._runs = runs

    def tools(self) -> tuple[Tool, ...]:
        tools = []
        services = [service for service in self._system.services if service.traffic is not None]
        for options in dict.fromkeys(_haproxy_options(service) for service in services):
            tools.append(_haproxy(options))
        for kind in dict.fromkeys(vault.part.kind for vault in self._system.vaults):
            tools.append(_vault_tool(kind))
        if any(_wants_git(service.source, self._system.folder) for service in self._system.services):
            there = shutil.which("git") or ""
            tools.append(Tool("git", "releases from git revisions", there and "found", "`apt install git`."))
        return tuple(tools)

    def holder(self, service: Service) -> str:
        traffic = service.traffic
        if traffic is None or port_is_free(traffic.host, traffic.port):
            return ""
        pid = proxy_pid(self._system.state / "traffic" / service.name)
        holder = holder_of(traffic.port)
        return "lastgood" if pid is not None and holder.endswith(f"(process {pid})") else holder

    def place(self, path: Path) -> Place:
        found = path
        while not found.exists() and found != found.parent:
            found = found.parent
        status = found.stat()
        there = found == path
        return Place(
            there=there,
            mode=stat.S_IMODE(status.st_mode),
            readable=os.access(found, os.R_OK),
            writable=os.access(found, os.W_OK),
            device=status.st_dev,
            free_bytes=shutil.disk_usage(found).free,
            size_bytes=_size(found) if there else 0,
        )

    def store_path(self, store: Store) -> Path:
        kind = STORES[store.part.kind]
        return Path(kind.values(kind.options.model_validate(store.part.options))["path"])

    def vault_path(self, vault: Vault) -> Path | None:
        location = str(vault.part.options.get("location", ""))
        return Path(location) if location.startswith("/") else None

    def vault_begun(self, vault: Vault) -> bool:
        path = self.vault_path(vault)
        return path is None or (path.exists() and (not path.is_dir() or any(path.iterdir())))

    def open_vault(self, vault: Vault) -> int:
        kind = VAULTS[vault.part.kind]
        options = kind.options.model_validate(vault.part.options)
        with tempfile.TemporaryDirectory(prefix="lastgood-check-") as cache:
            return len(kind.build(vault.name, options, vault.key_file, Path(cache)).snapshots({}))

    def source(self, service: Service) -> str:
        return open_source(service.source, self._system.folder).label

    def command(self, service: Service) -> str | None:
        program = service.launch.command[0]
        if "${" in program:
            return None
        if program.startswith("/"):
            return program if os.access(program, os.X_OK) and Path(program).is_file() else ""
        path = service.launch.environment.get("PATH", os.environ.get("PATH"))
        if "/" not in program and (found := shutil.which(program, path=path)):
            return found
        folder = self._system.folder / Path(service.source).expanduser()
        if not folder.is_dir() or service.build:
            return None
        inside = folder / program
        return program if inside.is_file() and os.access(inside, os.X_OK) else ""

    def secrets_missing(self, service: Service) -> Mapping[str, str]:
        missing = {}
        for variable, reference in service.launch.secrets.items():
            try:
                read_secret(reference, self._system.folder)
            except (UsageError, OSError):
                missing[variable] = reference
        return missing

    def runs(self) -> tuple[Run, ...]:
        return self._runs.list()


def _haproxy_options(service: Service) -> Path | None:
    if service.traffic is None:
        return None
    return HAProxyOptions.model_validate(service.traffic.part.options).program


def _haproxy(program: Path | None) -> Tool:
    try:
        path, version = usable_haproxy(program)
    except ToolMissing as missing:
        return Tool("haproxy", "services with traffic", "", f"{missing.happened} {missing.mend}")
    return Tool(f"haproxy ({path})", "services with traffic", version, "")


def _vault_tool(kind: str) -> Tool:
    found = VAULTS[kind]
    try:
        version = found.version() or ""
    except LastgoodError:
        version = ""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    oldest = ".".join(map(str, found.oldest))
    old = f"older than {oldest}, the first that is known to work." if numbers < found.oldest else ""
    mend = f"Install {kind} {oldest} or newer, for example by {found.install}."
    return Tool(kind, f"vaults of kind {kind}", version, mend, old if version else "")


def _wants_git(source: str, folder: Path) -> bool:
    return source.startswith("git:") or not (folder / Path(source).expanduser()).exists()


def _size(path: Path) -> int:
    """Bytes of a file, or of the files in a folder (of the first MOST_FILES)."""
    if not path.is_dir():
        return path.stat().st_size
    total = count = 0
    for here, _, names in os.walk(path):
        for name in names:
            count += 1
            if count > MOST_FILES:
                return total
            total += os.lstat(Path(here) / name).st_size
    return total

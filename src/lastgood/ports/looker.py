"""Looker: what a check sees of the machine. Looking changes nothing: no folder, key or vault is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lastgood.domain.run import Run
from lastgood.domain.system import Service, Store, Vault


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that the system needs. `version` is empty where it is not there; `trouble` says what is
    wrong with the one that is."""

    name: str
    needed_for: str
    version: str
    mend: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A path, or the nearest folder above it that is there (`there` is False then).

    `mode` are its permission bits; `free_bytes` is room on its disk, `size_bytes` what it holds.
    """

    there: bool
    mode: int
    readable: bool
    writable: bool
    device: int
    free_bytes: int
    size_bytes: int = 0


class Looker(Protocol):
    def tools(self) -> tuple[Tool, ...]:
        """Those that the documents call for."""

    def holder(self, service: Service) -> str:
        """Who listens where the service's proxy shall: empty for nobody, `lastgood` for its own proxy.
        Raises LastgoodError when the address cannot be listened on."""

    def place(self, path: Path) -> Place: ...

    def store_path(self, store: Store) -> Path: ...

    def vault_path(self, vault: Vault) -> Path | None:
        """The folder of a vault on this machine; None for one elsewhere."""

    def vault_begun(self, vault: Vault) -> bool:
        """Whether anything is stored there; only for one on this machine."""

    def open_vault(self, vault: Vault) -> int:
        """How many snapshots it holds. Raises VaultFailed: unreachable, wrong key, damaged."""

    def source(self, service: Service) -> str:
        """What releases come from, by its label. Raises LastgoodError."""

    def command(self, service: Service) -> str | None:
        """Where the program of the service's command is found; empty: nowhere; None: cannot be told
        before its release is there."""

    def secrets_missing(self, service: Service) -> Mapping[str, str]:
        """Variable -> reference of each secret that is not there."""

    def runs(self) -> tuple[Run, ...]: ...

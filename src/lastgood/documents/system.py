"""system.yml: what is protected."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, create_model

from lastgood.documents.fields import DocumentPath, Name, Strict
from lastgood.documents.options import OptionEntry, OptionModels, choice, retyped, short_choice
from lastgood.documents.service import RuntimeEntry, ServiceEntry, TrafficEntry
from lastgood.domain.system import Store, System, Vault


class StoreEntry(OptionEntry):
    """What holds data."""

    name: Name = Field(
        description="Its name; `${stores.NAME.FIELD}` in a service's environment refers to it."
    )

    def to_domain(self) -> Store:
        return Store(self.name, self.part())


class VaultEntry(OptionEntry):
    """Where backups live, encrypted."""

    name: Name = Field(description="Its name; backups and `recover --from` carry it.")
    key: DocumentPath | None = Field(
        None,
        description="The file that holds its key, by default keys/NAME.key in the state folder. "
        "Keep a copy somewhere else: without it no backup can be read.",
    )

    def to_domain(self, state: Path) -> Vault:
        return Vault(self.name, self.part(), self.key or state / "keys" / f"{self.name}.key")


class SystemDocument(Strict):
    """What is protected: services, the stores that hold their data, and the vaults where backups live."""

    kind: Literal["system"] = Field(description="Always `system`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    name: Name = Field(description="What this system is called in reports.")
    state: DocumentPath = Field(
        Path(".state"),
        validate_default=True,
        description="The folder that lastgood writes to: releases, runs, ledger, keys.",
    )
    services: tuple[Any, ...] = Field((), description="What runs and takes traffic.")
    stores: tuple[Any, ...] = Field((), description="What holds data.")
    vaults: tuple[Any, ...] = Field(
        (), description="Where backups live; two in different places survive more."
    )

    def to_domain(self, folder: Path) -> System:
        """The system with every other document at its defaults."""
        return System(
            name=self.name,
            folder=folder,
            state=self.state,
            services=tuple(service.to_domain() for service in self.services),
            stores=tuple(store.to_domain() for store in self.stores),
            vaults=tuple(vault.to_domain(self.state) for vault in self.vaults),
        )


def system_document(options: OptionModels) -> type[SystemDocument]:
    """The document with the options of these adapters."""
    service: Any = create_model(
        "Service",
        __base__=ServiceEntry,
        __doc__=ServiceEntry.__doc__,
        runtime=retyped(ServiceEntry, "runtime", short_choice(RuntimeEntry, options.runtimes, "Runtime")),
        traffic=retyped(ServiceEntry, "traffic", choice(TrafficEntry, options.traffic, "Traffic") | None),
    )
    store: Any = choice(StoreEntry, options.stores, "Store")
    vault: Any = choice(VaultEntry, options.vaults, "Vault")
    return create_model(
        "System",
        __base__=SystemDocument,
        __doc__=SystemDocument.__doc__,
        services=retyped(SystemDocument, "services", tuple[service, ...]),
        stores=retyped(SystemDocument, "stores", tuple[store, ...]),
        vaults=retyped(SystemDocument, "vaults", tuple[vault, ...]),
    )

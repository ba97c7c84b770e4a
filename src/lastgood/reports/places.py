"""Where stores and vaults are, without what is secret in an address."""

from __future__ import annotations

import re

from lastgood.domain.system import Part, Store, Vault

_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]*@")


def store_place(store: Store) -> str:
    return f"`{_place(store.part)}`" if _place(store.part) else "-"


def vault_place(vault: Vault) -> str:
    """`folder X` where it is a path of this machine."""
    place = _place(vault.part)
    return f"folder `{place}`" if place.startswith("/") else f"`{place}`"


def vault_address(vault: Vault) -> str:
    """What a machine that knows nothing yet must be told."""
    return _place(vault.part) or vault.name


def options(part: Part) -> dict[str, object]:
    return {
        name: masked(value) if isinstance(value, str) else value
        for name, value in sorted(part.options.items())
        if name != "kind"
    }


def masked(text: str) -> str:
    return _PASSWORD.sub(r"\1:***@", text)


def _place(part: Part) -> str:
    for name in ("path", "location"):
        value = part.options.get(name)
        if isinstance(value, str):
            return masked(value)
    return ""

"""system.yml for what was found in a project. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from lastgood.documents.reading import Location
from lastgood.documents.writing import Draft, Offer
from lastgood.domain.found import Found, FoundVault

VAULT = "local"


def system_draft(found: Found, folder: Path, port: int) -> Draft:
    """`folder` is where the documents will be, `port` a free one for the proxy."""
    notes: dict[Location, list[str]] = {}
    services = [_service(found, folder, port, notes)] if found.start else []
    stores = [
        {"name": store.name, "kind": store.kind, "path": _from(folder, found.folder / store.path)}
        for store in found.stores
    ]
    _say_what_is_missing(found, bool(services), notes)
    notes[("vaults",)] = _about_vault(found.vault)
    return Draft(
        {
            "kind": "system",
            "version": 1,
            "name": found.name,
            "state": ".state",
            "services": services,
            "stores": stores,
            "vaults": [{"name": VAULT, "kind": found.vault.kind, "location": _location(found.vault, folder)}],
        },
        notes,
    )


def _service(found: Found, folder: Path, port: int, notes: dict[Location, list[str]]) -> Mapping[str, object]:
    assert found.start is not None
    here: Location = ("services", 0)
    notes[(*here, "command")] = [found.start.because]
    shared = {str(store.path): f"${{stores.{store.name}.path}}" for store in found.stores if store.inside}
    if found.health:
        notes[(*here, "readiness")] = [found.health_because]
    else:
        notes[(*here, "readiness")] = [
            "A path that asks the database too, like `http: /health`, tells more than an open port."
        ]
    if found.has_dotenv:
        notes[(*here, "secrets")] = ["Everything in .env, which stays where it is and out of releases."]
    places = {"dotenv": f"dotenv:{_from(folder, found.folder / '.env')}#", "env": "env:"}
    return {
        "name": found.name,
        "source": _from(folder, found.folder),
        "command": list(found.start.command),
        **_some("environment", {**found.start.environment, **found.environment}),
        **_some("secrets", {name: f"{places[kind]}{name}" for name, kind in found.secrets.items()}),
        **_some("shared", shared),
        "build": Offer(["python3", "build.py"]),
        "traffic": {"kind": "haproxy", "listen": f"127.0.0.1:{port}", "hold_limit": "10s"},
        "readiness": [{"http": found.health}] if found.health else [{"tcp": True}],
        "ready_within": "30s",
        "stop_within": "10s",
        **({"stores": [store.name for store in found.stores]} if found.stores else {}),
    }


def _say_what_is_missing(found: Found, service: bool, notes: dict[Location, list[str]]) -> None:
    if not service:
        notes[("services",)] = [
            "Nothing here told how the service starts. It looks like this:",
            f"- name: {found.name}",
            '  command: [python3, app.py, --port, "${port}"]',
            "  traffic: {kind: haproxy, listen: 127.0.0.1:8080}",
        ]
    lines = [f"NOT PROTECTED: {line}" for line in found.unsupported]
    if lines:
        notes[("stores",)] = lines


def _about_vault(vault: FoundVault) -> list[str]:
    lines = [vault.because]
    if vault.location.startswith("/"):
        lines.append("This one is on this machine: add a second one elsewhere, since machines get lost.")
    return lines


def _location(vault: FoundVault, folder: Path) -> str:
    return _from(folder, vault.location) if vault.location.startswith("/") else vault.location


def _some(name: str, value: Mapping[str, str]) -> dict[str, object]:
    return {name: dict(value)} if value else {}


def _from(folder: Path, path: Path | str) -> str:
    """As people would write it from the documents' folder: up to two steps up, else absolute."""
    relative = os.path.relpath(path, folder)
    return relative if relative.count("..") <= 2 else str(path)

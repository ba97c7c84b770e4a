"""init."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from lastgood.domain.codec import to_json
from lastgood.domain.system import System
from lastgood.interfaces.cli.common import wired

if TYPE_CHECKING:
    from lastgood.application.initializing import Outlook

END = ("Rollback infrastructure initialized", "Disaster recovery infrastructure initialized")


@click.command()
@click.argument(
    "project", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="[FOLDER]"
)
@click.option(
    "--system",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="LASTGOOD_SYSTEM",
    help="The folder for the documents; else `lastgood` in FOLDER.",
)
@click.option("--name", default="", help="What the system is called; else as its folder.")
@click.option("--vault", default="", help="Where backups shall live; else beside FOLDER.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def init(project: Path, folder: Path | None, name: str, vault: str, as_json: bool) -> None:
    """Look at the project in FOLDER (here, when none is named), write the documents that are not there yet,
    make the vault and its key. A document that is there is never changed, and nothing is started."""
    from lastgood.application.initializing import InitRequest, initialize

    outlooks: list[Outlook] = []

    def show(outlook: Outlook) -> None:
        outlooks.append(outlook)
        if not as_json:
            click.echo("\n".join(_seen(outlook)))

    request = InitRequest(project, folder or project / "lastgood", name, vault)
    system = initialize(wired().init(), request, show)
    if as_json:
        click.echo(json.dumps(_as_json(outlooks[0], system)))
        return
    click.echo("\n".join((*_done(outlooks[0], system), *END)))


def _seen(outlook: Outlook) -> Iterator[str]:
    found = outlook.found
    if "system.yml" in outlook.keeps:
        yield f"{_from_here(outlook.system)}/ holds a system already; what is there stays as it is."
        return
    yield f"Looked at {found.folder}:"
    yield ""
    rows = list(_rows(outlook))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for what, value, because in rows:
        yield f"  {what:{widths[0]}}  {value:{widths[1]}}  {because}".rstrip()
    if found.unsupported:
        yield ""
        yield "Not protected by this version, look after it yourself:"
        yield from (f"  {line}" for line in found.unsupported)
    if found.hints:
        yield ""
        yield "For you to look at:"
        yield from (f"  {line}" for line in found.hints)


def _rows(outlook: Outlook) -> Iterator[tuple[str, str, str]]:
    found = outlook.found
    yield "name", found.name, ""
    if found.start:
        yield "starts by", _short(" ".join(found.start.command)), found.start.because
        moved = f"{found.port} is taken." if outlook.port != found.port else found.port_because
        yield "reached at", f"127.0.0.1:{outlook.port}", moved
        yield (
            "ready when",
            f"GET {found.health} passes" if found.health else "its port answers",
            found.health_because,
        )
    for store in found.stores:
        yield "store", f"{store.name} ({store.kind}, {store.path})", store.because
    if found.secrets:
        yield "secrets", _short(", ".join(found.secrets)), "Referred to by name; no value was copied."
    for migration in found.migrations:
        yield "migrations", migration, "Noted; lastgood does not run them."
    yield "vault", _short(found.vault.location, end=True), found.vault.because


def _done(outlook: Outlook, system: System) -> Iterator[str]:
    here = _from_here(outlook.system)
    yield ""
    if outlook.writes:
        yield f"Wrote to {here}/, all valid:"
        yield from _names(outlook.writes)
    if outlook.keeps:
        yield f"Left as they are in {here}/:"
        yield from _names(outlook.keeps)
    for vault in system.vaults:
        yield f"The vault {vault.name} is ready at {vault.part.options.get('location')}."
        yield f"Its key is {_from_here(vault.key_file)}. KEEP A COPY OF THE KEY SOMEWHERE ELSE, in a password"
        yield "manager or on paper: without it nobody can read a backup. `lastgood key show` prints it."
    yield ""
    if system.services:
        yield "Next: read system.yml, then `lastgood check`, then `lastgood deploy`."
    else:
        yield "Next: write your service into system.yml, then `lastgood check`. Until then only the stores"
        yield "are protected."
    yield ""


def _names(names: tuple[str, ...]) -> list[str]:
    return wrap(", ".join(names), 96, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _as_json(outlook: Outlook, system: System) -> dict[str, object]:
    found = outlook.found
    return {
        "system": system.name,
        "folder": str(outlook.system),
        "written": list(outlook.writes),
        "kept": list(outlook.keeps),
        "found": [
            {"what": what, "value": value, "because": because} for what, value, because in _rows(outlook)
        ],
        "not_supported": list(found.unsupported),
        "hints": list(found.hints),
        "vaults": [
            {
                "name": vault.name,
                "kind": vault.part.kind,
                "location": to_json(vault.part.options.get("location")),
                "key_file": str(vault.key_file),
            }
            for vault in system.vaults
        ],
        "says": list(END),
        "exit_code": 0,
    }


def _short(text: str, most: int = 46, end: bool = False) -> str:
    if len(text) <= most:
        return text
    return f"...{text[-most + 3 :]}" if end else f"{text[: most - 3]}..."


def _from_here(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative

"""key show, key export, key check."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.domain.system import Part, Vault
from lastgood.interfaces.cli.common import open_ground, system_options, wired

_vault = click.option("--vault", "name", help="Which vault; not needed where there is one.")


@click.group()
def key() -> None:
    """The keys of the vaults: the one thing that a vault does not hold."""


@key.command()
@_vault
@system_options
def show(name: str | None, folder: Path, engine: str, as_json: bool) -> None:
    """Print the key, to write down and to keep away from this machine."""
    from lastgood.application.keys import read_vault_key, vault_named

    vault = vault_named(wired().load(folder), name)
    value = read_vault_key(vault)
    if as_json:
        click.echo(json.dumps({"vault": vault.name, "key": value}))
        return
    click.echo(value)
    click.echo(
        f"Whoever has this key and the vault {vault.name} reads every backup in it; who has lost it, none."
        " Keep it on paper or in a password manager, not beside the vault.",
        err=True,
    )


@key.command()
@click.argument("file", type=click.Path(path_type=Path))
@_vault
@system_options
def export(file: Path, name: str | None, folder: Path, engine: str, as_json: bool) -> None:
    """Write a copy of the key into FILE, which only you may read."""
    from lastgood.application.keys import export_key, vault_named

    vault = vault_named(wired().load(folder), name)
    export_key(open_ground(engine, as_json), vault, file)
    if as_json:
        click.echo(json.dumps({"vault": vault.name, "file": str(file)}))
        return
    click.echo(f"The key of vault {vault.name} is in {file}. Prove it: `lastgood key check {file}`.")


@key.command()
@click.argument("file", type=click.Path(path_type=Path))
@_vault
@click.option("--from", "location", help="Where the vault is, where there are no documents.")
@click.option("--kind", default="", help="With --from: the kind of vault; else it is seen by looking at it.")
@system_options
def check(
    file: Path, name: str | None, location: str | None, kind: str, folder: Path, engine: str, as_json: bool
) -> None:
    """Prove that the key in FILE opens the vault."""
    from lastgood.application.keys import check_key, vault_named

    ground = open_ground(engine, as_json)
    if location is None:
        vault = vault_named(wired().load(folder), name)
    else:
        part: Part = ground.find_vault(location, kind, Path.cwd())
        vault = Vault("given", part, file)
    found = check_key(ground, vault, file)
    if as_json:
        click.echo(json.dumps(to_json(found)))
        return
    click.echo(
        f"The key opens the vault at {found.location}: {found.snapshots} snapshots, "
        f"{found.capsules} capsules."
    )

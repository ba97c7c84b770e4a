"""check, config schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lastgood.interfaces.cli.common import system_options, wired


@click.command()
@system_options
def check(folder: Path, engine: str, as_json: bool) -> None:
    """Validate the documents: each fault with its file, line, column and mend."""
    system = wired().load(folder)
    counts = {"services": len(system.services), "stores": len(system.stores), "vaults": len(system.vaults)}
    if as_json:
        click.echo(json.dumps({"system": system.name, **counts}))
        return
    said = ", ".join(f"{count} {noun}" for noun, count in counts.items())
    click.echo(f"The documents of {system.name} are valid: {said}.")


@click.group()
def config() -> None:
    """The documents."""


@config.command()
@click.argument("kind", required=False)
def schema(kind: str | None) -> None:
    """Print the JSON Schemas of the nine kinds of documents, or that of KIND."""
    found = wired().schemas()
    if kind is not None and kind not in found:
        raise click.UsageError(f"There is no kind {kind!r}. Known: {', '.join(found)}.")
    click.echo(json.dumps(found if kind is None else found[kind], indent=2))

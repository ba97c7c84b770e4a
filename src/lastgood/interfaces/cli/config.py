"""config schema."""

from __future__ import annotations

import json

import click

from lastgood.interfaces.cli.common import wired


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

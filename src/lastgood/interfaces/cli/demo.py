"""demo."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lastgood.interfaces.cli.common import wired


@click.command()
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it happens: a new folder; else one among the temporary folders.",
)
@click.option("--every", is_flag=True, help="A bad release of each of five kinds; takes about a minute more.")
@click.option("--stay", is_flag=True, help="Leave the shop running at the end, to look around.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print what was measured in JSON; the story goes to stderr."
)
def demo(folder: Path | None, every: bool, stay: bool, as_json: bool) -> None:
    """Play a story with real parts: bad releases undo themselves, a lost machine comes back.

    Takes about 90 seconds, and needs no rights and no network. Everything happens in one folder, on ports of
    this machine.
    """
    measured = wired().demo(folder, stay, as_json, every)
    if as_json:
        click.echo(json.dumps(measured))

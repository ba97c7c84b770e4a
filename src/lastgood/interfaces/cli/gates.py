"""gates."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.interfaces.cli.common import open_system, system_options


@click.command()
@system_options
def gates(folder: Path, engine: str, as_json: bool) -> None:
    """The three quality gates, each with its evidence and what to do.

    Ends with 7 when a gate is missed, and with 6 when one has insufficient data.
    """
    from lastgood.application.gates import check_gates, exit_code

    found = check_gates(open_system(folder, engine, as_json))
    code = exit_code(found)
    if as_json:
        click.echo(json.dumps({"gates": to_json(found), "exit_code": code}))
        raise click.exceptions.Exit(code)
    for gate in found:
        click.echo(f"{gate.name}: {gate.state.value}")
        for sentence in gate.evidence:
            click.echo(f"  {sentence}")
        for mend in gate.mend:
            click.echo(f"  -> {mend}")
    raise click.exceptions.Exit(code)

"""status."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.interfaces.cli.common import open_system, system_options, table


@click.command()
@system_options
def status(folder: Path, engine: str, as_json: bool) -> None:
    """Show what each service is on, and whether it can be undone."""
    from lastgood.application.inspecting import look

    found = look(open_system(folder, engine, as_json))
    if as_json:
        click.echo(json.dumps(to_json(found)))
        return
    rows = [
        (
            service.name,
            f"{service.label} ({service.release_id})" if service.release_id else "never deployed",
            "runs" if service.running else "does not run",
            service.reached_at or "-",
            service.goes_back_to or "nothing earlier",
        )
        for service in found.services
    ]
    table(rows, ("service", "is on", "", "reached at", "goes back to"))
    click.echo(f"Newest recovery point: {found.newest_point or 'none'}")
    for run_id in found.interrupted:
        click.echo(f"Interrupted: {run_id}. `lastgood runs resume` brings it to its end.")
    for run_id in found.asking:
        click.echo(f"Asks a person: {run_id}. See `lastgood runs show {run_id}`.")
    for run_id in found.waiting:
        click.echo(f"Waiting for an approval: {run_id}.")

"""backup, points, restore."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.interfaces.cli.common import (
    answer_with,
    ask_where_needed,
    open_system,
    show_plan,
    system_options,
    table,
)


@click.command()
@click.argument("stores", nargs=-1)
@click.option("--why", default="by hand", help="A word for people who read the list of points.")
@system_options
def backup(stores: tuple[str, ...], why: str, folder: Path, engine: str, as_json: bool) -> None:
    """Make a recovery point of STORES (all, where none is named)."""
    from lastgood.application.backup import BackupRequest, backup

    answer_with(backup(open_system(folder, engine, as_json), BackupRequest(stores, why)), as_json)


@click.command()
@system_options
def points(folder: Path, engine: str, as_json: bool) -> None:
    """List the recovery points, newest last."""
    history = open_system(folder, engine, as_json).records.history()
    found = [history.with_verification(point) for point in history.points]
    if as_json:
        click.echo(json.dumps([to_json(point) for point in found]))
        return
    rows = [
        (
            point.id,
            f"{point.at:%Y-%m-%d %H:%M:%S}",
            ", ".join(sorted({backup.store for backup in point.backups})) or "-",
            f"{point.skew.total_seconds():.2f} s",
            "verified" if point.backups and all(b.verified_at for b in point.backups) else "unverified",
            point.why,
        )
        for point in found
    ]
    table(rows, ("point", "time (UTC)", "stores", "skew", "restored?", "why"))


@click.command()
@click.argument("stores", nargs=-1)
@click.option("--point", default="latest", show_default=True, help="The recovery point.")
@click.option("--to", type=click.Path(path_type=Path), help="Restore one store aside, into this new folder.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done and lost, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@system_options
def restore(
    stores: tuple[str, ...],
    point: str,
    to: Path | None,
    only_plan: bool,
    yes: bool,
    folder: Path,
    engine: str,
    as_json: bool,
) -> None:
    """Put STORES (all, where none is named) back to a recovery point."""
    from lastgood.application.restore import RestoreRequest, restore, restore_plan

    workplace = open_system(folder, engine, as_json)
    request = RestoreRequest(stores, point, to, yes)
    if only_plan:
        plan = restore_plan(workplace, request)
        click.echo(json.dumps(to_json(plan))) if as_json else show_plan(plan)
        return
    answer_with(ask_where_needed(workplace, restore(workplace, request), as_json), as_json)

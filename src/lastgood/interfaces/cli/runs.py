"""runs, approve, cancel."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.domain.run import RunState
from lastgood.interfaces.cli.common import answer_with, open_system, show_plan, system_options, table


@click.group()
def runs() -> None:
    """Runs: durable executions of plans."""


@runs.command("list")
@system_options
def list_runs(folder: Path, engine: str, as_json: bool) -> None:
    """All runs, newest first."""
    found = open_system(folder, engine, as_json).runs.summaries()
    if as_json:
        click.echo(json.dumps([to_json(run) for run in found]))
        return
    table(
        [(run.id, run.state.value, f"{run.created_at:%Y-%m-%d %H:%M:%S}", run.title) for run in found],
        ("run", "state", "began (UTC)", "what"),
    )


@runs.command()
@click.argument("run_id")
@system_options
def show(run_id: str, folder: Path, engine: str, as_json: bool) -> None:
    """One run: its plan and what each step came to."""
    run = open_system(folder, engine, as_json).runs.load(run_id)
    if as_json:
        click.echo(json.dumps(to_json(run)))
        return
    show_plan(run.plan)
    click.echo(f"{run.state.value}: {run.says}")
    for record in run.steps:
        click.echo(f"  {record.path:10} {record.result.end.value:9} {record.result.says}")


@runs.command()
@click.argument("run_id", required=False)
@system_options
def resume(run_id: str | None, folder: Path, engine: str, as_json: bool) -> None:
    """Bring an interrupted run (all of them, where none is named) to its end."""
    from lastgood.application.running import finish_interrupted, go_on

    workplace = open_system(folder, engine, as_json)
    if run_id is not None:
        answer_with(go_on(workplace, run_id), as_json)
    found = finish_interrupted(workplace)
    if as_json:
        click.echo(json.dumps([to_json(run) for run in found]))
        return
    for run in found:
        click.echo(f"{run.id}: {run.state.value}: {run.says}")
    if not found:
        click.echo("No run is interrupted.")


@click.command()
@click.argument("run_id")
@click.option("--note", default="", help="A word for the record.")
@system_options
def approve(run_id: str, note: str, folder: Path, engine: str, as_json: bool) -> None:
    """Agree to a run that waits, and carry it out."""
    from lastgood.application.running import go_on

    workplace = open_system(folder, engine, as_json)
    workplace.runs.approve(run_id, getpass.getuser(), note, workplace.clock.now())
    answer_with(go_on(workplace, run_id), as_json)


@click.command()
@click.argument("run_id")
@system_options
def cancel(run_id: str, folder: Path, engine: str, as_json: bool) -> None:
    """Stop a run after the step it is in; what it did is undone by its way back."""
    from lastgood.application.running import cancel_run

    workplace = open_system(folder, engine, as_json)
    run = cancel_run(workplace, run_id)
    if as_json:
        click.echo(json.dumps(to_json(run)))
    elif run.state is RunState.RUNNING:
        click.echo(f"{run_id} stops after the step it is in, and goes back.")
    else:
        click.echo(f"{run_id}: {run.state.value}.")

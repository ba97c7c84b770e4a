"""runs, approve, cancel."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lastgood.domain.codec import to_json
from lastgood.domain.run import Run, RunState
from lastgood.interfaces.cli.common import answer_with, open_system, show_plan, system_options, table

if TYPE_CHECKING:
    from lastgood.execution.workplace import Workplace


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
    for word in run.words:
        click.echo(f"Told at {word.at:%H:%M:%S} UTC: {word.kind.value} ({word.by()}).")
    if run.asks:
        click.echo(f"It asks: {run.asks}")
        click.echo(f"Go on: `lastgood approve {run.id}`. Go back: `lastgood cancel {run.id}`.")


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


@runs.command()
@click.argument("run_id")
@click.option("--note", default="", help="Why, for the record.")
@system_options
def pause(run_id: str, note: str, folder: Path, engine: str, as_json: bool) -> None:
    """Keep a running deploy at its share of the traffic: nothing is promoted until `runs continue`.

    It is still watched, and a bad verdict still rolls it back.
    """
    _speak(open_system(folder, engine, as_json), run_id, "pause", note, as_json)


@runs.command("continue")
@click.argument("run_id")
@click.option("--note", default="", help="Why, for the record.")
@system_options
def go_on_after_pause(run_id: str, note: str, folder: Path, engine: str, as_json: bool) -> None:
    """Let a deploy that was paused go on."""
    _speak(open_system(folder, engine, as_json), run_id, "continue", note, as_json)


@click.command()
@click.argument("run_id")
@click.option("--note", default="", help="A word for the record.")
@click.option(
    "--promote", is_flag=True, help="Promote the release of a running deploy now, unwatched; needs a note."
)
@system_options
def approve(run_id: str, note: str, promote: bool, folder: Path, engine: str, as_json: bool) -> None:
    """Agree to a run that waits, and carry it out; or answer a running one that asks: go on.

    Going on overrides a bad verdict: what was known by then no longer fails the release in this deploy.
    """
    from lastgood.application.speaking import approve_run

    workplace = open_system(folder, engine, as_json)
    _heard(approve_run(workplace, run_id, getpass.getuser(), note, promote), as_json)


@click.command()
@click.argument("run_id")
@click.option("--note", default="", help="Why, for the record.")
@system_options
def cancel(run_id: str, note: str, folder: Path, engine: str, as_json: bool) -> None:
    """Stop a run after the step it is in; what it did is undone by its way back."""
    from lastgood.application.running import cancel_run
    from lastgood.application.speaking import record_decision

    workplace = open_system(folder, engine, as_json)
    run = cancel_run(workplace, run_id)
    record_decision(workplace, run_id, "cancel", getpass.getuser(), note)
    if as_json:
        click.echo(json.dumps(to_json(run)))
    elif run.state is RunState.RUNNING:
        click.echo(f"{run_id} stops after the step it is in, and goes back.")
    else:
        click.echo(f"{run_id}: {run.state.value}.")


def _speak(workplace: Workplace, run_id: str, word: str, note: str, as_json: bool) -> None:
    from lastgood.application.speaking import say
    from lastgood.domain.run import WordKind

    _heard(say(workplace, run_id, WordKind(word), getpass.getuser(), note), as_json)


def _heard(run: Run, as_json: bool) -> None:
    """A run that another process walks was told; one that this process walked has ended."""
    if run.state not in (RunState.RUNNING, RunState.INTERRUPTED):
        answer_with(run, as_json)
    if as_json:
        click.echo(json.dumps(to_json(run)))
    else:
        told = run.words[-1]
        click.echo(f"{run.id} was told: {told.kind.value} ({told.by()}).")

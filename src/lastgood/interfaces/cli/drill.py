"""drill rollback, drill recovery."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lastgood.application.drilling import Drilled, DrillRequest
from lastgood.application.sandbox import LoadRequest
from lastgood.domain.codec import to_json
from lastgood.interfaces.cli.common import open_drills, open_system, system_options

_F = TypeVar("_F", bound=Callable[..., Any])


def _common(command: _F) -> _F:
    for option in (
        click.option(
            "--allow",
            "allowed",
            multiple=True,
            metavar="PLACE",
            help="A fixed place that a release names and only reads; may be given several times.",
        ),
        click.option(
            "--in",
            "parent",
            type=click.Path(path_type=Path, file_okay=False),
            help="Where the sandbox is made; else in the state folder.",
        ),
        click.option("--vault", help="Which vault is drilled; else the first."),
        click.option(
            "--key",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Another copy of the vault's key, to prove that it opens it.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def drill() -> None:
    """Rehearsals in a sandbox beside the live system, which is not touched."""


@drill.command()
@_common
@system_options
def recovery(
    allowed: tuple[str, ...],
    parent: Path | None,
    vault: str | None,
    key: Path | None,
    folder: Path,
    engine: str,
    as_json: bool,
) -> None:
    """Recover the whole system from a vault and its key, and compare it with what was promised."""
    from lastgood.application.drilling import drill_recovery

    live = open_system(folder, engine, as_json=True)
    request = DrillRequest(vault, key, parent, allowed)
    tools = open_drills(engine, as_json)
    answer_with_drill(_to_its_end(lambda: drill_recovery(tools, live, request)), as_json)


@drill.command()
@_common
@click.option("--service", help="Which service; not needed where there is one with a proxy.")
@click.option(
    "--request",
    "requested",
    metavar="'METHOD PATH [BODY]'",
    help="The request that the load sends; else GET of the first readiness probe. With one that writes, the"
    " drill also shows what a rollback with the data takes back.",
)
@click.option(
    "--per-second",
    type=click.FloatRange(1, 1000),
    default=40.0,
    show_default=True,
    help="How many requests the load sends in a second.",
)
@system_options
def rollback(
    allowed: tuple[str, ...],
    parent: Path | None,
    vault: str | None,
    key: Path | None,
    service: str | None,
    requested: str | None,
    per_second: float,
    folder: Path,
    engine: str,
    as_json: bool,
) -> None:
    """Deploy a release that is really bad in a sandbox, under load; see it noticed and rolled back."""
    from lastgood.application.drill_rollback import drill_rollback

    live = open_system(folder, engine, as_json=True)
    load = _load_request(requested) if requested is not None else None
    request = DrillRequest(vault, key, parent, allowed, service, load, per_second)
    tools = open_drills(engine, as_json)
    answer_with_drill(_to_its_end(lambda: drill_rollback(tools, live, request)), as_json)


def _to_its_end(drill: Callable[[], Drilled]) -> Drilled:
    """A drill does not go on later as other runs do: its sandbox is gone."""
    try:
        return drill()
    except KeyboardInterrupt:
        click.echo("Interrupted. The sandbox was removed; nothing was recorded.", err=True)
        raise click.exceptions.Exit(130) from None


def _load_request(text: str) -> LoadRequest:
    method, _, rest = text.strip().partition(" ")
    path, _, body = rest.strip().partition(" ")
    if not path.startswith("/") or not method.isalpha():
        raise click.UsageError("Write --request as 'METHOD PATH [BODY]', like 'GET /health'.")
    return LoadRequest(method.upper(), path, body.strip())


def answer_with_drill(done: Drilled, as_json: bool) -> None:
    finished = done.finished
    if as_json:
        answer = {
            "drill": done.drill_id,
            **to_json(finished),
            "missed": list(done.missed),
            "exit_code": done.exit_code,
        }
        click.echo(json.dumps(answer))
        raise click.exceptions.Exit(done.exit_code)
    passed = sum(check.passed for check in finished.checks)
    click.echo(f"{passed} of {len(finished.checks)} checks passed.")
    if finished.rto_seconds:
        click.echo(f"RTO measured: {finished.rto_seconds:.1f} s")
    if finished.rpo_seconds is not None:
        click.echo(f"RPO measured: {finished.rpo_seconds:,.0f} s")
    for name, value in sorted(finished.figures.items()):
        click.echo(f"  {name.replace('_', ' ')}: {value:,.2f}".removesuffix(".00"))
    for sentence in done.missed:
        click.echo(f"Missed: {sentence}")
    for check in finished.checks:
        if not check.passed:
            click.echo(f"Failed: {check.name}: {check.says}")
    click.echo(f"Recorded as {done.drill_id}.")
    if done.last_line:
        click.echo(done.last_line)
    raise click.exceptions.Exit(done.exit_code)

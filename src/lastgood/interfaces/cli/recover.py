"""recover."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from lastgood.application.recovering import Found, RecoverRequest, Recovery
from lastgood.domain.codec import to_json
from lastgood.domain.run import RunState
from lastgood.interfaces.cli.common import answer_with, open_ground, show_plan, system_options, table


@click.command()
@click.option(
    "--from",
    "location",
    required=True,
    metavar="VAULT",
    help="Where the vault is: a folder or a remote; or its name, where documents stand already.",
)
@click.option(
    "--key",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file that holds the vault's key; - reads it from standard input.",
)
@click.option("--kind", default="", help="The kind of vault; else it is seen by looking at it.")
@click.option("--name", default="", help="Which system, where the vault holds several.")
@click.option("--point", default="latest", show_default=True, help="The recovery point.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done and lost, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@system_options
def recover(
    location: str,
    key: Path,
    kind: str,
    name: str,
    point: str,
    only_plan: bool,
    yes: bool,
    folder: Path,
    engine: str,
    as_json: bool,
) -> None:
    """Bring documents, releases, data and services back from a vault and its key alone.

    Looks first, shows what it found and what this machine lacks, and asks. Nothing is placed before that. A
    recovery that was interrupted goes on with the same command.
    """
    from lastgood.application.recovering import look, recover

    ground = open_ground(engine, as_json)
    request = RecoverRequest(
        location, Path("/dev/stdin") if str(key) == "-" else key, folder, point, kind, name
    )
    if only_plan:
        found = look(ground, request)
        click.echo(json.dumps(_told(found))) if as_json else show_found(found)
        return

    def agree(found: Found) -> bool:
        if not as_json:
            show_found(found)
        elif not yes:
            click.echo(json.dumps(_told(found)))
        if yes or found.lacks:
            return yes
        return sys.stdin.isatty() and not as_json and click.confirm("Recover now?")

    answer_with_recovery(recover(ground, request, agree), as_json)


def show_found(found: Found) -> None:
    click.echo(
        f"The vault at {found.part.options.get('location')} ({found.part.kind}) opens with the key."
        f" Of its {found.capsules} capsules {'the newest' if found.newest else 'an older one'} is used:"
        f" {found.capsule} of {found.capsule_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    click.echo(f"Its ledger of {found.entries:,} entries is whole to its end.")
    click.echo(f"System {found.system.name}, into {found.system.folder}: {', '.join(found.documents)}")
    rows = [
        *((name, "release", f"{one.label} ({one.id})", "") for name, one in sorted(found.releases.items())),
        *(
            (name, "store", at.id, f"{at.at:%Y-%m-%d %H:%M:%S} UTC")
            for name, at in sorted(found.points.items())
        ),
    ]
    table(rows, ("what", "", "comes back as", "of"))
    for note in found.notes:
        click.echo(f"Note: {note}")
    for lack in found.lacks:
        click.echo(f"Missing: {lack.what} {lack.mend}")
    if not found.lacks:
        click.echo("This machine lacks nothing that is needed.")
    show_plan(found.plan)
    if found.written_until is not None:
        age = found.began_at - found.written_until
        click.echo(
            f"What was written after {found.written_until:%Y-%m-%d %H:%M:%S} UTC is lost: the last "
            f"{age.total_seconds():,.0f} s before now."
        )


def answer_with_recovery(done: Recovery, as_json: bool) -> None:
    if done.run.state is not RunState.SUCCEEDED:
        answer_with(done.run, as_json)
    figures = {"rto_seconds": done.rto_seconds, "rpo_seconds": done.rpo_seconds}
    if as_json:
        click.echo(json.dumps({"run": to_json(done.run), "exit_code": done.run.exit_code, **figures}))
        raise click.exceptions.Exit(done.run.exit_code)
    click.echo(f"RTO measured: {done.rto_seconds:.1f} s from this command to proven serving.")
    if done.rpo_seconds is not None:
        click.echo(f"RPO measured: the data was {done.rpo_seconds:,.0f} s old when the recovery began.")
    click.echo("Data before that is back and verified. Make a backup now: `lastgood backup`.")
    answer_with(done.run, as_json)


def _told(found: Found) -> dict[str, object]:
    return {
        "system": found.system.name,
        "folder": str(found.system.folder),
        "vault": {"name": found.vault, "kind": found.part.kind, "options": dict(found.part.options)},
        "capsule": {"label": found.capsule, "at": to_json(found.capsule_at), "of": found.capsules},
        "ledger_entries": found.entries,
        "documents": list(found.documents),
        "points": {store: point.id for store, point in found.points.items()},
        "releases": {service: release.id for service, release in found.releases.items()},
        "lacks": [to_json(lack) for lack in found.lacks],
        "notes": list(found.notes),
        "written_until": to_json(found.written_until),
        "plan": to_json(found.plan),
    }

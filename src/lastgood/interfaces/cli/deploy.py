"""deploy, rollback, up."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.domain.policy import DataPolicy
from lastgood.interfaces.cli.common import (
    answer_with,
    ask_where_needed,
    open_system,
    show_plan,
    system_options,
)


@click.command()
@click.argument("source", required=False)
@click.option("--service", help="Which service; not needed where there is one.")
@click.option("--label", help="What people call this version.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and do nothing of it.")
@click.option("--now", is_flag=True, help="Begin in spite of cool-down, flapping guard and quiet hours.")
@system_options
def deploy(
    source: str | None,
    service: str | None,
    label: str | None,
    only_plan: bool,
    now: bool,
    folder: Path,
    engine: str,
    as_json: bool,
) -> None:
    """Bring a release out: SOURCE is a folder, a tarball or a git revision."""
    from lastgood.application.deploy import DeployRequest, deploy, deploy_plan
    from lastgood.application.releasing import NewRelease, record_release
    from lastgood.application.running import new_run_id

    source = source and as_typed(source)
    workplace = open_system(folder, engine, as_json)
    if only_plan:
        release = record_release(workplace, NewRelease(service, source, label))
        plan = deploy_plan(workplace, release, new_run_id(workplace, "deploy"))
        click.echo(json.dumps(to_json(plan))) if as_json else show_plan(plan)
        return
    request = DeployRequest(service, source, label, now, getpass.getuser())
    answer_with(deploy(workplace, request)[1], as_json)


def as_typed(source: str) -> str:
    """Paths that a person types count from where they stand, those in documents from the documents' folder.
    What is no path here may be a git revision, which is told from one when it is opened."""
    path, mark, revision = source.partition("@")
    return f"{Path(path).resolve()}{mark}{revision}" if Path(path).exists() else source


@click.command()
@click.option("--service", help="Which service; not needed where there is one.")
@click.option("--to", help="The release to go back to; else the last good one.")
@click.option(
    "--data",
    type=click.Choice([policy.value for policy in DataPolicy]),
    default="keep",
    show_default=True,
    help="keep the data as it is, or rewind it to the recovery point before the release.",
)
@click.option("--point", help="With --data rewind: the recovery point.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done and lost, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@system_options
def rollback(
    service: str | None,
    to: str | None,
    data: str,
    point: str | None,
    only_plan: bool,
    yes: bool,
    folder: Path,
    engine: str,
    as_json: bool,
) -> None:
    """Go back to the last good release."""
    from lastgood.application.rollback import RollbackRequest, rollback, rollback_plan
    from lastgood.application.running import new_run_id

    workplace = open_system(folder, engine, as_json)
    request = RollbackRequest(service, to, DataPolicy(data), point, yes)
    if only_plan:
        plan = rollback_plan(workplace, request, new_run_id(workplace, "rollback"))
        click.echo(json.dumps(to_json(plan))) if as_json else show_plan(plan)
        return
    answer_with(ask_where_needed(workplace, rollback(workplace, request), as_json), as_json)


@click.command()
@system_options
def up(folder: Path, engine: str, as_json: bool) -> None:
    """Start what should be running: each service on the release that it is on, and its proxy."""
    from lastgood.application.starting import start_all

    answer_with(start_all(open_system(folder, engine, as_json)), as_json)

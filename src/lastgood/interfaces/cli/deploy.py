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
@click.argument("sources", nargs=-1, metavar="[SOURCE]")
@click.option("--service", help="Which service; not needed where there is one.")
@click.option("--label", help="What people call this version.")
@click.option(
    "--together", is_flag=True, help="Several services in one run: SERVICE=SOURCE SERVICE=SOURCE ..."
)
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and do nothing of it.")
@click.option("--now", is_flag=True, help="Begin in spite of cool-down, flapping guard and quiet hours.")
@system_options
def deploy(
    sources: tuple[str, ...],
    service: str | None,
    label: str | None,
    together: bool,
    only_plan: bool,
    now: bool,
    folder: Path,
    engine: str,
    as_json: bool,
) -> None:
    """Bring a release out: SOURCE is a folder, a tarball or a git revision.

    With --together each is SERVICE=SOURCE: all are started, watched and promoted together, in the order in
    which they depend on each other, and one that is bad takes all back.
    """
    from lastgood.application.deploy import DeployRequest, deploy_plan, deploy_together, record_releases
    from lastgood.application.running import new_run_id

    named = _named(sources, service, together)
    who = getpass.getuser()
    requests = [DeployRequest(name, source and as_typed(source), label, now, who) for name, source in named]
    workplace = open_system(folder, engine, as_json)
    if only_plan:
        releases = record_releases(workplace, requests)
        plan = deploy_plan(workplace, releases, new_run_id(workplace, "deploy"))
        click.echo(json.dumps(to_json(plan))) if as_json else show_plan(plan)
        return
    answer_with(deploy_together(workplace, requests)[1], as_json)


def _named(
    sources: tuple[str, ...], service: str | None, together: bool
) -> list[tuple[str | None, str | None]]:
    """Service and source of each release."""
    if not together:
        if len(sources) > 1:
            raise click.UsageError("One SOURCE at a time; several services at once: --together.")
        return [(service, sources[0] if sources else None)]
    if service is not None:
        raise click.UsageError("--together names each service itself: SERVICE=SOURCE.")
    pairs = [word.partition("=") for word in sources]
    if not pairs or not all(name and source for name, _, source in pairs):
        raise click.UsageError("--together wants SERVICE=SOURCE, one for each service.")
    return [(name, source) for name, _, source in pairs]


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


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@system_options
def down(yes: bool, folder: Path, engine: str, as_json: bool) -> None:
    """Stop every service and its proxy; requests in flight finish. `lastgood up` brings them back."""
    from lastgood.application.stopping import stop_all

    workplace = open_system(folder, engine, as_json)
    answer_with(ask_where_needed(workplace, stop_all(workplace, yes), as_json), as_json)

"""release list, show, pin, quarantine."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.domain.release import Release
from lastgood.interfaces.cli.common import open_system, system_options, table


@click.group()
def release() -> None:
    """Releases: immutable, addressed by their content."""


@release.command("list")
@system_options
def list_releases(folder: Path, engine: str, as_json: bool) -> None:
    """All releases, oldest first."""
    history = open_system(folder, engine, as_json).records.history()
    if as_json:
        click.echo(json.dumps([to_json(found) for found in history.releases.values()]))
        return
    serving = {switches[-1].release_id for switches in history.switches.values()}
    rows = [
        (
            found.id,
            found.label,
            found.state.value + (", serving" if found.id in serving else ""),
            "pinned" if found.pinned else "",
            f"{found.recorded_at:%Y-%m-%d %H:%M}",
            ", ".join(sorted(history.kept.get(found.id, {}))) or "-",
        )
        for found in history.releases.values()
    ]
    table(rows, ("release", "label", "state", "", "recorded (UTC)", "vaults"))


@release.command()
@click.argument("name")
@system_options
def show(name: str, folder: Path, engine: str, as_json: bool) -> None:
    """Everything that is known of one release."""
    found = open_system(folder, engine, as_json).records.history().release(name)
    click.echo(json.dumps(to_json(found), indent=None if as_json else 2))


@release.command()
@click.argument("name")
@click.option("--off", is_flag=True, help="Let it go again.")
@system_options
def pin(name: str, off: bool, folder: Path, engine: str, as_json: bool) -> None:
    """Keep a release for as long as it is pinned."""
    from lastgood.application.releasing import pin_release

    _say(pin_release(open_system(folder, engine, as_json), name, not off), as_json)


@release.command()
@click.argument("name")
@click.option("--lift", is_flag=True, help="Let it be deployed again.")
@click.option(
    "--false-alarm",
    is_flag=True,
    help="With --lift: it was never bad. `gates` counts it against the promise.",
)
@click.option("--reason", default="", help="Why.")
@system_options
def quarantine(
    name: str, lift: bool, false_alarm: bool, reason: str, folder: Path, engine: str, as_json: bool
) -> None:
    """Never start a release again (or lift that)."""
    from lastgood.application.releasing import call_false_alarm, quarantine_release

    if false_alarm and not lift:
        raise click.UsageError("--false-alarm goes with --lift.")
    if false_alarm:
        workplace = open_system(folder, engine, as_json)
        _say(call_false_alarm(workplace, name, getpass.getuser(), reason), as_json)
        return
    _say(quarantine_release(open_system(folder, engine, as_json), name, lift, reason), as_json)


def _say(found: Release, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(to_json(found)))
    else:
        pinned = ", pinned" if found.pinned else ""
        click.echo(f"{found.label} ({found.id}): {found.state.value}{pinned}. {found.reason}")

"""check."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lastgood.domain.codec import to_json
from lastgood.domain.errors import DocumentsInvalid
from lastgood.domain.system import System
from lastgood.interfaces.cli.common import system_options, wired

if TYPE_CHECKING:
    from lastgood.application.checking import CheckReport


@click.command()
@system_options
def check(folder: Path, engine: str, as_json: bool) -> None:
    """Look at the documents, tools, ports, rights, stores, vaults and disks, and say what would fail.

    Nothing is changed. Exit code 0: nothing is a problem (there may be warnings), 2: a document is wrong,
    4: there are problems.
    """
    from lastgood.application.checking import check as look

    try:
        system = wired().load(folder)
    except DocumentsInvalid as invalid:
        if not as_json:
            raise
        faults = [asdict(finding) for finding in invalid.findings]
        click.echo(json.dumps({"documents": faults, "looked": [], "exit_code": invalid.exit_code}))
        raise click.exceptions.Exit(invalid.exit_code) from invalid
    report = look(system, wired().looker(system))
    if as_json:
        click.echo(json.dumps(_as_json(system, report)))
    else:
        _show(system, report)
    raise click.exceptions.Exit(report.exit_code)


def _as_json(system: System, report: CheckReport) -> dict[str, object]:
    return {
        "system": system.name,
        **_counts(system),
        "documents": [],
        "looked": to_json(report.looked),
        "exit_code": report.exit_code,
    }


def _counts(system: System) -> dict[str, int]:
    return {"services": len(system.services), "stores": len(system.stores), "vaults": len(system.vaults)}


def _show(system: System, report: CheckReport) -> None:
    said = ", ".join(_count(count, noun.removesuffix("s")) for noun, count in _counts(system).items())
    click.echo(f"documents\n  ok       The documents of {system.name} are valid: {said}")
    group = ""
    for one in report.looked:
        if one.group != group:
            group = one.group
            click.echo(group)
        mark = "PROBLEM" if one.severity.value == "problem" else one.severity.value
        click.echo(f"  {mark:7}  {one.says}")
        if one.mend:
            click.echo(f"           {one.mend}")
    counts = [
        sum(one.severity.value == severity for one in report.looked) for severity in ("problem", "warning")
    ]
    click.echo(f"{_count(counts[0], 'problem')}, {_count(counts[1], 'warning')}. Nothing was changed.")


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

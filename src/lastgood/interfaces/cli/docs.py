"""docs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from lastgood.domain.codec import to_json
from lastgood.domain.errors import ActionFailed
from lastgood.interfaces.cli.common import open_system, system_options

STALE = 7


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write to; by default docs/ in the folder of the documents.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; end with 7 when a document is stale, and say why."
)
@system_options
def docs(out: Path | None, check: bool, folder: Path, engine: str, as_json: bool) -> None:
    """Write the five documents for people, from the plans that would run now and the last evidence.

    Rollback_Recovery_Procedures.md, Recovery_Procedures.json, Disaster_Recovery_Implementation.md,
    Backup_Configuration.json and Rollback_Automation_Guide.md.
    """
    from lastgood.application.reporting import gather
    from lastgood.interfaces.cli.main import COMMANDS
    from lastgood.reports.documents import DOCUMENTS, render, stale

    out = out or folder / "docs"
    facts = gather(open_system(folder, engine, as_json=True), frozenset(COMMANDS))
    if not check:
        write_all(out, render(facts))
        _say_written(out, as_json)
        return
    found = stale({name: _read(out / name) for name in DOCUMENTS}, facts)
    if as_json:
        click.echo(json.dumps({"folder": str(out), "stale": to_json(found)}))
    for one in () if as_json else found:
        where = f" ({one.where})" if one.where else ""
        click.echo(f"{out / one.file}{where}: {one.why}")
    if not as_json:
        click.echo("Write them anew: `lastgood docs`." if found else "The five documents are up to date.")
    raise click.exceptions.Exit(STALE if found else 0)


def _say_written(out: Path, as_json: bool) -> None:
    from lastgood.reports.documents import DOCUMENTS

    if as_json:
        click.echo(json.dumps({"folder": str(out), "written": list(DOCUMENTS)}))
        return
    for name in DOCUMENTS:
        click.echo(f"wrote {out / name}")


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ActionFailed(
            f"{file} cannot be read: {error}.",
            "Whether it is stale is not known.",
            "Mend its permissions, or remove it and run `lastgood docs`.",
        ) from error


def write_all(folder: Path, texts: Mapping[str, str]) -> None:
    """All are written aside first, so that a full disk leaves the old ones whole. Raises ActionFailed."""
    asides = {folder / name: folder / f".{name}.{os.getpid()}.part" for name in texts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, aside in asides.items():
            with aside.open("w", encoding="utf-8") as stream:
                stream.write(texts[file.name])
                stream.flush()
                os.fsync(stream.fileno())
        for file, aside in asides.items():
            aside.replace(file)
    except OSError as error:
        for aside in asides.values():
            with suppress(OSError):  # where the folder is none, there is nothing to remove either
                aside.unlink(missing_ok=True)
        raise ActionFailed(
            f"The documents could not be written to {folder}: {error.strerror or error}.",
            "Those that were there before are whole.",
            "Free some room, or name a folder that this user may write to: `lastgood docs --out DIR`.",
        ) from error

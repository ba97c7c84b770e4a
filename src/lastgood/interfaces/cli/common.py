"""What the commands share: options, opening the workplace, showing runs and plans."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lastgood.domain.codec import to_json
from lastgood.domain.errors import LastgoodError
from lastgood.domain.plan import Plan
from lastgood.domain.run import Run, RunState, StepEnd
from lastgood.domain.system import System
from lastgood.execution.workplace import Progress, Workplace
from lastgood.ports.looker import Looker

if TYPE_CHECKING:
    from lastgood.application.ground import Ground
    from lastgood.application.initializing import InitDesk
    from lastgood.application.sandbox import DrillTools

_F = TypeVar("_F", bound=Callable[..., Any])

_MARKS = {
    StepEnd.DONE: "ok  ",
    StepEnd.FAILED: "FAIL",
    StepEnd.BAD: "BAD ",
    StepEnd.UNDECIDED: "?   ",
    StepEnd.STOPPED: "stop",
    StepEnd.PAUSED: "wait",
}


@dataclass(frozen=True, slots=True)
class Doors:
    """What the composition root gives to the command line; each is imported only when it is called."""

    load: Callable[[Path], System]
    open: Callable[[Path, str, Callable[[Progress], None]], Workplace]
    schemas: Callable[[], Mapping[str, object]]
    init: Callable[[], InitDesk]
    looker: Callable[[System], Looker]
    ground: Callable[[str, Callable[[Progress], None]], Ground]
    demo: Callable[[Path | None, bool, bool], Mapping[str, object]]
    drills: Callable[[str, Callable[[Progress], None], Callable[[str], None]], DrillTools]


def system_options(command: _F) -> _F:
    """--system, --engine and --json, which every command has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
        click.option(
            "--engine",
            type=click.Choice(["dbos", "inline"]),
            default="dbos",
            envvar="LASTGOOD_ENGINE",
            show_default=True,
            help="What records the run; inline is for breaking glass.",
        ),
        click.option(
            "--system",
            "folder",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("lastgood"),
            envvar="LASTGOOD_SYSTEM",
            show_default=True,
            help="The folder of the documents.",
        ),
    ):
        command = option(command)
    return command


def open_system(folder: Path, engine: str = "dbos", as_json: bool = False) -> Workplace:
    return wired().open(folder, engine, _silent if as_json else show_progress)


def open_ground(engine: str = "dbos", as_json: bool = False) -> Ground:
    return wired().ground(engine, _silent if as_json else show_progress)


def open_drills(engine: str = "dbos", as_json: bool = False) -> DrillTools:
    """Of the runs in a sandbox only their ends are shown: a drill says itself what it does."""
    return wired().drills(engine, _silent, (lambda text: None) if as_json else click.echo)


def wired() -> Doors:
    doors = click.get_current_context().find_object(Doors)
    if doors is None:
        raise LastgoodError("The command line was started without its wiring.")
    return doors


def show_progress(progress: Progress) -> None:
    """A line when a step ends; on a terminal also what goes on, on one line that is written over."""
    live = sys.stdout.isatty()
    if progress.end is None:
        if live:
            text = f"  ...  {progress.step.does}{': ' + progress.says if progress.says else ''}"
            click.echo(f"\r\033[K{text[:150]}", nl=False)
        return
    begin = "\r\033[K" if live else ""
    click.echo(f"{begin}  {_MARKS[progress.end]} {progress.seconds:6.1f} s  {progress.step.does}")
    click.echo(f"                 {progress.says}")


def _silent(progress: Progress) -> None:
    """With --json only the result is printed."""


def show_plan(plan: Plan) -> None:
    click.echo(plan.title)
    for number, step in enumerate(plan.steps, 1):
        loses = f"  LOSES {step.loses}" if step.loses else ""
        click.echo(f"  {number:2}. {step.does}{loses}")
    click.echo(
        f"Takes about {plan.expected.total_seconds():.0f} s; requests wait, none is failed: "
        f"{plan.downtime.total_seconds():.1f} s."
    )
    for name, back in plan.ways_back.items():
        click.echo(f"Way back ({name}): {'; '.join(step.does for step in back.steps)}")
    click.echo(f"Loses: {'; '.join(plan.loses) or 'nothing'}.")


def answer_with(run: Run, as_json: bool) -> None:
    """Show how the run ended and leave with its exit code."""
    if as_json:
        click.echo(json.dumps({"run": to_json(run), "exit_code": run.exit_code}))
    else:
        click.echo(f"{run.state.value}: {run.says or run.plan.needs_approval}")
        if run.way_back:
            back = run.plan.ways_back[run.way_back]
            click.echo(f"Way back taken: {back.title}. Data: {run.way_back}.")
        if run.state is RunState.WAITING:
            click.echo(f"Look: `lastgood runs show {run.id}`. Agree: `lastgood approve {run.id}`.")
        if run.mend:
            click.echo(run.mend)
        click.echo(f"Run {run.id}")
    raise click.exceptions.Exit(run.exit_code)


def table(rows: Iterable[tuple[str, ...]], heads: tuple[str, ...]) -> None:
    """Columns as wide as their content."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())

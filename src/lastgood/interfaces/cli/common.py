"""What the commands share: options, opening the workplace, showing runs and plans."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lastgood.domain.errors import LastgoodError

if TYPE_CHECKING:  # help imports this file and nothing that it does not need
    from lastgood.application.ground import Ground
    from lastgood.application.initializing import InitDesk
    from lastgood.application.sandbox import DrillTools
    from lastgood.domain.past import ReadPast
    from lastgood.domain.plan import Plan
    from lastgood.domain.run import Run
    from lastgood.domain.system import System
    from lastgood.execution.workplace import Progress, Workplace
    from lastgood.ports.looker import Looker

_F = TypeVar("_F", bound=Callable[..., Any])

_MARKS = {
    "done": "ok  ",
    "failed": "FAIL",
    "bad": "BAD ",
    "undecided": "?   ",
    "stopped": "stop",
    "paused": "wait",
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
    demo: Callable[[Path | None, bool, bool, bool], Mapping[str, object]]
    drills: Callable[[str, Callable[[Progress], None], Callable[[str], None]], DrillTools]
    past: ReadPast


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
    return wired().open(folder, engine, _silent if as_json else Watching().show)


def open_ground(engine: str = "dbos", as_json: bool = False) -> Ground:
    return wired().ground(engine, _silent if as_json else Watching().show)


def open_drills(engine: str = "dbos", as_json: bool = False) -> DrillTools:
    """Of the runs in a sandbox only their ends are shown: a drill says itself what it does."""
    return wired().drills(engine, _silent, (lambda text: None) if as_json else click.echo)


def wired() -> Doors:
    doors = click.get_current_context().find_object(Doors)
    if doors is None:
        raise LastgoodError("The command line was started without its wiring.")
    return doors


class Watching:
    """Shows how a run goes: a line when a plan begins and when a step ends; on a terminal also what goes on
    now, on one line that is written over."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._title = self._where = ""

    def show(self, progress: Progress) -> None:
        if progress.end is not None:
            self._show_end(progress)
            return
        if progress.of:  # else it is a word from within the step that was shown last
            left = rounded(progress.left_seconds)
            self._where = f"{progress.number}/{progress.of}, about {left} left"
            if progress.title != self._title:
                self._title = progress.title
                begins = f"from step {progress.number} on, " if progress.number > 1 else ""
                steps = f"{progress.of} step{'s' if progress.of != 1 else ''}"
                self._line(f"{progress.title}: {steps}, {begins}about {left}.")
        if progress.stays:
            self._line(f"  note             {progress.says}")
        elif self._live:
            says = f": {progress.says}" if progress.says else ""
            text = f"  ... ({self._where})  {progress.step.does}{says}"
            click.echo(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", nl=False)

    def _show_end(self, progress: Progress) -> None:
        assert progress.end is not None
        self._line(f"  {_MARKS[progress.end]} {progress.seconds:6.1f} s  {progress.step.does}")
        if progress.says:
            self._line(f"                 {progress.says}")

    def _line(self, text: str) -> None:
        click.echo(f"\r\033[K{text}" if self._live else text)


def rounded(seconds: float) -> str:
    """`8 s`, `3 min`: an estimate, not a measurement."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


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


def ask_where_needed(workplace: Workplace, run: Run, as_json: bool) -> Run:
    """A run that waits for a person is shown to the one at the terminal, who is asked: what was seen is what
    runs. Without a terminal (or with --json) it goes on waiting for `lastgood approve`."""
    import getpass

    from lastgood.application.running import cancel_run, go_on
    from lastgood.domain.run import RunState

    if run.state is not RunState.WAITING or as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return run
    show_plan(run.plan)
    try:
        agreed = click.confirm(f"{run.plan.needs_approval} Do it?", default=False)
    except click.Abort:
        cancel_run(workplace, run.id)
        click.echo("\nNothing was done.")
        raise click.exceptions.Exit(130) from None
    if not agreed:
        return cancel_run(workplace, run.id)
    workplace.runs.approve(run.id, getpass.getuser(), "Asked at the terminal.", workplace.clock.now())
    return go_on(workplace, run.id)


def answer_with(run: Run, as_json: bool) -> None:
    """Show how the run ended and leave with its exit code."""
    from lastgood.domain.codec import to_json
    from lastgood.domain.run import RunState

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

"""replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lastgood.reports.replayed import Replayed


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--from-log",
    "log_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read an access log (combined format or a JSON object a line) instead of FILE.",
)
@click.option("--rollout-at", help="With --from-log: when the new release began to get requests.")
@click.option(
    "--new",
    "new_pattern",
    help="With --from-log: a regular expression that the new release's lines match; without it every line "
    "from --rollout-at on is the new release's, and those before are its history.",
)
@click.option(
    "--tick", "tick_seconds", type=float, default=10.0, show_default=True, help="With --from-log: in seconds."
)
@click.option("--alpha", type=float, default=0.001, show_default=True, help="With --from-log: see the docs.")
@click.option("--rolled-back-at", help="When people rolled back: says how much sooner lastgood would have.")
@click.option(
    "--svg", "svg_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the chart there."
)
@click.option("--write", "stream_file", type=click.Path(path_type=Path), help="Write what was read as FILE.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def replay(
    file: Path | None,
    log_file: Path | None,
    rollout_at: str | None,
    new_pattern: str | None,
    tick_seconds: float,
    alpha: float,
    rolled_back_at: str | None,
    svg_file: Path | None,
    stream_file: Path | None,
    as_json: bool,
) -> None:
    """Show when lastgood would have acted on a rollout that is over.

    FILE is a recorded stream, one JSON object: see docs/how-to/replay-a-rollout.md.
    """
    from lastgood.application.access_log import read_log
    from lastgood.application.replaying import read_stream
    from lastgood.application.replaying import replay as ask
    from lastgood.domain.codec import to_json

    if (file is None) == (log_file is None):
        raise click.UsageError("Name either FILE or --from-log, and not both.")
    if log_file is not None:
        if rollout_at is None:
            raise click.UsageError("--from-log needs --rollout-at, when the new release began.")
        stream = read_log(log_file, rollout_at, new_pattern, tick_seconds, alpha)
    else:
        stream = read_stream(file or Path())
    found = ask(stream, rolled_back_at)
    if stream_file is not None:
        stream_file.write_text(json.dumps(dict(stream)) + "\n")
    if svg_file is not None:
        svg_file.write_text(_chart(found))
    if as_json:
        click.echo(json.dumps(to_json(found)))
    else:
        _show(found)
    if found.decision == "insufficient data":
        raise click.exceptions.Exit(6)


def _show(found: Replayed) -> None:
    from lastgood.reports.chart import columns
    from lastgood.reports.replayed import sentences

    for sentence in sentences(found):
        click.echo(sentence)
    lines = columns(found.evidence, found.needed)
    for number, line in enumerate(lines):
        label = f"{10**found.needed:.3g}:1" if number == 0 else "1:1" if number == len(lines) - 1 else ""
        click.echo(f"{label:>10} |{line}|")
    if lines:
        click.echo(f"{'tick':>10}  1{len(found.evidence):>{max(1, len(lines[0]) - 1)}}")


def _chart(found: Replayed) -> str:
    from lastgood.reports.replayed import chart

    return chart(found)

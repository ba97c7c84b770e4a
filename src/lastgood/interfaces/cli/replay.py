"""replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lastgood.interfaces.cli.common import wired

if TYPE_CHECKING:
    from lastgood.evidence.stream import Stream
    from lastgood.reports.replayed import Replayed


_OF_PROMETHEUS = (
    ("total-new", "SELECTOR", "the counter of the new release's requests, by name and labels, no functions."),
    ("bad-new", "SELECTOR", "the counter of the failed ones among them."),
    ("total-old", "SELECTOR", "the counter of the old release's requests, where it ran beside the new one."),
    ("bad-old", "SELECTOR", "the counter of the failed ones among them."),
    ("until", "TIME", "where the replay ends; else at --rolled-back-at, or after an hour."),
    ("step", "DURATION", "the length of a tick; else 15s."),
    ("history", "DURATION", "how far to look back before the rollout, where nothing ran beside; else 1d."),
    ("limit", "DURATION", "no answer by then is a failure; else 30s."),
    ("token", "REFERENCE", "a bearer token, as `env:NAME` or `file:PATH`."),
    ("user", "NAME", "the user of basic authentication."),
    ("password", "REFERENCE", "its password, as `env:NAME` or `file:PATH`."),
    ("certificates", "FILE", "the certificate authorities to trust instead of the machine's (PEM)."),
)


def prometheus_options(command: Callable[..., None]) -> Callable[..., None]:
    """All begin as None, so that one that nothing would read can be told."""
    for name, value, says in reversed(_OF_PROMETHEUS):
        command = click.option(f"--{name}", metavar=value, help=f"With --from-prometheus: {says}")(command)
    return command


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--from-log",
    "log_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read an access log (combined format or a JSON object a line) instead of FILE.",
)
@click.option(
    "--from-prometheus",
    "server",
    metavar="URL",
    help="Ask a Prometheus, such as http://127.0.0.1:9090, what two counters did.",
)
@click.option(
    "--rollout-at",
    help="With --from-log and --from-prometheus: when the new release began to get requests.",
)
@click.option(
    "--new",
    "new_pattern",
    help="With --from-log: a regular expression that the new release's lines match; without it every line "
    "from --rollout-at on is the new release's, and those before are its history.",
)
@click.option(
    "--tick", "tick_seconds", type=float, default=10.0, show_default=True, help="With --from-log: in seconds."
)
@click.option(
    "--alpha",
    type=float,
    default=0.001,
    show_default=True,
    help="With --from-log and --from-prometheus: see the docs.",
)
@prometheus_options
@click.option("--rolled-back-at", help="When people rolled back: says how much sooner lastgood would have.")
@click.option(
    "--svg", "svg_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the chart there."
)
@click.option("--write", "stream_file", type=click.Path(path_type=Path), help="Write what was read as FILE.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def replay(
    file: Path | None,
    log_file: Path | None,
    server: str | None,
    rollout_at: str | None,
    new_pattern: str | None,
    tick_seconds: float,
    alpha: float,
    rolled_back_at: str | None,
    svg_file: Path | None,
    stream_file: Path | None,
    as_json: bool,
    **prometheus: str | None,
) -> None:
    """Show when lastgood would have acted on a rollout that is over.

    FILE is a recorded stream, one JSON object: see docs/how-to/replay-a-rollout.md.
    """
    from lastgood.application.access_log import read_log
    from lastgood.application.replaying import read_stream
    from lastgood.application.replaying import replay as ask
    from lastgood.domain.codec import to_json

    if [file, log_file, server].count(None) != 2:
        raise click.UsageError("Name one of FILE, --from-log and --from-prometheus.")
    given = {name: text for name, text in prometheus.items() if text is not None}
    if given and server is None:
        raise click.UsageError(f"--{next(iter(given)).replace('_', '-')} goes with --from-prometheus only.")
    if file is not None:
        stream = read_stream(file)
    elif rollout_at is None:
        raise click.UsageError("--rollout-at is missing: when the new release began.")
    elif log_file is not None:
        stream = read_log(log_file, rollout_at, new_pattern, tick_seconds, alpha)
    else:
        stream = _ask_prometheus(server or "", rollout_at, rolled_back_at, alpha, given)
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


def _ask_prometheus(
    server: str, rollout_at: str, rolled_back_at: str | None, alpha: float, given: dict[str, str]
) -> Stream:
    from lastgood.application.past_metrics import PastRollout, read_metrics

    if not {"total_new", "bad_new"} <= given.keys():
        raise click.UsageError("--from-prometheus needs --total-new and --bad-new, two counters.")
    ways = ("token", "user", "password", "certificates")
    way_in = {name: given.pop(name) for name in ways if name in given}
    told = PastRollout(
        server, rollout_at=rollout_at, rolled_back_at=rolled_back_at, alpha=alpha, way_in=way_in, **given
    )
    return read_metrics(told, wired().past)


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

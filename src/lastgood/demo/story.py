"""The story: good releases, bad ones that undo themselves, a machine that is lost and comes back."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lastgood.demo.screen import Screen
from lastgood.demo.stage import ORDERS_PER_SECOND, Stage
from lastgood.demo.summary import BadRelease, Disaster, Summary, summarize
from lastgood.domain.errors import Refused
from lastgood.domain.signal import Outcome

_ORDERS_AFTER_BACKUP_SECONDS = 3.0
_ORDERS_TABLE = "orders"

_TWO_KINDS = ("bad-errors", "bad-data")
_EVERY_KIND = ("bad-start", "bad-errors", "bad-slow", "bad-crash", "bad-data")
_NEVER_UP = "bad-start"
_CRASHES = "bad-crash"
_CRASH_AFTER = 'SHOP_CRASH_AFTER_SECONDS: "4"'

_BAD_ONES = {  # label: title, and what is said
    "bad-start": (
        "A release that does not start",
        "It gets no traffic, customers notice nothing. The command ends with exit code 4 and says why.",
    ),
    "bad-errors": (
        "A bad release: 5 % of orders fail",
        "Healthy for every probe. It undoes itself; the command ends with exit code 3.",
    ),
    "bad-slow": ("A slow one", "No answer is an error, and each takes a second and a half."),
    "bad-crash": ("One that crashes", "It works well for some seconds, and then its process ends."),
    "bad-data": (
        "A worse one: it writes wrong totals",
        "Every answer is 201, every probe is green, the data is wrong. An invariant notices, and code and "
        "data go back together; what was taken back is kept aside and counted.",
    ),
}

_STORY_DOCUMENTS = {
    "rollback-detection.yml": """\
# The story's watch: seconds where you would watch for minutes.
kind: rollback/detection
version: 1
slow_after: 700ms
canary:
  - {percent: 50, at_least: 3s, at_most: 60s, minimum_requests: 150}
bake: 3s
""",
    "data-consistency.yml": """\
kind: data/consistency
version: 1
on_broken_invariant: rewind
rewind_at_most_rows: 5000
invariants:
  - name: totals
    store: shop
    query: select count(*) from orders where total != quantity * price
    expect: "0"
    every: 500ms
""",
    "automatic-rollback-triggers.yml": """\
kind: automatic/rollback/triggers
version: 1
approval_for_rewind: false
""",
}


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """`folder`: where the story happens, new or empty; None: a new one among the temporary folders.
    `stay`: leave the shop running at the end. `every`: a bad release of each kind, not only of two."""

    folder: Path | None = None
    stay: bool = False
    as_json: bool = False
    every: bool = False


def play(request: DemoRequest) -> Summary:
    """Raises ActionFailed when a command did not end as the story says it must."""
    began = time.monotonic()
    console = Console(stderr=request.as_json, highlight=False)
    with Screen(console) as screen:
        stage = Stage(_folder(request.folder), screen)
        try:
            _a_shop_is_protected(stage)
            _a_good_release(stage)
            bad = tuple(
                _a_bad_release(stage, label) for label in (_EVERY_KIND if request.every else _TWO_KINDS)
            )
            disaster = _the_machine_is_lost(stage)
            _what_is_written_down(stage)
            stage.customers_leave()
        finally:
            stage.customers_leave()
            if not request.stay:
                stage.end_processes()
        summary = summarize(stage.answers, bad, disaster, time.monotonic() - began, _CRASHES)
        _show(screen, stage, summary, request.stay)
    return summary


def _a_shop_is_protected(stage: Stage) -> None:
    stage.screen.act(
        "A shop, protected",
        "A small web shop: orders in SQLite, pictures as files. lastgood looks at its folder and writes nine "
        "documents. The first deploy puts the release beside nothing, proves it and gives it the traffic.",
    )
    stage.open_shop()
    stage.lastgood("init", "--vault", str(stage.vault))
    _shorten_the_watch(stage)
    stage.lastgood("key", "export", str(stage.key))
    stage.lastgood("deploy", str(stage.builds / "v1"))


def _a_good_release(stage: Stage) -> None:
    stage.screen.act(
        "A good release, under load",
        f"{ORDERS_PER_SECOND} orders a second come from here on; none may fail. v2 brings a migration. It "
        "runs beside v1 with half of the traffic until the evidence says that it is no worse.",
    )
    stage.customers_come()
    stage.build("v2")
    stage.lastgood("deploy", str(stage.builds / "v2"))


def _a_bad_release(stage: Stage, label: str) -> BadRelease:
    stage.screen.act(*_BAD_ONES[label])
    stage.build(label)
    ran = stage.lastgood("deploy", str(stage.builds / label), expect=(4,) if label == _NEVER_UP else (3,))
    if label == _NEVER_UP:
        why = next(line.strip() for line in ran.lines if "before it was ready" in line)
        return BadRelease(label, why, ran.ended)
    return _noticed(stage, label)


def _noticed(stage: Stage, label: str) -> BadRelease:
    history = stage.history()
    at, given = next(
        (at, given)
        for at, given in reversed(history.verdicts)
        if given.verdict.outcome is Outcome.FAILED and history.releases[given.release_id].label == label
    )
    taken_back = sum(
        sum(event.lost.values()) for _, event in history.replaced if event.run_id == given.run_id
    )
    return BadRelease(label, " ".join(given.verdict.reasons), stage.monotonic_of(at), taken_back)


def _the_machine_is_lost(stage: Stage) -> Disaster:
    stage.screen.act(
        "The machine is lost",
        "A backup, some more orders, and then the machine is gone: processes, documents, releases, data. "
        "What is left is the vault and its key. An empty machine gets everything back from these two.",
    )
    stage.lastgood("backup")
    time.sleep(_ORDERS_AFTER_BACKUP_SECONDS)
    backup = next(
        backup
        for backup in reversed(tuple(stage.history().backups.values()))
        if backup.marker.figures.get(_ORDERS_TABLE) is not None
    )
    lost_at = time.monotonic()
    stage.end_processes()
    rows_before = stage.count_orders()
    stage.lose_the_machine()
    stage.screen.command(f"rm -rf {stage.machine.name}/    (everything on it, and {rows_before:,} orders)")
    ran = stage.lastgood("recover", "--from", str(stage.vault), "--key", str(stage.key), "--yes")
    rows_back = backup.marker.figures[_ORDERS_TABLE]
    time.sleep(1)  # the customers are served again before they leave
    return Disaster(
        lost_at=lost_at,
        back_at=ran.ended,
        data_of=stage.monotonic_of(backup.marker.at),
        orders_lost=rows_before - rows_back,
        rows_back=rows_back,
    )


def _what_is_written_down(stage: Stage) -> None:
    stage.screen.act(
        "What is written down",
        "Runbooks and reports, from the plans that would really run and from what was just measured.",
    )
    stage.lastgood("docs", "--out", str(stage.folder / "documents"))


def _shorten_the_watch(stage: Stage) -> None:
    """A person would watch for minutes; and say once what is always true of the data."""
    for name, text in _STORY_DOCUMENTS.items():
        (stage.documents / name).write_text(text)
    stage.screen.output(
        "The watch is set to seconds, so that this story is short; and one invariant is written down:"
    )
    stage.screen.output("  every order's total is its quantity times its price.")
    system = stage.documents / "system.yml"  # bad-crash waits for 20 s otherwise
    port = 'PORT: "${port}"'
    system.write_text(system.read_text().replace(port, f"{port}\n      {_CRASH_AFTER}"))


def _show(screen: Screen, stage: Stage, summary: Summary, stays: bool) -> None:
    table = Table(
        title="What was measured", title_justify="left", show_header=False, box=None, pad_edge=False
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("orders answered", f"{summary.answered:,}")
    table.add_row("failed by lastgood", f"{summary.failed_by_lastgood:,}")
    table.add_row("failed by bad releases", f"{summary.failed_by_releases:,}, until they were noticed")
    for bad in summary.bad:
        taken_back = ""
        if bad.taken_back:
            taken_back = (
                f"; {bad.taken_back:,} rows written since its recovery point were taken back, "
                f"{bad.served:,} orders of its own among them; all are kept aside"
            )
        if not bad.served:
            table.add_row(bad.label, "never got a request: it did not start")
            continue
        table.add_row(
            bad.label,
            f"noticed {bad.detection_seconds:.1f} s after its first request ({bad.served:,} served, "
            f"{bad.failed:,} failed); last request sent to it {1000 * bad.traffic_back_seconds:.0f} ms after "
            f"the verdict{taken_back}",
        )
    table.add_row(
        "machine lost (RTO)",
        f"serving again, proven, after {summary.rto_seconds:.1f} s; "
        f"{summary.failed_while_lost:,} orders failed meanwhile",
    )
    table.add_row(
        "data lost (RPO)",
        f"{summary.rpo_seconds:.1f} s: {summary.orders_lost:,} orders since the backup; "
        f"{summary.rows_back:,} came back",
    )
    table.add_row("five documents", str(stage.folder / "documents"))
    table.add_row("took", f"{summary.seconds:.0f} s")
    screen.show("")
    screen.show(table)
    if stays:
        screen.show(f"The shop runs at http://127.0.0.1:{stage.port}/ and is protected by {stage.documents}.")
    else:
        screen.show(f"Everything was stopped. To remove it all: rm -r {stage.folder}")


def _folder(wanted: Path | None) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="lastgood-demo-"))
    wanted = wanted.resolve()
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        raise Refused(
            f"{wanted} is there already and not empty.",
            "The story needs a folder of its own; nothing was changed.",
            "Name a folder that does not exist yet.",
        )
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted

"""Rollback: requests failed, verdict to traffic back, commands that look, the vault beside restic."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench._cycles import ByLastgood, ByScript, Cycle
from bench._looking import looking
from bench._report import Row, percentile, run, say
from bench._vault import vault_beside_restic

SCRIPT = "kill and start"


def measure(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder:
        yield from looking(Path(folder) / "looking", runs=7 if quick else 21)
        yield from vault_beside_restic(
            Path(folder) / "vault", pairs=3 if quick else 7, megabytes=64 if quick else 256
        )
        yield from cycles(Path(folder) / "cycles", 3 if quick else 50)


def cycles(folder: Path, count: int) -> Iterator[Row]:
    """Side by side: a cycle of ours, a cycle of the script's, and so on."""
    ours, script = ByLastgood(folder / "lastgood"), ByScript(folder / "script")
    by_us: list[Cycle] = []
    by_script: list[Cycle] = []
    with ExitStack() as begun:
        begun.callback(script.end)
        begun.callback(ours.end)
        ours.begin()
        script.begin()
        for number in range(count):
            by_us.append(ours.cycle(number))
            by_script.append(script.cycle(number))
            done, other = by_us[-1], by_script[-1]
            say(
                f"cycle {number + 1} of {count}: {done.requests:,} requests, {done.failed} failed"
                f" {done.faults or ''}, harm ended after {done.harm_seconds * 1000:.0f} ms;"
                f" {SCRIPT}: {other.requests:,}, {other.failed}, {other.harm_seconds * 1000:.0f} ms"
            )
    case = f"{count} cycles of 3 changes"
    yield Row(case, "requests sent", "", sum(cycle.requests for cycle in by_us))
    yield Row(
        case,
        "requests failed by the deployer",
        "",
        sum(cycle.failed for cycle in by_us),
        SCRIPT,
        sum(cycle.failed for cycle in by_script),
        "= 0",
    )
    harm, other_harm = ([cycle.harm_seconds * 1000 for cycle in found] for found in (by_us, by_script))
    metric = "verdict to the last request served by the bad release or failed"
    yield Row(
        case,
        f"{metric}, median",
        "ms",
        percentile(harm, 50),
        SCRIPT,
        percentile(other_harm, 50),
        "< 50",
        (min(harm), max(harm)),
    )
    yield Row(case, f"{metric}, p95", "ms", percentile(harm, 95), SCRIPT, percentile(other_harm, 95), "< 200")


if __name__ == "__main__":
    run(__doc__, measure)

"""Healthy: releases with as many errors as ever are deployed again and again under load; all of them stay.

Each deploy is the whole command with a real proxy and real processes. Only the vault is a folder of plain
copies: restic would take most of the time, and has no say in a verdict.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.plain_vault import PROGRAM

from bench._cycles import ByLastgood, make_release, under_load
from bench._report import Row, median_row, run, say
from lastgood.adapters.load import Answer

BENIGN_ERRORS = 0.005  # of the requests of each release, the old ones' as well as the new ones'
PROMOTED, ROLLED_BACK, UNDECIDED = 0, 3, 6  # exit codes of `deploy`


@dataclass(frozen=True, slots=True)
class Deployed:
    """`benign` counts the answers 500 of the releases themselves, `failed` everything else that failed.
    `evidence` is the most that ever stood against the release; at 1/false_alarm it is rolled back."""

    code: int
    seconds: float
    requests: int
    benign: int
    failed: int
    evidence: float
    machine_load: float


def measure(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder:
        system = ByLastgood(Path(folder), PROGRAM)
        with ExitStack() as begun:
            begun.callback(system.end)
            system.begin(BENIGN_ERRORS)
            yield from rows([deployed(system, number) for number in range(1, 11 if quick else 201)])


def deployed(system: ByLastgood, number: int) -> Deployed:
    """A new release under load: the whole command, from its start to its exit code."""
    release = make_release(system.folder, f"good-{number}", failing=BENIGN_ERRORS)
    with under_load(system.port) as load:
        began_at = time.perf_counter()
        done = system.ended((PROMOTED, ROLLED_BACK, UNDECIDED), "deploy", str(release))
        seconds = time.perf_counter() - began_at
    watches = watches_of(done)
    benign = sum(1 for answer in load.answers if is_benign(answer))
    failures = [answer for answer in load.answers if answer.failed and not is_benign(answer)]
    found = Deployed(
        done.returncode,
        seconds,
        len(load.answers),
        benign,
        len(failures),
        max(10 ** watch["figures"]["best_evidence_log10"] for watch in watches),
        os.getloadavg()[0],
    )
    say(
        f"deploy {number}: exit code {found.code} after {seconds:.1f} s, {found.requests:,} requests,"
        f" {benign} benign errors, {found.failed} failed by lastgood, evidence {found.evidence:.1f},"
        f" load of the machine {found.machine_load:.1f}"
    )
    for failure in failures[:5]:
        say(f"  failed: {failure.status} {failure.fault} {failure.release}")
    if found.code != PROMOTED:
        say("  " + " | ".join(watch["says"] for watch in watches))
    return found


def is_benign(answer: Answer) -> bool:
    """An error that the release itself gave: the proxy's own answers do not name a release."""
    return answer.status == 500 and bool(answer.release)


def watches_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The results of the steps that watched the release."""
    steps = json.loads(done.stdout)["run"]["steps"]
    return [step["result"] for step in steps if step["kind"] == "observe" and step["result"]]


def rows(found: Sequence[Deployed]) -> Iterator[Row]:
    case = f"{len(found)} deploys of healthy releases"
    requests = sum(one.requests for one in found)
    yield Row(case, "requests sent", "", requests)
    yield Row(case, "benign errors", "%", 100 * sum(one.benign for one in found) / requests)
    for what, code in (("rolled back", ROLLED_BACK), ("undecided", UNDECIDED)):
        yield Row(case, what, "", sum(one.code == code for one in found), goal="= 0")
    yield Row(case, "requests failed by lastgood", "", sum(one.failed for one in found), goal="= 0")
    yield Row(case, "most evidence against one", "", max(one.evidence for one in found))
    yield median_row(case, "a deploy, median", "s", [one.seconds for one in found])
    yield median_row(case, "load of the machine, median", "", [one.machine_load for one in found])


if __name__ == "__main__":
    run(__doc__, measure)

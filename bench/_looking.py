"""How long commands take that only look, as whole processes on an ordinary system."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench._ordinary import ordinary_system
from bench._report import Row, median_row

COMMANDS = (
    ("--help",),
    ("--version",),
    ("status",),
    ("status", "--json"),
    ("runs", "list"),
    ("points",),
    ("release", "list"),
)
GOAL = "< 150"


def looking(folder: Path, runs: int) -> Iterator[Row]:
    """As installed: with bytecode, which this machine may be told not to write."""
    documents = ordinary_system(folder)
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for command in COMMANDS:
        where = () if command[0].startswith("-") else ("--system", str(documents))
        arguments = (sys.executable, "-m", "lastgood", *command, *where)
        seconds = [_timed(arguments, environment) for _ in range(runs + 2)][2:]  # the first write shortcuts
        yield median_row(" ".join(command), "whole process", "ms", [took * 1000 for took in seconds], GOAL)


def _timed(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    # without a time limit: with one, the end is looked for only every 50 ms
    subprocess.run(arguments, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began

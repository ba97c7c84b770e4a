"""The how-to is true: its commands run in order, and print what it says they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.project import stopped
from tests.support.small_services import free_port

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "protect-your-own-application.md"


@pytest.mark.timeout(240)
def test_the_how_to_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    port = free_port()
    blocks = re.findall(r"^```(sh)?\n(.*?)^```$", HOW_TO.read_text(), re.M | re.S)
    assert len(blocks) > 10
    with stopped(tmp_path / "guestbook" / "lastgood"):
        printed = ""
        folder = tmp_path
        for language, text in blocks:
            if language:
                printed = _run(text.replace("8000", str(port)), folder)
                folder = tmp_path / "guestbook"
            else:
                _compare(text.replace("8000", str(port)), printed)


def _run(commands: str, folder: Path) -> str:
    program = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-c", commands],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "LASTGOOD_ENGINE": "inline"},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _compare(shown: str, printed: str) -> None:
    """Each line that is shown is printed, in this order; figures, ids and `...` may be anything."""
    lines = iter([_normal(line) for line in printed.splitlines()])
    for line in shown.splitlines():
        if line.strip() in ("...", ""):
            continue
        wanted = re.escape(_normal(line)).replace(r"\.\.\.", ".*")
        assert any(re.fullmatch(wanted, found) for found in lines), f"{line!r} is not in:\n{printed}"


def _normal(line: str) -> str:
    """Without what differs from run to run: seconds, ports of instances, ids, the place of the project."""
    line = re.sub(r"\b[0-9a-f]{12}(\.[0-9a-f]{4})?\b", "ID", line)
    line = re.sub(r"point-[\w-]+", "POINT", line)
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line)
    line = re.sub(r"on port \d+", "on port N", line)
    line = re.sub(r" +", " ", line)
    return re.sub(r"\d+\.\d s\b", "N s", line).rstrip()

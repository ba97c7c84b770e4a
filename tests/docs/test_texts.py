"""The texts that people wrote: links lead somewhere, commands exist, the tour runs."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.commands import commands_in, known, parse
from tests.support.documents import WHOLE, write
from tests.support.small_services import free_port

from lastgood.documents.kinds import FILES
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    {
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    }
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.S | re.M)


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", TEXTS, ids=named)
def test_every_relative_link_resolves(file: Path) -> None:
    """The file is there, and the heading too where the link names one."""
    for link in _LINK.findall(_FENCED.sub("", file.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), f"{named(file)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{named(file)}: {link}"


def anchors(file: Path) -> set[str]:
    """As GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", _FENCED.sub("", file.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("file", [one for one in TEXTS if one.name != "commands.md"], ids=named)
def test_every_command_in_shell_blocks_exists(file: Path) -> None:
    """click takes it; `lastgood X ...` of a command that is announced for later stands in no shell block."""
    blocks = "\n".join(re.findall(r"^```sh\n.*?^```", file.read_text(), re.S | re.M))
    for command in commands_in(blocks):
        assert known(command), f"{named(file)}: {' '.join(command)}"
        parse(command)


@pytest.mark.parametrize("file", TEXTS, ids=named)
def test_every_document_that_is_shown_loads(file: Path, tmp_path: Path) -> None:
    """A YAML block that says its kind is valid beside the system of the reference."""
    for block in re.findall(r"^```yaml\n(.*?)^```", file.read_text(), re.S | re.M):
        kind = re.search(r"^kind: (.*)$", block, re.M)
        if kind is not None:
            load_system(write(tmp_path / "lastgood", {**WHOLE, FILES[kind.group(1)]: block}))


def test_the_tour_runs(tmp_path: Path) -> None:
    """The README's first shell block of the tour, in another folder and on another port, as it stands."""
    tour = (ROOT / "README.md").read_text().split("## A tour with the example shop\n")[1].split("\n## ")[0]
    script = re.findall(r"^```sh\n(.*?)^```", tour, re.S | re.M)[0]
    place = tmp_path / "tour"
    script = script.replace("./dev setup\n", "").replace(
        "cd /tmp/tour\n", f"cd {place}\nsed -i s/8080/{free_port()}/ lastgood/system.yml\n"
    )
    script = script.replace("/tmp/tour", str(place))
    try:
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "LASTGOOD_ENGINE": "inline"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "succeeded: Deploy v1 of shop" in done.stdout
    finally:
        stop_everything(place / "lastgood")


def stop_everything(documents: Path) -> None:
    workplace = open_workplace(load_system(documents))
    for traffic in workplace.traffic.values():
        traffic.stop()
    for runtime in workplace.runtimes.values():
        for instance in runtime.instances():
            runtime.stop(instance.instance_id, timedelta(seconds=2))

"""Projects of people: folders that lastgood is started in, as they would do it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from lastgood.domain.errors import DocumentsInvalid
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace


def lastgood(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run in the folder, with the environment added to a plain one."""
    return subprocess.run(
        [sys.executable, "-m", "lastgood", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        env={**_plain(), **(environment or {})},
    )


def _plain() -> dict[str, str]:
    """Without what could name data of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_DSN", "_URI"))}
    return {**kept, "LASTGOOD_ENGINE": "inline"}


@contextmanager
def stopped(documents: Path) -> Iterator[None]:
    """Whatever the system in these documents started has ended afterwards."""
    try:
        yield
    finally:
        if (documents / ".state").is_dir():
            _stop(documents)


def _stop(documents: Path) -> None:
    try:
        workplace = open_workplace(load_system(documents))
    except DocumentsInvalid:  # a test that broke them on purpose started nothing
        return
    for traffic in workplace.traffic.values():
        traffic.stop()
    for runtime in workplace.runtimes.values():
        for instance in runtime.instances():
            runtime.stop(instance.instance_id, timedelta(seconds=2))


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder

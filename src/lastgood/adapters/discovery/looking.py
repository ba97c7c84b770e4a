"""Looking into files of a project, within limits: huge trees and huge files do not stall `init`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST_FILES: Final = 20_000
DEEPEST: Final = 6
LARGEST_TEXT_BYTES: Final = 200_000

_NEVER: Final = {
    ".git", ".hg", ".venv", "venv", "env", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", "site-packages", "vendor", "dist", ".next", ".state",
    "test", "tests", "fixtures", "__tests__",
}  # fmt: skip


def files(folder: Path, without: Path) -> Iterator[Path]:
    """Regular files below the folder in a fixed order, but for `without` and what holds no work of people."""
    seen = 0
    for here, folders, names in os.walk(folder):
        path = Path(here)
        if len(path.relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        folders[:] = sorted(name for name in folders if name not in _NEVER and path / name != without)
        for name in sorted(names):
            seen += 1
            if seen > MOST_FILES:
                return
            if (path / name).is_file() and not (path / name).is_symlink():
                yield path / name


def text_of(path: Path) -> str:
    """The beginning of a text file; empty where it cannot be read, since then it tells nothing."""
    try:
        with path.open("rb") as opened:
            return opened.read(LARGEST_TEXT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def beginning(path: Path, count: int) -> bytes:
    """The first bytes of a file; empty where it cannot be read."""
    try:
        with path.open("rb") as opened:
            return opened.read(count)
    except OSError:
        return b""

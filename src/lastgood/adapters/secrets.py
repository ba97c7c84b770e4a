"""Secrets are references in the documents; here they are read at the moment they are needed."""

from __future__ import annotations

import os
from pathlib import Path

from lastgood.deciding.clues import dotenv
from lastgood.domain.errors import UsageError


def read_secret(reference: str, folder: Path) -> str:
    """`env:NAME`, `file:PATH` or `dotenv:PATH#NAME` (paths from `folder`). Raises UsageError, which
    names the reference only."""
    kind, _, rest = reference.partition(":")
    if kind == "env" and rest in os.environ:
        return os.environ[rest]
    if kind == "file" and (folder / rest).is_file():
        return (folder / rest).read_text().rstrip("\n")
    if kind == "dotenv":
        path, _, name = rest.rpartition("#")
        found = dotenv((folder / path).read_text()) if (folder / path).is_file() else {}
        if name in found:
            return found[name]
    raise UsageError(
        f"The secret {reference!r} is not there.",
        "Nothing was started.",
        "Set the variable, write the file, or correct the reference under `secrets:` in system.yml.",
    )

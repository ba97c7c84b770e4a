"""What all sources share: which paths are left out, and what is said when one fails."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from lastgood.domain.errors import ActionFailed, DiskFull


def excluded(path: str, exclude: Sequence[str], top: Path | None = None) -> bool:
    """Whether a pattern matches the relative path, a folder above it, or the name of either; or `exclude`
    names its place on this machine, where `top` is that of the source."""
    if top is not None and str(top / path) in exclude:
        return True
    parts = path.split("/")
    prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return any(
        fnmatchcase(candidate, pattern.strip("/"))
        for pattern in exclude
        if not pattern.startswith("/")
        for candidate in (*parts, *prefixes)
    )


def require_content(folder: Path, source: str) -> None:
    """Raises ActionFailed when nothing was laid into the folder."""
    if not any(path.is_symlink() or path.is_file() for path in folder.rglob("*")):
        raise ActionFailed(
            f"{source} holds no file (after what `exclude` leaves out).",
            "There is nothing to release; nothing was changed.",
            "Name another source, or shorten `exclude`.",
        )


def not_read(source: str, error: Exception) -> ActionFailed:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"There is no room to stage {source}.",
            "Nothing was released; what was there before is untouched.",
            "Free some room on the disk of the state folder and run the command again.",
        )
    return ActionFailed(
        f"{source} could not be read ({error}).",
        "Nothing was released; what was there before is untouched.",
        "Mend or replace the source, then run the command again.",
    )

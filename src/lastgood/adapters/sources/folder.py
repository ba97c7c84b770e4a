"""A folder as a source of releases."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from lastgood.adapters.sources.git import describe_checkout
from lastgood.adapters.sources.selection import excluded, not_read, require_content
from lastgood.domain.errors import ActionFailed


class FolderSource:
    """The label is the folder's name, or git's description of it where it is the top of a checkout."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.label = describe_checkout(path) or path.resolve().name

    def fetch(self, folder: Path, exclude: Sequence[str]) -> None:
        try:
            _copy(self._path, folder, exclude)
        except OSError as error:
            raise not_read(f"The folder {self._path}", error) from error
        require_content(folder, f"The folder {self._path}")


def _copy(source: Path, target: Path, exclude: Sequence[str]) -> None:
    pending, top = [""], source.resolve()
    while pending:
        prefix = pending.pop()
        for item in sorted(os.scandir(source / prefix), key=lambda found: found.name):
            path = f"{prefix}{item.name}"
            # the staged copy may stand below its own source: it is not copied into itself
            if excluded(path, exclude, top) or os.path.samestat(
                item.stat(follow_symlinks=False), target.stat()
            ):
                continue
            if item.is_symlink():
                (target / path).symlink_to(os.readlink(item.path))  # noqa: PTH115
            elif item.is_dir():
                (target / path).mkdir()
                pending.append(f"{path}/")
            elif item.is_file():
                shutil.copyfile(item.path, target / path)
                (target / path).chmod(stat.S_IMODE(item.stat().st_mode) & 0o777)
            else:
                raise ActionFailed(
                    f"{source / path} is a socket, a pipe or a device.",
                    "A release cannot hold it; nothing was changed.",
                    "Name it under `exclude` in version-management.yml.",
                )

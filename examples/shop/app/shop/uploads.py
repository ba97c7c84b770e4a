"""Uploads as files in one folder."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

from shop.http import HttpError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Uploads:
    """Every method raises OSError when the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def keep(self, name: str, content: bytes) -> None:
        """Returns when the file is on disk; a reader sees the old content or the new, whole."""
        await asyncio.to_thread(_write, self._place(name), content)

    async def read(self, name: str) -> bytes | None:
        path = self._place(name)
        return await asyncio.to_thread(lambda: path.read_bytes() if path.is_file() else None)

    async def check(self) -> None:
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"{self._folder} cannot be read and written")

    def _place(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise HttpError(400, "a name is up to 100 letters, digits, dots, dashes and underscores")
        return self._folder / name


def _write(path: Path, content: bytes) -> None:
    descriptor, aside = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise

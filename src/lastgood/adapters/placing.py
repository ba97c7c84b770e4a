"""Laying a file down so that it is there whole or not at all, with the rights it will have from the start."""

from __future__ import annotations

import os
from pathlib import Path

from lastgood.adapters.disk import sync_folder, translated
from lastgood.domain.errors import ActionFailed


def lay_file(file: Path, content: bytes, mode: int) -> None:
    """Replaces what stood there in one step. Makes the folder (0700) where it is missing."""
    with translated(ActionFailed, f"writing {file.name}", file.parent):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = file.with_name(f".{file.name}.lastgood-new")
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(file)
        sync_folder(file.parent)

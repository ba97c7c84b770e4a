"""Lays new documents into a folder: all of them or none, and never over one that is there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lastgood.adapters.disk import sync_folder, write_durably
from lastgood.domain.errors import ActionFailed, DiskFull, Refused


def lay_documents(folder: Path, texts: Mapping[str, str], prove: Callable[[Path], None]) -> None:
    """File name -> text. They are written aside, beside what is already in `folder`, and `prove` is called
    on the whole; what it raises leaves `folder` as it was. Raises Refused when one of them came meanwhile."""
    # beside the folder itself, so that relative paths in the documents lead to the same places
    aside = folder.with_name(f".{folder.name}.lastgood-new")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _write(folder, aside, texts)
        prove(aside)
        if folder.exists():
            _link(folder, aside, tuple(texts))
        else:
            aside.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise _not_written(folder, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(folder: Path, aside: Path, texts: Mapping[str, str]) -> None:
    if folder.exists():
        for path in folder.glob("*.y*ml"):
            if path.is_file():
                shutil.copyfile(path, aside / path.name)
    for name, text in texts.items():
        write_durably(aside / name, text.encode())


def _link(folder: Path, aside: Path, names: Sequence[str]) -> None:
    """A link is made only where nothing is: what came in the meantime is not overwritten."""
    laid: list[Path] = []
    try:
        for name in names:
            os.link(aside / name, folder / name)
            laid.append(folder / name)
    except OSError as error:
        for path in laid:
            path.unlink()
        if isinstance(error, FileExistsError):
            raise Refused(
                f"{error.filename2} appeared while the documents were being written.",
                "Nothing was written.",
                "Look at it, and run `lastgood init` again.",
            ) from error
        raise
    sync_folder(folder)


def _not_written(folder: Path, error: OSError) -> ActionFailed:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else ActionFailed
    return kind(
        f"The documents could not be written to {folder}: {error.strerror or error}.",
        "None of them was written.",
        "Make room, or give this user the right to write there, and run `lastgood init` again.",
    )

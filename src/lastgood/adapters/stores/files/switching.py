"""Switching a folder for another in one instant, after what stood there was kept.

What is live is kept by hard links (by copies on another file system); the new content comes to stand beside
the live folder, and the two names are exchanged. A folder that cannot be renamed (a mount point, or in a
parent that is not ours) has its children moved instead: a kill there leaves children of both until the
repeated call finishes it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from lastgood.adapters.disk import copy_attributes, copy_file, exchange, link_or_copy, remove, sync_folder
from lastgood.adapters.keeping import Keeping
from lastgood.adapters.stores.files.tree import OWN_PREFIX, copy_tree, is_excluded


def switch(live: Path, restored: Path, keep_as: Path, exclude: Sequence[str]) -> None:
    """Raises OSError, StoreFailed."""
    keeping = Keeping(keep_as)
    if not keeping.whole:
        _keep(live, keeping, exclude)
    live.parent.mkdir(parents=True, exist_ok=True)
    if _can_be_renamed(live):
        _by_exchange(live, restored, keeping, exclude)
    else:
        _by_children(live, restored, keeping, exclude)


def _keep(live: Path, keeping: Keeping, exclude: Sequence[str]) -> None:
    keeping.begin()
    if live.is_dir():
        _copy_aside(live, keeping.folder, exclude, links=True)
    keeping.folder.mkdir(parents=True, exist_ok=True)
    sync_folder(keeping.folder.parent)
    keeping.note(whole=True)


def _by_exchange(live: Path, restored: Path, keeping: Keeping, exclude: Sequence[str]) -> None:
    """Beside the live folder stands the new one before the exchange and the replaced one after it; the
    noted inode of the new one tells which."""
    beside = live.with_name(f".{live.name}.lastgood-new-{_mark(keeping.folder)}")
    before = beside.with_name(f"{beside.name}-before")
    if _inode(live) != keeping.facts().get("new"):
        if not live.is_dir() and before.is_dir():
            before.rename(live)  # killed in the moment without a live folder, below
        _copy_aside(restored, beside, ())
        if live.is_dir():
            copy_attributes(live.stat(), beside)
        keeping.note(whole=True, new=_inode(beside))
        if not live.is_dir():
            beside.rename(live)
        elif not exchange(live, beside):
            # no exchange on this file system: for a moment there is no live folder
            live.rename(before)
            beside.rename(live)
        sync_folder(live.parent)
    for replaced in (beside, before):
        _carry_over(replaced, live, exclude)
        remove(replaced)


def _by_children(live: Path, restored: Path, keeping: Keeping, exclude: Sequence[str]) -> None:
    inside = live / f"{OWN_PREFIX}{_mark(keeping.folder)}"
    new, replaced = inside / "new", inside / "replaced"
    if "phase" not in keeping.facts():
        inside.mkdir(exist_ok=True)
        replaced.mkdir(exist_ok=True)
        _copy_aside(restored, new, ())
        keeping.note(whole=True, phase="out")
    if keeping.facts()["phase"] == "out":
        _move_children(live, replaced)
        keeping.note(whole=True, phase="in")
    if keeping.facts()["phase"] == "in":
        _move_children(new, live)
        _carry_over(replaced, live, exclude)
        keeping.note(whole=True, phase="done")
    remove(inside)


def _copy_aside(source: Path, target: Path, exclude: Sequence[str], links: bool = False) -> None:
    """A copy that stands in `target` whole or not at all; what is there already is replaced."""
    aside = target.with_name(f"{target.name}.lastgood-part")
    remove(aside)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        copy_tree(source, aside, exclude, link_or_copy if links else copy_file)
        remove(target)
        aside.rename(target)
    finally:
        remove(aside)
    sync_folder(target.parent)


def _move_children(source: Path, target: Path) -> None:
    for child in list(source.iterdir()):
        if not child.name.startswith(OWN_PREFIX):
            child.rename(target / child.name)
    sync_folder(target)
    sync_folder(source)


def _carry_over(replaced: Path, live: Path, exclude: Sequence[str], parent: str = "") -> None:
    """Excluded paths are no data of the store: they stay in the live folder."""
    if not exclude or not (replaced / parent).is_dir():
        return
    for place in list((replaced / parent).iterdir()):
        path = f"{parent}/{place.name}" if parent else place.name
        if is_excluded(path, exclude):
            _make_parents(replaced, live, path)
            remove(live / path)
            place.rename(live / path)
        elif not place.is_symlink():
            _carry_over(replaced, live, exclude, path)


def _make_parents(replaced: Path, live: Path, path: str) -> None:
    for parent in reversed(Path(path).parents[:-1]):
        if not (live / parent).is_dir():
            remove(live / parent)
            (live / parent).mkdir()
            copy_attributes((replaced / parent).stat(), live / parent)


def _can_be_renamed(live: Path) -> bool:
    return not live.is_mount() and os.access(live.parent, os.W_OK)


def _inode(folder: Path) -> int:
    return folder.stat().st_ino if folder.is_dir() else 0


def _mark(keep_as: Path) -> str:
    """Tells the work of one switch from another's that was never finished."""
    return hashlib.sha256(os.fsencode(keep_as.absolute())).hexdigest()[:8]

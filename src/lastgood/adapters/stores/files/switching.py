"""Switching a folder for another in one instant, keeping what stood there.

The restored folder comes to stand beside the live one, the two names are exchanged, and what was live moves
to its keeping place. A folder that cannot be renamed (a mount point, or in a parent that is not ours) has
its children moved instead: a kill there leaves children of both, and the repeated call finishes it."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from lastgood.adapters.disk import copy_attributes, exchange, remove, sync_folder
from lastgood.adapters.keeping import Keeping
from lastgood.adapters.stores.files.tree import OWN_PREFIX, copy_tree, is_excluded

_NOT_RENAMED = {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM}


def switch(live: Path, restored: Path, keep_as: Path, exclude: Sequence[str]) -> None:
    """`restored` is used up where it stands on the same file system. Raises OSError, StoreFailed."""
    keeping = Keeping(keep_as)
    keeping.begin()
    if keeping.whole:
        remove(_beside(live, keep_as))
        remove(_inside(live, keep_as))
        return
    live.parent.mkdir(parents=True, exist_ok=True)
    if _can_be_renamed(live):
        replaced = _by_exchange(live, restored, keeping)
    else:
        replaced = _by_children(live, restored, keeping)
    if replaced.is_dir():
        _carry_over(replaced, live, exclude)
    _move_to_keeping(replaced, keeping)


def _by_exchange(live: Path, restored: Path, keeping: Keeping) -> Path:
    """Returns where the replaced folder stands now (it may be missing: nothing was live, or it is kept)."""
    beside = _beside(live, keeping.folder)
    if "new" not in keeping.facts():
        if not beside.is_dir():
            _move(restored, beside)
        if live.is_dir():
            copy_attributes(live.stat(), beside)
        keeping.note(whole=False, new=beside.stat().st_ino)
    if _inode(live) == keeping.facts()["new"]:
        return _settled(beside)
    if not live.is_dir():
        beside.rename(live)
    elif not exchange(live, beside):
        # no exchange on this file system: for an instant there is no live folder, and a kill
        # in it is mended by the repeated call
        before = beside.with_name(f"{beside.name}-before")
        live.rename(before)
        beside.rename(live)
    sync_folder(live.parent)
    return _settled(beside)


def _settled(beside: Path) -> Path:
    before = beside.with_name(f"{beside.name}-before")
    if before.is_dir() and not beside.exists():
        before.rename(beside)
    return beside


def _by_children(live: Path, restored: Path, keeping: Keeping) -> Path:
    inside = _inside(live, keeping.folder)
    new, replaced = inside / "new", inside / "replaced"
    if "phase" not in keeping.facts():
        inside.mkdir(exist_ok=True)
        if not new.is_dir():
            _move(restored, new)
        replaced.mkdir(exist_ok=True)
        copy_attributes(live.stat(), replaced)
        keeping.note(whole=False, phase="out")
    if keeping.facts()["phase"] == "out":
        _move_children(live, replaced)
        keeping.note(whole=False, phase="in")
    if new.is_dir():
        _move_children(new, live)
    return replaced


def _move_children(source: Path, target: Path) -> None:
    for child in list(source.iterdir()):
        if not child.name.startswith(OWN_PREFIX):
            child.rename(target / child.name)
    sync_folder(target)
    sync_folder(source)


def _carry_over(replaced: Path, live: Path, exclude: Sequence[str], parent: str = "") -> None:
    """Excluded paths are no data of the store: they stay in the live folder."""
    for place in list((replaced / parent).iterdir()):
        path = f"{parent}/{place.name}" if parent else place.name
        if is_excluded(path, exclude):
            _make_parents(replaced, live, path)
            remove(live / path)
            place.rename(live / path)
        elif exclude and place.is_dir() and not place.is_symlink():
            _carry_over(replaced, live, exclude, path)


def _make_parents(replaced: Path, live: Path, path: str) -> None:
    for parent in reversed(Path(path).parents[:-1]):
        if not (live / parent).is_dir():
            remove(live / parent)
            (live / parent).mkdir()
            copy_attributes((replaced / parent).stat(), live / parent)


def _move_to_keeping(replaced: Path, keeping: Keeping) -> None:
    keeping.folder.parent.mkdir(parents=True, exist_ok=True)
    already = keeping.folder.is_dir() and any(keeping.folder.iterdir())
    if replaced.is_dir() and not already:
        _move(replaced, keeping.folder)
    keeping.folder.mkdir(exist_ok=True)
    sync_folder(keeping.folder.parent)
    keeping.note(whole=True)
    remove(replaced)
    if replaced.parent.name.startswith(OWN_PREFIX):
        remove(replaced.parent)


def _move(source: Path, target: Path) -> None:
    """Rename, or copy aside and remove across file systems: `target` is whole or not there."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in _NOT_RENAMED:
            raise
        aside = target.with_name(f"{target.name}.lastgood-part")
        remove(aside)
        try:
            copy_tree(source, aside, ())
        except BaseException:
            remove(aside)
            raise
        aside.rename(target)
        sync_folder(target.parent)
        remove(source)


def _can_be_renamed(live: Path) -> bool:
    return not live.is_mount() and os.access(live.parent, os.W_OK)


def _inode(folder: Path) -> int:
    return folder.stat().st_ino if folder.is_dir() else 0


def _beside(live: Path, keep_as: Path) -> Path:
    return live.with_name(f".{live.name}.lastgood-new-{_mark(keep_as)}")


def _inside(live: Path, keep_as: Path) -> Path:
    return live / f"{OWN_PREFIX}{_mark(keep_as)}"


def _mark(keep_as: Path) -> str:
    """Tells the work of one switch from another's that was never finished."""
    return hashlib.sha256(os.fsencode(keep_as.absolute())).hexdigest()[:8]

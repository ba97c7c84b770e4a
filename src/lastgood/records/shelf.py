"""The shelf of releases: folder/DIGEST/tree, read-only, and beside it the list of its files.

The list is written before the tree is moved in by one rename, so a tree that is there is whole and listed.

Refused           the staged folder holds what cannot be kept (it is left as it is)
ArtifactChanged   a kept tree is not what was recorded
ActionFailed      a file could not be read or written; DiskFull: no room
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import ActionFailed, ArtifactChanged, DiskFull, Refused
from lastgood.domain.release import FileEntry, artifact_digest
from lastgood.records.files import write_whole
from lastgood.records.flush import flush_tree

_WRITE_BITS = 0o222
_PERMISSION_BITS = 0o777  # without set-user-id, set-group-id and sticky: a release gains no rights


class FolderShelf:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, folder: Path) -> tuple[str, int]:
        with _translating(folder):
            entries = self.entries(folder)
            digest = artifact_digest(entries)
            size_bytes = sum(entry.size for entry in entries if entry.kind == "file")
            tree = self._place(digest)
            if tree.exists() and not self._unchanged(digest):
                self.discard(digest)
            if not tree.exists():
                tree.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self._list(digest), dumps(entries))
                _make_read_only(folder, entries)
                flush_tree(folder)
                _move(folder, tree, entries)
            tree.chmod(tree.stat().st_mode & ~_WRITE_BITS)  # after the move: a rename needs it writable
            _remove(folder)
            return digest, size_bytes

    def entries(self, folder: Path) -> tuple[FileEntry, ...]:
        with _translating(folder):
            return tuple(sorted(_walk(folder), key=lambda entry: entry.path))

    def tree(self, digest: str) -> Path | None:
        place = self._place(digest)
        return place if place.is_dir() else None

    def prove(self, digest: str) -> Path:
        tree = self.tree(digest)
        if tree is None:
            raise _changed(digest, "is not on the shelf")
        listed = self._listed(digest)
        difference = _first_difference(listed, self.entries(tree))
        if difference:
            raise _changed(digest, difference)
        return tree

    def _unchanged(self, digest: str) -> bool:
        try:
            self.prove(digest)
        except ArtifactChanged:
            return False
        return True

    def discard(self, digest: str) -> None:
        place = self._place(digest).parent
        if not place.exists():
            return
        with _translating(place):
            # renamed first: a removal that is interrupted must not leave half a tree under its digest
            gone = self._folder / f".{digest}.gone"
            _remove(gone)
            place.rename(gone)
            _remove(gone)

    def _place(self, digest: str) -> Path:
        return self._folder / digest / "tree"

    def _list(self, digest: str) -> Path:
        return self._folder / digest / "files.json"

    def _listed(self, digest: str) -> tuple[FileEntry, ...]:
        try:
            listed = loads(tuple[FileEntry, ...], self._list(digest).read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError, ActionFailed) as error:
            raise _changed(digest, f"has lost the list of its files ({error})") from error
        if artifact_digest(listed) != digest:
            raise _changed(digest, "has a list of files that was changed")
        return listed


def _walk(folder: Path) -> Iterator[FileEntry]:
    if not folder.is_dir():
        raise ActionFailed(
            f"There is no folder {folder}.", "Nothing was kept.", "Fetch the release's source again."
        )
    root = os.path.realpath(folder)
    pending = [(os.fspath(folder), "")]
    while pending:
        place, prefix = pending.pop()
        with os.scandir(place) as found:
            for item in found:
                path = f"{prefix}{item.name}"
                entry = _entry(item, path, root)
                if entry.kind == "folder":
                    pending.append((item.path, f"{path}/"))
                yield entry


def _entry(item: os.DirEntry[str], path: str, root: str) -> FileEntry:
    status = item.stat(follow_symlinks=False)
    mode = stat.S_IMODE(status.st_mode) & _PERMISSION_BITS
    if stat.S_ISREG(status.st_mode):
        with open(item.path, "rb") as stream:  # noqa: PTH123 (a DirEntry holds the path as text)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return FileEntry(path, "file", mode, status.st_size, digest)
    if stat.S_ISLNK(status.st_mode):
        return FileEntry(path, "link", _PERMISSION_BITS, 0, _target_inside(item.path, path, root))
    if stat.S_ISDIR(status.st_mode):
        return FileEntry(path, "folder", mode, 0, "")
    raise Refused(
        f"{path} is neither a file, a folder nor a link (a socket, a pipe or a device).",
        "A release cannot hold it; nothing was kept.",
        "Remove it, or name it under `exclude` in version-management.yml.",
    )


def _target_inside(link: str, path: str, root: str) -> str:
    """The target of a link that stays in the tree. Real paths are compared: a link through a link may leave
    although its text does not."""
    target = os.readlink(link)  # noqa: PTH115 (a Path would tidy the text that is recorded)
    inside = os.path.realpath(link)
    if not target.startswith("/") and (inside == root or inside.startswith(f"{root}/")):
        return target
    raise Refused(
        f"The link {path} points to {target}, outside the release.",
        "What it points to would not be kept with the release, so going back could find something else.",
        "Make it a relative link within the release, name it under `exclude` in version-management.yml, or "
        "list it as a `shared` path of the service.",
    )


def _make_read_only(folder: Path, entries: tuple[FileEntry, ...]) -> None:
    for entry in entries:
        if entry.kind != "link":
            (folder / entry.path).chmod(
                entry.mode & ~_WRITE_BITS | (0o500 if entry.kind == "folder" else 0o400)
            )


def _move(folder: Path, tree: Path, entries: tuple[FileEntry, ...]) -> None:
    try:
        folder.rename(tree)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        aside = tree.with_name("tree.part")  # staged on another disk: copied, then renamed like the rest
        try:
            _remove(aside)
            _copy(folder, aside, entries)
            aside.rename(tree)
        finally:
            _remove(aside)
    flush_tree(tree.parent)


def _copy(folder: Path, target: Path, entries: tuple[FileEntry, ...]) -> None:
    target.mkdir()
    for entry in entries:  # sorted: a folder comes before what is in it
        if entry.kind == "folder":
            (target / entry.path).mkdir()
        elif entry.kind == "link":
            (target / entry.path).symlink_to(entry.digest)
        else:
            shutil.copyfile(folder / entry.path, target / entry.path)
    _make_read_only(target, entries)
    flush_tree(target)


def _remove(folder: Path) -> None:
    if not folder.exists():
        return
    folder.chmod(0o700)
    for place, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(inner := os.path.join(place, name)):  # noqa: PTH114, PTH118
                os.chmod(inner, 0o700)  # noqa: PTH101
    shutil.rmtree(folder)


def _first_difference(listed: tuple[FileEntry, ...], found: tuple[FileEntry, ...]) -> str:
    """Folders are left out, as in the digest; of the mode only the right to run counts."""
    before = {entry.path: entry for entry in listed if entry.kind != "folder"}
    now = {entry.path: entry for entry in found if entry.kind != "folder"}
    for path in sorted(before.keys() | now.keys()):
        if path not in now:
            return f"has lost its file {path}"
        if path not in before:
            return f"has a file that was not recorded, {path}"
        if (before[path].kind, before[path].digest) != (now[path].kind, now[path].digest):
            return f"has a changed file, {path}"
        if before[path].kind == "file" and (before[path].mode ^ now[path].mode) & 0o111:
            return f"has a file whose right to run was changed, {path}"
    return ""


@contextmanager
def _translating(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"There is no room to keep {folder}.",
                "The release was not kept; what was there before is untouched.",
                "Free some room on that disk and run the command again.",
            ) from error
        raise ActionFailed(
            f"{error.filename or folder} could not be kept ({error.strerror or error}).",
            "The release was not kept; what was there before is untouched.",
            "See that this user may read every file of the release and write in the state folder.",
        ) from error


def _changed(digest: str, how: str) -> ArtifactChanged:
    return ArtifactChanged(
        f"The artifact {digest[:12]} {how}.",
        "It is not what was recorded, so it is not run.",
        "Bring the release back from a vault, or deploy the same source again.",
    )

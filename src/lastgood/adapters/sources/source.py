"""From what a person writes to a source of releases."""

from __future__ import annotations

from pathlib import Path

from lastgood.adapters.sources.folder import FolderSource
from lastgood.adapters.sources.git import GitSource, resolve
from lastgood.adapters.sources.tarball import SUFFIXES, TarballSource
from lastgood.domain.errors import UsageError
from lastgood.ports.source import Source


def open_source(text: str, folder: Path) -> Source:
    """The source that `text` names; relative paths count from `folder`. In this order: `git:REVISION` or
    `git:PATH@REVISION`, the path of a folder, the path of a tarball, `PATH@REVISION`, a revision of the
    repository that `folder` is in. Raises UsageError, which lists what was tried."""
    if text.startswith("git:"):
        return _git(text.removeprefix("git:"), folder)
    path = folder / Path(text).expanduser()
    if text and path.is_dir():
        return FolderSource(path)
    if text and path.exists():
        return _tarball(path)
    repository, _, revision = text.rpartition("@")
    if repository and revision and (folder / Path(repository).expanduser()).is_dir():
        return GitSource(folder / Path(repository).expanduser(), revision)
    if resolve(folder, text):
        return GitSource(folder, text)
    raise UsageError(
        f"There is no source {text!r}: {path} is neither a folder nor a file, and git knows no such revision "
        f"in {folder}.",
        "Nothing was changed.",
        "Give a folder, a tarball, a git revision, or PATH@REVISION.",
    )


def _git(text: str, folder: Path) -> Source:
    repository, _, revision = text.rpartition("@")
    path = folder / Path(repository).expanduser()
    if repository and not path.is_dir():
        if resolve(folder, text):  # main@{1}: the @ belongs to the revision
            return GitSource(folder, text)
        raise UsageError(
            f"There is no folder {path} to take the revision {revision} from.",
            "Nothing was changed.",
            "Write git:REVISION, or git:PATH@REVISION with the path of a repository.",
        )
    return GitSource(path, revision)


def _tarball(path: Path) -> Source:
    if path.is_file() and path.name.endswith(SUFFIXES):
        return TarballSource(path)
    raise UsageError(
        f"{path} is neither a folder nor a tarball by its name.",
        "Nothing was changed.",
        f"A tarball ends in one of {', '.join(SUFFIXES)}; or give a folder or a git revision.",
    )

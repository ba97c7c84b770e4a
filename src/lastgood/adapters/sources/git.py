"""A git revision as a source of releases. Submodules and LFS contents are not part of `git archive`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.process import run
from lastgood.adapters.sources.selection import require_content
from lastgood.adapters.sources.tarball import unpack
from lastgood.domain.errors import ActionFailed, ToolMissing, UsageError

QUESTION_LIMIT = timedelta(seconds=20)
ARCHIVE_LIMIT = timedelta(minutes=10)


class GitSource:
    """The tree of `path` (a repository, or a folder in one) at a revision. The label is the revision's tag
    where it has one, its short hash otherwise. Raises UsageError for what git does not know."""

    def __init__(self, path: Path, revision: str) -> None:
        commit = resolve(path, revision)
        if commit is None:
            raise UsageError(
                f"git knows no revision {revision!r} in {path}.",
                "Nothing was changed.",
                f"`git -C {path} log --oneline` and `git -C {path} tag` list what there is; "
                "fetch it first if it is new.",
            )
        self._path = path
        self._commit = commit
        self.label = _answer(path, describe_command("--exact-match", commit)) or commit[:12]

    def fetch(self, folder: Path, exclude: Sequence[str]) -> None:
        packed = folder.with_name(f"{folder.name}.tar")
        try:
            done = run(archive_command(self._path, self._commit, packed), limit=ARCHIVE_LIMIT)
            if done.exit_code != 0:
                raise ActionFailed(
                    f"git could not pack {self.label} of {self._path} ({done.error_text}).",
                    "Nothing was released.",
                    f"Try `git -C {self._path} archive --format=tar {self.label}` and mend what it says.",
                )
            unpack(packed, folder, exclude, strip=False)
        finally:
            packed.unlink(missing_ok=True)
        require_content(folder, f"{self.label} of {self._path}")


def resolve(path: Path, revision: str) -> str | None:
    """The commit that a revision names; None when there is no such revision, no repository or no git."""
    if not revision or revision.startswith("-"):
        return None
    try:
        return _answer(path, ("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")) or None
    except ToolMissing:
        return None


def describe_checkout(path: Path) -> str:
    """git's description of the checkout whose top is `path`; empty when it is none, or has no commit."""
    if not (path / ".git").exists():
        return ""
    try:
        return _answer(path, describe_command("--dirty"))
    except ToolMissing:
        return ""


def describe_command(*more: str) -> tuple[str, ...]:
    return ("describe", "--tags", "--always", *more)


def archive_command(path: Path, commit: str, into: Path) -> tuple[str, ...]:
    return ("git", "-C", str(path), "archive", "--format=tar", f"--output={into}", commit)


def _answer(path: Path, question: tuple[str, ...]) -> str:
    done = run(("git", "-C", str(path), *question), limit=QUESTION_LIMIT)
    return done.text.strip() if done.exit_code == 0 else ""

"""A tarball as a source of releases: .tar, .tar.gz, .tar.bz2, .tar.xz (.tar.zst from Python 3.14 on)."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from lastgood.adapters.sources.selection import excluded, not_read, require_content
from lastgood.domain.errors import ActionFailed

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


class TarballSource:
    """A single folder that holds everything is stripped, as archives of a version usually have one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.label = label_of(path.name)

    def fetch(self, folder: Path, exclude: Sequence[str]) -> None:
        unpack(self._path, folder, exclude, strip=True)
        require_content(folder, f"The tarball {self._path}")


def label_of(name: str) -> str:
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix) and name != suffix:
            return name[: -len(suffix)]
    return name


def unpack(file: Path, folder: Path, exclude: Sequence[str], *, strip: bool) -> None:
    """Lay the archive's files into the folder; nothing is ever written outside it. Raises ActionFailed."""
    try:
        with tarfile.open(file) as archive:
            members = archive.getmembers()
            top = _single_top_folder(members) if strip else ""
            for member in members:
                chosen = _below(member, top)
                if chosen is not None and not excluded(_path(chosen), exclude):
                    archive.extract(chosen, folder, filter="data")
    except tarfile.FilterError as error:
        raise ActionFailed(
            f"The tarball {file} holds what must not be unpacked ({error}).",
            "It reaches outside its own folder or holds a device; nothing of it was released.",
            "Do not trust this file; get the release from where it was built.",
        ) from error
    except tarfile.ReadError as error:
        raise _not_a_tarball(file, error) from error
    except (tarfile.TarError, OSError, EOFError, KeyError, zlib.error, lzma.LZMAError) as error:
        raise not_read(f"The tarball {file}", error) from error


def _single_top_folder(members: Sequence[tarfile.TarInfo]) -> str:
    paths = [path for path in map(_path, members) if path]
    tops = {path.split("/", 1)[0] for path in paths}
    if len(tops) != 1:
        return ""
    (top,) = tops
    is_a_folder = all(member.isdir() for member in members if _path(member) == top)
    return top if is_a_folder and top != ".." else ""


def _below(member: tarfile.TarInfo, top: str) -> tarfile.TarInfo | None:
    """The member as seen from the top folder; None for that folder itself."""
    path = _path(member)
    if path in ("", top):
        return None
    if not top:
        return member
    target = member.linkname
    if member.islnk():  # a hard link names a member of the archive, a symbolic one is relative to itself
        target = target.removeprefix("./").removeprefix(f"{top}/")
    return member.replace(name=path.removeprefix(f"{top}/"), linkname=target, deep=False)


def _path(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./").strip("/") if member.name != "." else ""


def _not_a_tarball(file: Path, error: Exception) -> ActionFailed:
    if file.name.endswith(".zst"):
        return ActionFailed(
            f"{file} is compressed with zstd, which this Python cannot read.",
            "Nothing was released.",
            "Pack it as .tar.gz or .tar.xz, or run lastgood with Python 3.14.",
        )
    return ActionFailed(
        f"{file} is no whole tarball ({error}).",
        "Nothing was released; what was there before is untouched.",
        f"Give a folder, a git revision, or an archive that ends in {', '.join(SUFFIXES[:3])} or .tar.xz.",
    )

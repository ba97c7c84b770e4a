"""The shelf: trees that are whole, listed, read-only and proven."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.small_disk import small_disk

from lastgood.domain.errors import ActionFailed, ArtifactChanged, DiskFull, Refused
from lastgood.records.shelf import FolderShelf

KEEPER = """
import os, sys
from pathlib import Path
from lastgood.records.shelf import FolderShelf
calls = 0
def count_down(frame, event, argument):
    global calls
    calls += event in ("c_call", "call")
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), 9)
sys.setprofile(count_down)
FolderShelf(Path(sys.argv[1])).keep(Path(sys.argv[2]))
"""


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "shelf")


@pytest.fixture
def stage(tmp_path: Path) -> Callable[[], Path]:
    def staged() -> Path:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        (folder / "bin").mkdir()
        (folder / "bin" / "serve").write_text("#!/bin/sh\n")
        (folder / "bin" / "serve").chmod(0o4755)
        (folder / "data.txt").write_text("data")
        (folder / "current").symlink_to("bin/serve")
        os.close(os.open(os.fsencode(folder) + b"/caf\xe9", os.O_CREAT | os.O_WRONLY))
        return folder

    return staged


def writable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755)


def test_a_kept_tree_is_whole_read_only_and_without_special_rights(
    shelf: FolderShelf, stage: Callable[[], Path]
) -> None:
    folder = stage()
    digest, size_bytes = shelf.keep(folder)
    tree = shelf.tree(digest)
    assert tree is not None and not folder.exists()
    assert size_bytes == len("#!/bin/sh\ndata")
    assert (tree / "data.txt").read_text() == "data"
    assert (tree / "current").is_symlink()
    assert stat.S_IMODE((tree / "bin" / "serve").stat().st_mode) == 0o555
    for path in [tree, *tree.rglob("*")]:
        assert path.is_symlink() or not path.stat().st_mode & 0o222
    assert shelf.prove(digest) == tree


def test_the_same_content_has_the_same_digest_and_is_kept_once(
    shelf: FolderShelf, stage: Callable[[], Path], tmp_path: Path
) -> None:
    first, second = stage(), stage()
    assert shelf.keep(first) == shelf.keep(second)
    assert not second.exists()
    assert len(list((tmp_path / "shelf").iterdir())) == 1


def test_other_content_names_and_rights_to_run_have_other_digests(
    shelf: FolderShelf, stage: Callable[[], Path]
) -> None:
    changed, renamed, unrunnable = stage(), stage(), stage()
    (changed / "data.txt").write_text("Data")
    (renamed / "data.txt").rename(renamed / "other.txt")
    (unrunnable / "bin" / "serve").chmod(0o644)
    assert len({shelf.keep(folder)[0] for folder in (stage(), changed, renamed, unrunnable)}) == 4


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (lambda tree: (tree / "data.txt").write_text("Data"), "changed file, data.txt"),
        (lambda tree: (tree / "data.txt").unlink(), "lost its file data.txt"),
        (lambda tree: (tree / "bin" / "extra").touch(), "not recorded, bin/extra"),
        (lambda tree: (tree / "bin" / "serve").chmod(0o444), "right to run was changed, bin/serve"),
        (lambda tree: (tree.parent / "files.json").write_text("[]"), "list of files that was changed"),
        (lambda tree: (tree.parent / "files.json").unlink(), "lost the list"),
    ],
)
def test_prove_names_what_differs(
    shelf: FolderShelf, stage: Callable[[], Path], tamper: Callable[[Path], object], named: str
) -> None:
    digest, _ = shelf.keep(stage())
    tree = shelf.prove(digest)
    writable(tree)
    (tree / "bin" / "serve").chmod(0o555)
    tamper(tree)
    with pytest.raises(ArtifactChanged) as caught:
        shelf.prove(digest)
    assert named in caught.value.happened
    assert caught.value.mend


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "bin/../../outside"])
def test_a_link_out_of_the_tree_is_refused_and_the_staged_folder_stays(
    shelf: FolderShelf, stage: Callable[[], Path], target: str
) -> None:
    folder = stage()
    (folder / "bin" / "link").symlink_to(target if target.startswith("/") else f"../{target}")
    with pytest.raises(Refused, match="bin/link") as caught:
        shelf.keep(folder)
    assert "exclude" in caught.value.mend
    assert (folder / "data.txt").exists()


def test_a_link_that_leaves_through_another_link_is_refused(
    shelf: FolderShelf, stage: Callable[[], Path]
) -> None:
    folder = stage()
    (folder / "bin" / "up").symlink_to("..")
    (folder / "sly").symlink_to("bin/up/..")
    with pytest.raises(Refused, match="sly"):
        shelf.keep(folder)


def test_sockets_and_pipes_are_refused(shelf: FolderShelf, stage: Callable[[], Path]) -> None:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short}/socket")
        with pytest.raises(Refused, match="socket"):
            shelf.keep(Path(short))
    folder = stage()
    os.mkfifo(folder / "pipe")
    with pytest.raises(Refused, match="pipe"):
        shelf.keep(folder)


def test_discard_removes_all_and_unknown_digests_are_no_error(
    shelf: FolderShelf, stage: Callable[[], Path], tmp_path: Path
) -> None:
    digest, _ = shelf.keep(stage())
    shelf.discard(digest)
    shelf.discard(digest)
    assert shelf.tree(digest) is None
    assert list((tmp_path / "shelf").iterdir()) == []
    with pytest.raises(ArtifactChanged, match="not on the shelf"):
        shelf.prove(digest)


def test_after_kill_9_anywhere_in_keep_a_tree_that_is_there_is_whole(
    shelf: FolderShelf, stage: Callable[[], Path], tmp_path: Path
) -> None:
    """Given a kill at many instants of keep; then the staged folder or the proven tree is there."""
    expected, _ = FolderShelf(tmp_path / "reference").keep(stage())
    killed = 0
    for calls in range(250, 2000, 250):
        folder = stage()
        command = [sys.executable, "-c", KEEPER, str(tmp_path / "shelf"), str(folder), str(calls)]
        killed += subprocess.run(command, timeout=30, capture_output=True).returncode == -9
        if folder.exists():
            assert shelf.keep(folder)[0] == expected
        shelf.prove(expected)
        shelf.discard(expected)
    assert killed >= 2


def test_a_full_disk_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        folder = tmp_path / "staged"
        folder.mkdir()
        (folder / "large").write_bytes(os.urandom(3_000_000))
        shelf = FolderShelf(disk / "shelf")
        with pytest.raises(DiskFull):
            shelf.keep(folder)
        kept = next(path for path in (disk / "shelf").iterdir())
        assert shelf.tree(kept.name) is None
        assert [path.name for path in kept.iterdir()] == ["files.json"]
        assert (folder / "large").stat().st_size == 3_000_000


def test_a_folder_on_another_disk_is_kept_too(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        (disk / "staged" / "deep").mkdir(parents=True)
        (disk / "staged" / "deep" / "file").write_text("text")
        shelf = FolderShelf(tmp_path / "shelf")
        digest, _ = shelf.keep(disk / "staged")
        assert (shelf.prove(digest) / "deep" / "file").read_text() == "text"
        assert not (disk / "staged").exists()


def test_a_staged_folder_that_is_not_there_is_an_error(shelf: FolderShelf, tmp_path: Path) -> None:
    with pytest.raises(ActionFailed, match="no folder"):
        shelf.keep(tmp_path / "nothing")

"""Store files: the conformance suite, and what is particular to folders."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.small_disk import small_disk
from tests.support.store_conformance import NEW, OLD, Ground, StoreConformance

from lastgood.adapters.stores.files import FilesOptions, FilesStore, relocate, values
from lastgood.domain.errors import StoreFailed


class FilesGround(Ground):
    def __init__(self, folder: Path, exclude: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self.store = FilesStore("uploads", FilesOptions(kind="files", path=folder, exclude=exclude))

    def write(self, content: Mapping[str, str]) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)
        for name, text in content.items():
            file = self.folder / f"in-{name[0]}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def read(self) -> dict[str, str]:
        return {
            file.name: file.read_text()
            for file in self.folder.rglob("*")
            if file.is_file() and not file.relative_to(self.folder).parts[0].startswith(".")
        }

    def another(self, folder: Path) -> Ground:
        return FilesGround(folder)


@pytest.fixture
def ground(tmp_path: Path) -> FilesGround:
    return FilesGround(tmp_path / "live")


class TestFiles(StoreConformance):
    @pytest.fixture
    def ground(self, tmp_path: Path) -> FilesGround:
        return FilesGround(tmp_path / "live")


def test_what_is_excluded_is_not_backed_up(tmp_path: Path) -> None:
    """A vault would read the whole live folder: with something excluded a copy is asked for, without it."""
    plain, with_cache = FilesGround(tmp_path / "plain"), FilesGround(tmp_path / "live", ("cache",))
    assert not plain.store.capabilities.copies_aside
    assert with_cache.store.capabilities.copies_aside
    with_cache.write(OLD)
    (with_cache.folder / "cache").mkdir()
    (with_cache.folder / "cache" / "big").write_text("no data")
    with_cache.store.copy_to(tmp_path / "copy")
    assert not (tmp_path / "copy" / "cache").exists()


def test_everything_about_a_file_is_copied(ground: FilesGround, tmp_path: Path) -> None:
    """Modes, times, links, empty folders and odd names come back; a socket is left out."""
    ground.write(OLD)
    odd = ground.folder / "-odd\nname ü"
    odd.write_text("x")
    odd.chmod(0o640)
    os.utime(odd, ns=(1, 1_600_000_000_123_456_789))
    (ground.folder / os.fsdecode(b"no-text-\xff")).write_text("y")
    (ground.folder / "empty").mkdir(mode=0o750)
    (ground.folder / "link").symlink_to("-odd\nname ü")
    (ground.folder / "dangling").symlink_to("/nowhere")
    os.mkfifo(ground.folder / "pipe")
    marker = ground.store.copy_to(tmp_path / "copy")
    copy = tmp_path / "copy" / "-odd\nname ü"
    assert (copy.stat().st_mode & 0o777, copy.stat().st_mtime_ns) == (0o640, 1_600_000_000_123_456_789)
    assert (tmp_path / "copy" / "empty").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "copy" / "link").readlink() == Path("-odd\nname ü")
    assert not (tmp_path / "copy" / "pipe").exists()
    assert marker.figures["files"] == 7
    assert ground.store.check(ground.folder).fingerprint == marker.fingerprint


def test_excluded_paths_stay_where_they_are(tmp_path: Path) -> None:
    """What is excluded is neither copied nor counted, and survives a switch in the live folder."""
    ground = FilesGround(tmp_path / "live", ("*.log", "in-t/cache"))
    ground.write(NEW)
    ground.store.copy_to(tmp_path / "new")
    ground.write(OLD | {"app.log": "lines"})
    (ground.folder / "in-t" / "cache").mkdir()
    (ground.folder / "in-t" / "cache" / "warm").write_text("w")
    assert ground.store.check(ground.folder).figures["files"] == 3
    ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
    assert ground.read() == NEW | {"app.log": "lines", "warm": "w"}
    assert (ground.folder / "in-a" / "app.log").is_file()
    assert {file.name for file in (tmp_path / "kept").rglob("*") if file.is_file()} == set(OLD)


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    """When the store's path is a link, its target is switched."""
    FilesGround(tmp_path / "disk" / "real").write(OLD)
    (tmp_path / "link").symlink_to("disk/real")
    ground = FilesGround(tmp_path / "link")
    FilesGround(tmp_path / "new").write(NEW)
    ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
    assert (tmp_path / "link").is_symlink()
    assert FilesGround(tmp_path / "disk" / "real").read() == NEW


def test_a_mounted_folder_has_its_content_switched(tmp_path: Path) -> None:
    """A mount point cannot be renamed: its children are switched, kept, and excluded ones stay."""
    with small_disk(tmp_path / "mounted", 4) as mounted:
        ground = FilesGround(mounted, ("stays",))
        (mounted / "old").write_text("o")
        (mounted / "stays").write_text("s")
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "fresh").write_text("f")
        for _ in range(2):
            ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
            assert {child.name for child in mounted.iterdir()} == {"fresh", "stays"}
            assert [child.name for child in (tmp_path / "kept").iterdir()] == ["old"]


def test_a_reader_always_finds_a_folder(ground: FilesGround, tmp_path: Path) -> None:
    """While folders are switched, a reader that opens by path finds the old or the new file every time."""
    FilesGround(tmp_path / "new").write({"same": "new"})
    ground.write({"same": "old"})
    stop = threading.Event()
    seen: list[str] = []

    def look() -> None:
        while not stop.is_set():
            try:
                seen.append((ground.folder / "in-s" / "same").read_text())
            except OSError as error:
                seen.append(str(error))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(20):
            ground.store.switch_in(tmp_path / "new", tmp_path / f"kept-{number}")
    finally:
        stop.set()
        reader.join()
    assert set(seen) <= {"old", "new"}


def test_a_copy_beside_a_writer_has_whole_files(ground: FilesGround, tmp_path: Path) -> None:
    """Files that are replaced, added and removed meanwhile are copied whole or left out."""
    ground.write({str(number): "a" * 100_000 for number in range(20)})
    stop = threading.Event()

    def rewrite() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            folder = ground.folder / "in-1"
            (folder / "incoming").write_text("b" * 100_000)
            (folder / "incoming").replace(folder / f"1{turn % 10}")
            (folder / f"1{(turn + 5) % 10}").unlink(missing_ok=True)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        ground.store.copy_to(tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    for file in (tmp_path / "copy").rglob("*"):
        if file.is_file() and file.name != "incoming":
            assert file.read_text() in ("a" * 100_000, "b" * 100_000)


def test_questions_are_refused(ground: FilesGround) -> None:
    """A folder answers no query, and says so."""
    with pytest.raises(StoreFailed, match="answers no queries"):
        ground.store.ask("SELECT 1")


def test_a_store_moves_with_its_values(tmp_path: Path) -> None:
    """Relocated options live under the other folder, and documents see the new path."""
    options = FilesOptions.model_validate({"kind": "files", "path": "uploads"}, context={"folder": tmp_path})
    assert values(options) == {"path": str(tmp_path / "uploads")}
    assert values(relocate(options, tmp_path / "drill", "up")) == {"path": str(tmp_path / "drill" / "up")}

"""Shortcuts make looking quick and are never believed in doubt: documents and ledger stay the truth."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import lastgood
from lastgood.adapters.clock import SystemClock
from lastgood.adapters.examples import shop_folder
from lastgood.domain.errors import DocumentsInvalid
from lastgood.domain.event import ReleasePinned, ReleaseRecorded
from lastgood.domain.release import Launch, Release
from lastgood.domain.system import System
from lastgood.records import history, loaded
from lastgood.records.history import LedgerRecords
from lastgood.records.ledger import SqliteLedger
from lastgood.wiring.documents import known_system, load_system
from lastgood.wiring.workplace import open_workplace

Damage = Callable[[Path], object]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """The shop's documents, loaded once: the shortcut is there."""
    folder = tmp_path / "lastgood"
    shutil.copytree(shop_folder() / "lastgood", folder, ignore=shutil.ignore_patterns(".state"))
    open_workplace(known_system(folder))
    known_system(folder)
    assert shortcut(folder).is_file()
    return folder


def shortcut(folder: Path) -> Path:
    return folder / ".state" / loaded.FILE


def recalled(folder: Path, program: str = "") -> System | None:
    package = Path(lastgood.__file__).parent
    origin = loaded.origin_of(folder, program or loaded.program_mark(package, lastgood.__version__))
    assert origin is not None
    return loaded.recall(origin)


def edit(folder: Path, old: str, new: str, file: str = "system.yml") -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_recalled_system_is_the_loaded_one(documents: Path) -> None:
    assert recalled(documents) == load_system(documents) == known_system(documents)


def test_an_edited_document_is_seen_at_once(documents: Path) -> None:
    """Also when its size and its time stay what they were."""
    file = documents / "system.yml"
    before = file.stat()
    edit(documents, "127.0.0.1:8080", "127.0.0.1:8081")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    traffic = known_system(documents).service("shop").traffic
    assert traffic is not None
    assert traffic.port == 8081


def test_a_document_that_came_or_went_is_seen_at_once(documents: Path) -> None:
    (documents / "rollback-detection.yml").unlink()
    assert known_system(documents).detection.slow_after is None
    shutil.copy(documents / "system.yml", documents / "sytem.yml")
    with pytest.raises(DocumentsInvalid, match="sytem"):
        known_system(documents)


def test_an_edit_that_is_wrong_is_a_finding_and_not_the_system_of_before(documents: Path) -> None:
    edit(documents, "kind: sqlite", "kind: sqlight")
    with pytest.raises(DocumentsInvalid):
        known_system(documents)


def test_a_link_that_leads_elsewhere_now_is_followed_anew(documents: Path) -> None:
    for name in ("one", "two"):
        (documents.parent / name).mkdir()
    link = documents.parent / "run" / "data"
    link.parent.mkdir()
    link.symlink_to(documents.parent / "one")
    assert "/one/" in str(known_system(documents).store("orders").part.options["path"])
    link.unlink()
    link.symlink_to(documents.parent / "two")
    assert "/two/" in str(known_system(documents).store("orders").part.options["path"])


def test_a_shortcut_of_another_lastgood_is_ignored(documents: Path) -> None:
    assert recalled(documents) is not None
    assert recalled(documents, "another version") is None


def test_a_folder_that_was_moved_or_copied_is_loaded_anew(documents: Path) -> None:
    copy = documents.parent / "copy" / "lastgood"
    shutil.copytree(documents, copy)
    assert recalled(copy) is None
    assert known_system(copy).folder == copy


DAMAGES: dict[str, Damage] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "one letter of it": lambda file: file.write_bytes(file.read_bytes().replace(b"8080", b"8081")),
    "no JSON": lambda file: file.write_bytes(b"not\njson"),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a link": lambda file: (file.rename(file.with_name("real")), file.symlink_to(file.with_name("real"))),
    "writable by all": lambda file: file.chmod(0o666),
    "in a folder that is writable by all": lambda file: file.parent.chmod(0o777),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_doubtful_shortcut_is_ignored(documents: Path, damage: str) -> None:
    DAMAGES[damage](shortcut(documents))
    assert recalled(documents) is None
    assert known_system(documents) == load_system(documents)


def test_a_shortcut_of_another_user_is_ignored(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recalled(documents) is not None
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert recalled(documents) is None


def test_a_state_folder_elsewhere_has_its_shortcut(documents: Path) -> None:
    elsewhere = documents.parent / "state of the shop"
    edit(documents, "kind: system\n", f'kind: system\nstate: "{elsewhere}"  # on the large disk\n')
    open_workplace(known_system(documents))
    known_system(documents)
    assert (elsewhere / loaded.FILE).is_file()
    assert recalled(documents) == load_system(documents)


def test_a_snapshot_of_the_history_is_only_a_shortcut(tmp_path: Path) -> None:
    """The same history with it, without it, of another program, and over a ledger that was exchanged."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    clock = SystemClock()
    release = Release("shop-1", "shop", "v1", "a", "b", 1, Launch(("true",)), "..", clock.now())
    ledger = SqliteLedger(state / "ledger.db", clock)
    first = LedgerRecords(ledger, state / "history.json", "this")
    first.record(ReleaseRecorded(release), "r")
    for number in range(history.SNAPSHOT_EVERY):
        first.record(ReleasePinned("shop-1", number % 2 == 1), f"pin/{number}")
    whole = first.history()
    assert (state / "history.json").is_file()
    first.record(ReleasePinned("shop-1", False), "let go")
    pinned = {"shop-1": replace(release, pinned=True)}
    assert whole.releases == pinned
    for program in ("this", "another"):
        found = LedgerRecords(ledger, state / "history.json", program).history()
        assert found == first.history() == LedgerRecords(ledger).history()
        assert not found.releases["shop-1"].pinned
    (state / "ledger.db").unlink()
    first.record(ReleaseRecorded(replace(release, label="of the other ledger")), "r")
    for records in (first, LedgerRecords(ledger, state / "history.json", "this")):
        assert records.history().releases["shop-1"].label == "of the other ledger"

"""What every store promises (ports/store.py). A test file subclasses StoreConformance and gives `ground`."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.killing import NOBODY, exit_code, home_of_nobody, in_child, kill_after
from tests.support.small_disk import small_disk

from lastgood.domain.errors import DiskFull, StoreFailed
from lastgood.ports.store import Store

OLD = {"one": "1", "two": "2", "three": "3"}
NEW = {"one": "1", "two": "22", "four": "4", "five": "5"}
_KILLS = 25


class Ground(ABC):
    """A store whose live data stands under `folder`, as a mapping of keys to texts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    store: Store

    @abstractmethod
    def write(self, content: Mapping[str, str]) -> None:
        """Make the live data exactly this."""

    @abstractmethod
    def read(self) -> dict[str, str]:
        """The live data, as a service sees it; proves that it is whole."""

    @abstractmethod
    def another(self, folder: Path) -> Ground:
        """The same store elsewhere, empty."""


class StoreConformance:
    @pytest.fixture
    def ground(self, tmp_path: Path) -> Iterator[Ground]:
        raise NotImplementedError

    def test_a_copy_holds_what_was_live(self, ground: Ground, tmp_path: Path) -> None:
        """A copy, switched in elsewhere, gives the same content; its marker is the same on every look."""
        ground.write(OLD)
        copied = ground.store.copy_to(tmp_path / "copy")
        checked = ground.store.check(tmp_path / "copy")
        assert (copied.figures, copied.fingerprint) == (checked.figures, checked.fingerprint)
        other = ground.another(tmp_path / "other")
        assert not other.store.present()
        other.store.switch_in(tmp_path / "copy", tmp_path / "kept")
        assert other.read() == OLD
        assert list((tmp_path / "kept").iterdir()) == []
        assert other.store.copy_to(tmp_path / "again").fingerprint == copied.fingerprint

    def test_a_new_copy_replaces_an_older_one(self, ground: Ground, tmp_path: Path) -> None:
        """copy_to into the folder of an older copy leaves the new copy alone there."""
        ground.write(OLD)
        ground.store.copy_to(tmp_path / "copy")
        ground.write(NEW)
        marker = ground.store.copy_to(tmp_path / "copy")
        other = ground.another(tmp_path / "other")
        other.store.switch_in(tmp_path / "copy", tmp_path / "kept")
        assert other.read() == NEW
        assert marker.figures == ground.store.check(tmp_path / "copy").figures

    def test_what_is_missing_is_said(self, ground: Ground, tmp_path: Path) -> None:
        """Without live data there is no copy, and without a copy no check, switch or stake: StoreFailed."""
        assert not ground.store.present()
        for attempt in (
            lambda: ground.store.copy_to(tmp_path / "copy"),
            lambda: ground.store.check(tmp_path / "none"),
            lambda: ground.store.switch_in(tmp_path / "none", tmp_path / "kept"),
            lambda: ground.store.stake(tmp_path / "none"),
        ):
            with pytest.raises(StoreFailed) as failure:
                attempt()
            assert failure.value.means and failure.value.mend

    def test_what_is_replaced_is_kept_whole(self, ground: Ground, tmp_path: Path) -> None:
        """A switch keeps the old data in the form of a copy, leaves the new copy as it was, and can itself
        be undone; done again, it keeps what it kept."""
        self._old_live_new_copied(ground, tmp_path)
        ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
        assert ground.read() == NEW
        ground.store.check(tmp_path / "new")
        ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
        assert ground.read() == NEW
        ground.store.check(tmp_path / "kept")
        ground.store.switch_in(tmp_path / "kept", tmp_path / "undone")
        assert ground.read() == OLD
        ground.store.check(tmp_path / "kept")
        ground.store.check(tmp_path / "undone")

    def test_a_switch_where_nothing_was_live_can_be_undone(self, ground: Ground, tmp_path: Path) -> None:
        """`kept_whole` tells "nothing was live" from "not kept yet"; undone, nothing new is left."""
        ground.write(NEW)
        ground.store.copy_to(tmp_path / "new")
        other = ground.another(tmp_path / "other")
        assert not other.store.kept_whole(tmp_path / "kept")
        other.store.switch_in(tmp_path / "new", tmp_path / "kept")
        assert other.store.kept_whole(tmp_path / "kept")
        for _ in range(2):  # again: as after a kill
            other.store.switch_in(tmp_path / "kept", tmp_path / "undone")
        assert other.store.stake(tmp_path / "new").added == {}
        ground.store.switch_in(tmp_path / "undone", tmp_path / "kept-of-ground")
        assert ground.read() == NEW

    def test_a_foreign_folder_is_not_overwritten(self, ground: Ground, tmp_path: Path) -> None:
        """A keep_as that holds something else is refused before anything is changed."""
        self._old_live_new_copied(ground, tmp_path)
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "mine").write_text("precious")
        with pytest.raises(StoreFailed):
            ground.store.switch_in(tmp_path / "new", tmp_path / "kept")
        assert ground.read() == OLD
        assert (tmp_path / "kept" / "mine").read_text() == "precious"

    def test_a_switch_survives_kills(self, ground: Ground, tmp_path: Path) -> None:
        """Killed at any instant, the live data is the old or the new, whole, and the same call again
        finishes it with the old data kept."""
        self._old_live_new_copied(ground, tmp_path)
        started = time.monotonic()
        ground.store.switch_in(tmp_path / "new", tmp_path / "kept-first")
        span = time.monotonic() - started
        chance = random.Random(7)
        cut = 0
        for number in range(_KILLS):
            ground.write(OLD)
            kept = tmp_path / f"kept-{number}"
            child = in_child(lambda kept=kept: ground.store.switch_in(tmp_path / "new", kept))
            cut += kill_after(child, chance.uniform(0, span * 1.2))
            assert ground.read() in (OLD, NEW)
            ground.store.switch_in(tmp_path / "new", kept)
            assert ground.read() == NEW
            other = ground.another(tmp_path / f"other-{number}")
            other.store.switch_in(kept, tmp_path / f"nothing-{number}")
            assert other.read() == OLD
        assert cut > 0

    def test_the_stake_counts_what_a_rewind_takes_back(self, ground: Ground, tmp_path: Path) -> None:
        """New, changed and removed entries are counted exactly; none right after the copy."""
        ground.write(OLD)
        ground.store.copy_to(tmp_path / "copy")
        assert ground.store.stake(tmp_path / "copy").total == 0
        ground.write(NEW)
        stake = ground.store.stake(tmp_path / "copy")
        assert (sum(stake.added.values()), sum(stake.changed_or_removed.values())) == (2, 2)
        assert stake.exact

    def test_a_full_disk_harms_no_copy(self, ground: Ground, tmp_path: Path) -> None:
        """No room for a new copy: DiskFull, and the older copy is still whole."""
        with small_disk(tmp_path / "small", 2) as small:
            ground.write(OLD)
            before = ground.store.copy_to(small / "copy")
            ground.write({"big": random.Random(1).randbytes(2_000_000).hex()})
            with pytest.raises(DiskFull):
                ground.store.copy_to(small / "copy")
            assert ground.store.check(small / "copy").fingerprint == before.fingerprint

    def test_a_full_disk_harms_no_live_data(self, ground: Ground, tmp_path: Path) -> None:
        """No room for the new data: DiskFull, the old data is live and whole, and with room it goes on."""
        ground.write({"big": random.Random(1).randbytes(2_000_000).hex()})
        ground.store.copy_to(tmp_path / "new")
        with small_disk(tmp_path / "small", 2) as small:
            other = ground.another(small / "live")
            other.write(OLD)
            with pytest.raises(DiskFull):
                other.store.switch_in(tmp_path / "new", tmp_path / "kept")
            assert other.read() == OLD
            smaller = ground.another(tmp_path / "fresh")
            smaller.write(NEW)
            smaller.store.copy_to(tmp_path / "smaller")
            other.store.switch_in(tmp_path / "smaller", tmp_path / "kept")
            assert other.read() == NEW

    def test_an_ordinary_user_suffices(self, ground: Ground) -> None:
        """Copy, check and switch need no rights beyond those of the data's owner."""
        with home_of_nobody() as home:

            def work() -> None:
                mine = ground.another(home / "live")
                mine.write(OLD)
                mine.store.copy_to(home / "old")
                mine.write(NEW)
                mine.store.switch_in(home / "old", home / "kept")
                assert mine.read() == OLD

            assert exit_code(in_child(work, NOBODY)) == 0

    @staticmethod
    def _old_live_new_copied(ground: Ground, tmp_path: Path) -> None:
        ground.write(NEW)
        ground.store.copy_to(tmp_path / "new")
        ground.write(OLD)

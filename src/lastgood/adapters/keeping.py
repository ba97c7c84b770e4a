"""The record beside a folder that keeps what a switch replaced: how far that switch has come.

It stands beside the folder, not in it, so that the folder has the form of a copy. Without it an empty
folder would not tell "nothing was live" from "not kept yet"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lastgood.adapters.disk import write_durably
from lastgood.domain.errors import StoreFailed


class Keeping:
    """`keep_as` is whole exactly when `whole` is true; everything else is work that can be repeated."""

    def __init__(self, keep_as: Path) -> None:
        self.folder = keep_as
        self.record = keep_as.with_name(f"{keep_as.name}.kept")

    @property
    def whole(self) -> bool:
        return self.facts().get("whole") is True

    def facts(self) -> Mapping[str, object]:
        """What was noted last; empty before the first note."""
        try:
            found = json.loads(self.record.read_bytes())
        except FileNotFoundError:
            return {}
        return dict(found)

    def note(self, **facts: object) -> None:
        """Replace what is noted, durably."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self.record, json.dumps(facts, sort_keys=True).encode())

    def begin(self) -> None:
        """Note that work begins here; refuse a folder with content that no switch of ours put there."""
        if self.facts():
            return
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise StoreFailed(
                f"{self.folder}, where the replaced data should be kept, holds something already.",
                "Nothing was changed.",
                "Name a new folder, or move its content away.",
            )
        self.note(whole=False)

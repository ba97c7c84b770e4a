"""Reserve: room held back on the disk, for going back when it is full."""

from __future__ import annotations

from typing import Protocol


class Reserve(Protocol):
    def keep(self) -> None:
        """Hold the room back, where it is not held already. Raises DiskFull."""

    def give(self) -> bool:
        """Free the room; False when there was none."""

"""Stores: what holds data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lastgood.domain.point import Marker, Stake


@dataclass(frozen=True, slots=True)
class StoreCapabilities:
    queries: bool  # answers SQL: invariants can be asked
    switches_under_running_services: bool  # False: its services are stopped before switch_in
    copies_aside: bool  # True: backup needs a copy in a folder first; False: backup reads `live_folder`


class Store(Protocol):
    capabilities: StoreCapabilities

    def present(self) -> bool:
        """Whether there is live data at all."""

    def copy_to(self, folder: Path) -> Marker:
        """A consistent copy of the live data into the new folder, beside running writers. Raises StoreFailed,
        DiskFull; what stood in `folder` before is replaced only when the copy is whole."""

    def check(self, folder: Path) -> Marker:
        """Prove that a copy in `folder` is whole (integrity check; counts). Raises StoreFailed."""

    def switch_in(self, folder: Path, keep_as: Path) -> None:
        """Make the copy in `folder` the live data; what was live is kept whole in `keep_as` first (a folder
        in the form of copy_to; left empty when nothing was live). After a kill at any instant the live data
        is either the old or the new, whole, and calling again with the same arguments finishes the work
        without replacing what is already in a whole `keep_as`. Writers must be held."""

    def kept_whole(self, keep_as: Path) -> bool:
        """Whether a switch_in with this `keep_as`, ended or killed, has kept there whole what was live: only
        then may the live data be another, and `keep_as` be switched in again to undo it."""

    def stake(self, since: Path) -> Stake:
        """What is in the live data and not in the copy in `since`: what a rewind to it would take back."""

    def ask(self, query: str) -> str:
        """The single value of a query, as text, read only. Raises StoreFailed when it cannot be asked."""

    def live_folder(self) -> Path:
        """The folder that a vault may read directly (only with copies_aside False)."""

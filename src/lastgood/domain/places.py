"""Where the vaults of a system are on this machine, when that is not where its documents say.

`places.json` in the state folder, written by `recover --from`. An entry holds only for as long as the
document says what it said then: who corrects the document is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lastgood.domain.system import Part, System

PLACES_FILE = "places.json"


@dataclass(frozen=True, slots=True)
class Move:
    """A vault that the documents have in one place, and that is in another."""

    documented: Part
    actual: Part


def with_moves(system: System, moves: Mapping[str, Move]) -> System:
    """The system with its vaults where they are; `moves` by vault."""

    def part(name: str, documented: Part) -> Part:
        move = moves.get(name)
        return move.actual if move is not None and move.documented == documented else documented

    return replace(
        system, vaults=tuple(replace(vault, part=part(vault.name, vault.part)) for vault in system.vaults)
    )

"""A vault that was moved is found where it is, until its document says something new."""

from __future__ import annotations

from pathlib import Path

from lastgood.domain.places import Move, with_moves
from lastgood.domain.system import Part, System, Vault


def system(location: str) -> System:
    part = Part("restic", {"kind": "restic", "location": location})
    return System("shop", Path("/d"), Path("/s"), (), (), (Vault("local", part, Path("/k")),))


def test_the_move_holds_for_what_the_document_said() -> None:
    actual = Part("restic", {"kind": "restic", "location": "/stick"})
    moves = {"local": Move(system("/old").vaults[0].part, actual)}
    assert with_moves(system("/old"), moves).vaults[0].part == actual
    assert with_moves(system("/new"), moves) == system("/new")

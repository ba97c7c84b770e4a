"""places.json: where the vaults are on this machine (domain/places.py)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lastgood.domain.codec import loads
from lastgood.domain.errors import ActionFailed
from lastgood.domain.places import PLACES_FILE, Move


def read_moves(state: Path) -> Mapping[str, Move]:
    """By vault; empty where nothing was moved. Raises ActionFailed when the file cannot be read."""
    file = state / PLACES_FILE
    try:
        return loads(dict[str, Move], file.read_text(encoding="ascii"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ActionFailed(
            f"{file} cannot be read ({error}).",
            "Where the vaults are on this machine is not known.",
            "See that this user may read it, or remove it and correct the vaults' locations in system.yml.",
        ) from error

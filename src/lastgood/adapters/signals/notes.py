"""Notes: what a signal must remember from one watch of an instance to the next, as small JSON files.

A deploy watches in several phases, and goes on after a restart: what was there before the release must not
be asked anew each time.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MOST_NOTES = 200


class Notes:
    """`folder` belongs to the notes alone; the oldest go when there are too many."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Any:
        """None where there is no note, or none that can be read."""
        try:
            return json.loads(self._file(name).read_bytes())
        except (OSError, ValueError):
            return None

    def write(self, name: str, content: object) -> None:
        """A full disk costs the note, not the watch."""
        file = self._file(name)
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not file.exists():
                self._make_room()
            aside.write_text(json.dumps(content))
            aside.replace(file)
        except OSError:
            aside.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _make_room(self) -> None:
        notes = sorted(self._folder.glob("*.json"), key=lambda note: note.stat().st_mtime)
        for note in notes[: max(0, len(notes) - MOST_NOTES + 1)]:
            note.unlink(missing_ok=True)

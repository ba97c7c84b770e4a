"""Place what a capsule holds: each file whole or not at all, in an order that a kill cannot confuse.

The note first (it says that what stands here is ours), then key, ledger and places; the documents last and
system.yml last of them: until it is there, the folder is no system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lastgood.application.ground import Ground
from lastgood.application.recovery_look import KEY_FILE, Contents
from lastgood.domain.codec import dumps, loads
from lastgood.domain.errors import Refused
from lastgood.domain.places import PLACES_FILE, Move
from lastgood.domain.system import System

NOTE_FILE = "recovery.json"


@dataclass(frozen=True, slots=True)
class RecoveryNote:
    """A recovery that was begun here: the run that it has or will have, and when the command was given."""

    run_id: str
    began_at: datetime
    vault: str
    location: str
    capsule: str


def read_note(state: Path) -> RecoveryNote | None:
    file = state / NOTE_FILE
    return loads(RecoveryNote, file.read_text(encoding="ascii")) if file.is_file() else None


def refuse_what_stands_here(ground: Ground, folder: Path, system: System, contents: Contents) -> None:
    """Raises Refused for other documents, another ledger, or a system that is in use."""
    other = [
        name
        for name in sorted({*contents.documents, *_documents_in(folder)})
        if (folder / name).exists() and (folder / name).read_bytes() != contents.documents.get(name)
    ]
    if other:
        raise Refused(
            f"{folder} holds other documents already: {', '.join(other)}.",
            "They were not overwritten; nothing was placed.",
            "Name an empty folder with `--system`, or move these away.",
        )
    ledger = system.state / "ledger.db"
    if not ledger.is_file() or not ground.open_records(ledger).tip().entries:
        return
    records = ground.open_records(ledger)
    if not records.holds(contents.capsule.ledger):
        raise Refused(
            f"{ledger} is another ledger ({records.tip().entries:,} entries).",
            "It was not overwritten; nothing was placed.",
            "Name an empty folder with `--system`, or move the old state folder away.",
        )
    if read_note(system.state) is None:
        raise Refused(
            f"The system {system.name} stands in {folder} already, with its ledger.",
            "A recovery rebuilds it from nothing; nothing was placed.",
            "Bring data back with `lastgood restore`, start it with `lastgood up`, or name an empty folder.",
        )


def _documents_in(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("*.yml")] if folder.is_dir() else []


def place(
    ground: Ground,
    folder: Path,
    system: System,
    vault: str,
    contents: Contents,
    staged: Path,
    note: RecoveryNote,
    move: Move | None,
) -> None:
    """Called again after a kill it finishes the work. Raises ActionFailed, DiskFull."""
    state = system.state
    ground.lay_file(state / NOTE_FILE, dumps(note).encode(), 0o600)
    ground.checkpoint("place:note")
    _lay_key(ground, system.vault(vault).key_file, (staged / KEY_FILE).read_bytes())
    ledger = state / "ledger.db"
    if not ledger.is_file() or not ground.open_records(ledger).tip().entries:
        ground.lay_file(ledger, contents.ledger.read_bytes(), 0o644)
    ground.checkpoint("place:ledger")
    if move is not None:
        moves: Mapping[str, Move] = {vault: move}
        ground.lay_file(state / PLACES_FILE, dumps(moves).encode(), 0o644)
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(contents.documents, key=lambda name: name == "system.yml"):
        if not (folder / name).exists():
            mode = 0o755 if name in contents.capsule.programs else 0o644
            ground.lay_file(folder / name, contents.documents[name], mode)
            ground.checkpoint(f"place:{name}")


def _lay_key(ground: Ground, file: Path, key: bytes) -> None:
    """A key that stands there and is another one was never used here (there is no ledger): it is kept."""
    if file.is_file() and file.read_bytes().strip() != key.strip():
        ground.lay_file(file.with_name(f"{file.name}.before-recovery"), file.read_bytes(), 0o600)
    ground.lay_file(file, key, 0o600)

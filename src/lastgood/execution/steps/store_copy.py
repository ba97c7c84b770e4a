"""store.copy: a consistent copy of a store, aside and checked."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

from lastgood.domain.errors import StoreFailed
from lastgood.domain.point import Marker
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.stake import copy_of_point


def already_done(job: Job) -> Said | None:
    if marker_of(_folder(job)) is not None:
        return Said(f"{job.text('store')} is copied already.")
    return None


def perform(job: Job) -> Said:
    """Arguments: store, point_id. The copy is checked here: a broken database is no backup."""
    name = job.text("store")
    store = job.workplace.store(name)
    if not store.present():
        raise StoreFailed(
            f"There is no data of store {name} to back up.",
            "No recovery point was made: it would restore nothing.",
            f"Correct its path in system.yml, or remove store {name} there.",
        )
    started = job.workplace.clock.monotonic()
    folder = _folder(job)
    shutil.rmtree(folder, ignore_errors=True)
    copied = store.copy_to(folder)
    job.midway()
    checked = store.check(folder)
    _note(folder, Marker(name, copied.at, checked.figures, checked.fingerprint))
    seconds = job.workplace.clock.monotonic() - started
    counted = sum(checked.figures.values())
    return Said(f"{name} copied aside and checked: {counted:,} counted.", {"seconds": seconds})


def marker_of(folder: Path) -> Marker | None:
    """The marker of a whole, checked copy; None when there is none."""
    file = folder.with_suffix(".marker")
    if not (file.exists() and folder.is_dir()):
        return None
    data = json.loads(file.read_text())
    return Marker(data["store"], datetime.fromisoformat(data["at"]), data["figures"], data["fingerprint"])


def _note(folder: Path, marker: Marker) -> None:
    aside = folder.with_suffix(".aside")
    data = {
        "store": marker.store,
        "at": marker.at.isoformat(),
        "figures": dict(marker.figures),
        "fingerprint": marker.fingerprint,
    }
    aside.write_text(json.dumps(data))
    aside.replace(folder.with_suffix(".marker"))


def _folder(job: Job) -> Path:
    return copy_of_point(job.folder, job.text("point_id"), job.text("store"))


HANDLER = Handler("store.copy", perform, already_done)

"""store.switch: make the checked copy the live data, and keep what was live."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lastgood.domain.event import DataReplaced
from lastgood.domain.point import Stake
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.steps.store_fetch import fetched_folder

_DONE = ".switched"


def already_done(job: Job) -> Said | None:
    if _kept(job).with_suffix(_DONE).exists():
        return Said(f"{job.text('store')} is switched already.")
    return None


def perform(job: Job) -> Said:
    """Arguments: store, point_id. Traffic is held and nothing writes. What was live stays in
    `state/replaced/RUN/STORE` until its retention ends."""
    workplace = job.workplace
    name = job.text("store")
    copy = fetched_folder(workplace.system.state, job.text("point_id"), name, job.run_id)
    lost = _count_once(job, copy)
    kept = _kept(job)
    kept.parent.mkdir(parents=True, exist_ok=True)
    job.midway()
    workplace.store(name).switch_in(copy, kept)
    backup = workplace.records.history().point(job.text("point_id")).backup_of(name)
    if backup is not None:
        workplace.records.record(DataReplaced(job.run_id, name, backup.id, str(kept), lost), job.key)
    kept.with_suffix(_DONE).touch()
    shutil.rmtree(copy, ignore_errors=True)
    taken_back = sum(lost.values())
    return Said(
        f"{name} is back at {job.text('point_id')}; {taken_back:,} later changes are kept in {kept}.",
        {"changes_taken_back": taken_back},
        {"kept_as": str(kept)},
    )


def _count_once(job: Job, copy: Path) -> dict[str, int]:
    """Changes that the switch takes back, by table. Counted before it and written down: after a kill
    between switch and record, counting again would find none."""
    note = job.folder / f"stake-{job.text('store')}.json"
    if note.exists():
        return {str(name): int(count) for name, count in json.loads(note.read_text()).items()}
    store = job.workplace.store(job.text("store"))
    stake = store.stake(copy) if store.present() else Stake(job.text("store"), {}, {})
    lost = {
        name: stake.added.get(name, 0) + stake.changed_or_removed.get(name, 0)
        for name in sorted({*stake.added, *stake.changed_or_removed})
    }
    lost = {name: count for name, count in lost.items() if count}
    aside = note.with_suffix(".aside")
    aside.write_text(json.dumps(lost))
    aside.replace(note)
    return lost


def folder_of_replaced(state: Path, run_id: str, store: str) -> Path:
    """Where a run keeps what was live in a store before it switched."""
    return state / "replaced" / run_id / store


def _kept(job: Job) -> Path:
    return folder_of_replaced(job.workplace.system.state, job.run_id, job.text("store"))


HANDLER = Handler("store.switch", perform, already_done)

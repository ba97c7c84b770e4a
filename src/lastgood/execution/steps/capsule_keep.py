"""capsule.keep: documents, ledger and what is needed to rebuild from nothing, into every vault."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lastgood.domain.event import CapsuleKept
from lastgood.execution.handler import Handler, Job, Said

CAPSULE_VERSION = 1
LEDGER_FILE = "ledger.db"
DOCUMENTS_FOLDER = "documents"
CONTENTS_FILE = "capsule.json"


def perform(job: Job) -> Said:
    """Arguments: point_id, label (of this capsule: a point may get a second one), vaults."""
    workplace = job.workplace
    tags = {"kind": "capsule", "capsule": job.text("label"), "system": workplace.system.name}
    staged = job.folder / "capsule"
    try:
        for name in job.texts("vaults"):
            vault = workplace.vault(name)
            found = vault.snapshots(tags)
            if not found:
                _stage(job, staged)
                found = (vault.put(staged, tags),)
            job.midway()
            workplace.records.record(
                CapsuleKept(job.text("point_id"), name, found[-1].id), f"{job.key}/{name}"
            )
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Said(f"The capsule stands in {', '.join(job.texts('vaults'))}.")


def _stage(job: Job, folder: Path) -> None:
    workplace = job.workplace
    shutil.rmtree(folder, ignore_errors=True)
    (folder / DOCUMENTS_FOLDER).mkdir(parents=True)
    for name, content in workplace.documents().items():
        (folder / DOCUMENTS_FOLDER / name).write_bytes(content)
    workplace.records.copy_to(folder / LEDGER_FILE)
    history = workplace.records.history()
    contents = {
        "version": CAPSULE_VERSION,
        "system": workplace.system.name,
        "point": job.text("point_id"),
        "releases": {
            service.name: switch.release_id
            for service in workplace.system.services
            if (switch := history.current(service.name)) is not None
        },
        "made_at": workplace.clock.now().isoformat(),
    }
    (folder / CONTENTS_FILE).write_text(json.dumps(contents, indent=2) + "\n")


HANDLER = Handler("capsule.keep", perform)

"""capsule.keep: documents, ledger and what is needed to rebuild from nothing, into every vault."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from lastgood.domain.capsule import (
    CAPSULE_VERSION,
    CONTENTS_FILE,
    DOCUMENTS_FOLDER,
    LEDGER_FILE,
    Capsule,
)
from lastgood.domain.codec import to_json
from lastgood.domain.errors import ActionFailed
from lastgood.domain.event import CapsuleKept
from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: point_id, label (of this capsule: a point may get a second one), vaults, if_reachable (a
    vault that fails is named and left: going back must not fail for it, and the next capsule holds it all).
    """
    missed = []
    for name in job.texts("vaults"):
        try:
            _keep(job, name)
        except ActionFailed as error:
            if not job.flag("if_reachable"):
                raise
            missed.append(f"{name}: {error.happened}")
    if missed:
        return Said(
            f"The capsule could not be put into {'; '.join(missed)} The next backup brings it there.",
            {"missed": len(missed)},
        )
    return Said(f"The capsule stands in {', '.join(job.texts('vaults'))}.")


def _keep(job: Job, name: str) -> None:
    workplace = job.workplace
    tags = {"kind": "capsule", "capsule": job.text("label"), "system": workplace.system.name}
    vault = workplace.vault(name)
    staged = job.folder / "capsule"
    try:
        # an earlier try may have put it and died before it was recorded
        found = vault.snapshots(tags)
        if not found:
            _stage(job, name, staged)
            found = (vault.put(staged, tags),)
        job.midway()
        workplace.records.record(CapsuleKept(job.text("point_id"), name, found[-1].id), f"{job.key}/{name}")
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _stage(job: Job, vault: str, folder: Path) -> None:
    workplace = job.workplace
    shutil.rmtree(folder, ignore_errors=True)
    (folder / DOCUMENTS_FOLDER).mkdir(parents=True)
    documents = workplace.documents()
    for name, content in documents.items():
        file = folder / DOCUMENTS_FOLDER / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    tip = workplace.records.copy_to(folder / LEDGER_FILE)
    history = workplace.records.history()
    contents = Capsule(
        version=CAPSULE_VERSION,
        system=workplace.system.name,
        point=job.text("point_id"),
        vault=vault,
        releases={
            service.name: switch.release_id
            for service in workplace.system.services
            if (switch := history.current(service.name)) is not None
        },
        ledger=tip,
        made_at=workplace.clock.now(),
        folder=str(workplace.system.folder),
        documents={name: hashlib.sha256(content).hexdigest() for name, content in documents.items()},
        programs=tuple(name for name in documents if os.access(workplace.system.folder / name, os.X_OK)),
    )
    (folder / CONTENTS_FILE).write_text(json.dumps(to_json(contents), indent=2) + "\n")


HANDLER = Handler("capsule.keep", perform)

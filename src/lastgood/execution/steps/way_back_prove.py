"""way_back.prove: before traffic moves, prove that the way back can be walked."""

from __future__ import annotations

import json
from pathlib import Path

from lastgood.domain.errors import Refused
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.workplace import Workplace

_BROKEN_BEFORE = "broken-before.json"


def perform(job: Job) -> Said:
    """Arguments: service, release_id (the last good one, "" on a first deploy), instance_id, point_id.

    Notes which invariants are broken already: they can neither block this release nor fail it.
    """
    workplace = job.workplace
    proven = []
    if job.text("release_id"):
        proven.append(_last_good_can_run(job))
    if job.text("point_id"):
        proven.append(_point_is_listed(job))
    job.midway()
    broken = [
        invariant.name
        for invariant in workplace.system.consistency.invariants
        if workplace.check_invariant(invariant)[0] is False
    ]
    (job.folder / _BROKEN_BEFORE).write_text(json.dumps(broken))
    if broken:
        proven.append(f"already broken before this release: {', '.join(broken)}")
    return Said(f"{'; '.join(proven) or 'There is nothing to go back to yet'}.")


def broken_before(folder: Path) -> frozenset[str]:
    """The invariants that were broken before the release started."""
    file = folder / _BROKEN_BEFORE
    return frozenset(json.loads(file.read_text())) if file.exists() else frozenset()


def _last_good_can_run(job: Job) -> str:
    workplace = job.workplace
    release = workplace.records.history().releases[job.text("release_id")]
    workplace.shelf.prove(release.artifact_digest)
    answer = first_unhealthy(workplace, job.text("service"), job.text("instance_id"))
    if answer:
        raise Refused(
            f"The release to go back to, {release.label}, is not healthy now: {answer}.",
            "A bad release could not be undone; nothing was changed.",
            "Bring it up first (`lastgood up`), or run `lastgood rollback --to` an older good release.",
        )
    return f"{release.label} is unchanged on disk, runs and is healthy"


def first_unhealthy(workplace: Workplace, service_name: str, instance_id: str) -> str:
    """What is wrong with a running instance; "" when all of its readiness probes pass."""
    service = workplace.system.service(service_name)
    instance = workplace.runtime(service_name).find(instance_id)
    if instance is None or not instance.running:
        return "it does not run"
    for probe in service.readiness:
        answer = workplace.ask_probe(probe, instance.host, instance.port)
        if not answer.passed:
            return f"{probe.name}: {answer.detail}"
    return ""


def _point_is_listed(job: Job) -> str:
    workplace = job.workplace
    point = workplace.records.history().point(job.text("point_id"))
    for backup in point.backups:
        tags = {"kind": "backup", "store": backup.store, "point": point.id}
        listed = {snapshot.id for snapshot in workplace.vault(backup.vault).snapshots(tags)}
        if backup.snapshot not in listed:
            raise Refused(
                f"Vault {backup.vault} no longer lists the backup of {backup.store} just made.",
                "Data could not be brought back; nothing was changed.",
                "Run `lastgood check` on the vault, then deploy again.",
            )
    return f"point {point.id} is in the vault"


HANDLER = Handler("way_back.prove", perform)

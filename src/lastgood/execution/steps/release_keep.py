"""release.keep: put the artifact into the vaults, so that it exists even when the build server is gone."""

from __future__ import annotations

from lastgood.domain.errors import VaultFailed
from lastgood.domain.event import ReleaseKept
from lastgood.execution.handler import Handler, Job, Said


def already_done(job: Job) -> Said | None:
    kept = job.workplace.records.history().kept.get(job.text("release_id"), {})
    if set(job.texts("vaults")) <= set(kept):
        return Said("The artifact is in the vault already.")
    return None


def perform(job: Job) -> Said:
    """Arguments: release_id, vaults."""
    records = job.workplace.records
    history = records.history()
    release = history.releases[job.text("release_id")]
    tree = job.workplace.shelf.prove(release.artifact_digest)
    tags = {"kind": "release", "release": release.id}
    for name in job.texts("vaults"):
        if name in history.kept.get(release.id, {}):
            continue
        vault = job.workplace.vault(name)
        # an earlier try may have put it and died before it was recorded
        found = vault.snapshots(tags)
        snapshot = found[-1] if found else vault.put(tree, tags)
        job.midway()
        records.record(ReleaseKept(release.id, name, snapshot.id), f"{job.key}/{name}")
    return Said(f"The artifact of {release.label} stands in {', '.join(job.texts('vaults'))}.")


def verify(job: Job) -> None:
    kept = job.workplace.records.history().kept.get(job.text("release_id"), {})
    for name in job.texts("vaults"):
        snapshots = job.workplace.vault(name).snapshots(
            {"kind": "release", "release": job.text("release_id")}
        )
        if kept.get(name) not in {snapshot.id for snapshot in snapshots}:
            raise VaultFailed(
                f"Vault {name} does not list the artifact that was just put there.",
                "The release could not be brought back from it.",
                "Run `lastgood check`, then repeat the command.",
            )


HANDLER = Handler("release.keep", perform, already_done, verify)

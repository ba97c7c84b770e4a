"""release.fetch: bring an artifact from a vault back to the shelf."""

from __future__ import annotations

import shutil

from lastgood.domain.errors import ArtifactChanged, Refused, VaultFailed
from lastgood.domain.release import Release
from lastgood.execution.handler import Handler, Job, Said


def already_done(job: Job) -> Said | None:
    """The shelf holds it and every byte is right; a changed one is fetched again."""
    release = job.workplace.records.history().releases[job.text("release_id")]
    if job.workplace.shelf.tree(release.artifact_digest) is None:
        return None
    try:
        job.workplace.shelf.prove(release.artifact_digest)
    except ArtifactChanged:
        return None
    return Said(f"The artifact of {release.label} is on this machine, unchanged.")


def perform(job: Job) -> Said:
    """Arguments: release_id, vault? (asked first). Takes the first vault whose copy is whole."""
    history = job.workplace.records.history()
    release = history.releases[job.text("release_id")]
    kept = history.kept.get(release.id, {})
    vaults = sorted(
        (name for name in kept if name in job.workplace.vaults), key=lambda name: name != job.text("vault")
    )
    if not vaults:
        raise Refused(
            f"The artifact of {release.label} is neither whole on this machine nor in a vault.",
            "It cannot be started; nothing was changed.",
            "Choose another release (`lastgood release list`), or deploy from the source again.",
        )
    for number, vault in enumerate(vaults, 1):
        try:
            return _fetch(job, release, vault, kept[vault])
        except (VaultFailed, ArtifactChanged):
            if number == len(vaults):
                raise
    raise AssertionError("the last vault returned or raised")


def _fetch(job: Job, release: Release, vault: str, snapshot: str) -> Said:
    workplace = job.workplace
    staged = job.folder / f"artifact-{release.id}"
    shutil.rmtree(staged, ignore_errors=True)
    workplace.vault(vault).get(snapshot, staged)
    job.midway()
    workplace.shelf.discard(release.artifact_digest)
    digest, _ = workplace.shelf.keep(staged)
    if digest != release.artifact_digest:
        workplace.shelf.discard(digest)
        raise ArtifactChanged(
            f"What vault {vault} holds of {release.label} is not what was recorded.",
            "It was not started.",
            "Run `lastgood check` on the vault and choose another release.",
        )
    return Said(f"Fetched the artifact of {release.label} from {vault}; every byte is as recorded.")


def verify(job: Job) -> None:
    release = job.workplace.records.history().releases[job.text("release_id")]
    job.workplace.shelf.prove(release.artifact_digest)


HANDLER = Handler("release.fetch", perform, already_done, verify)

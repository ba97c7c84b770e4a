"""preflight: what must be true before anything is changed."""

from __future__ import annotations

import shutil

from lastgood.domain.errors import DiskFull, Refused
from lastgood.domain.release import ReleaseState
from lastgood.execution.handler import Handler, Job, Said

_SPARE_BYTES = 64 * 1024 * 1024


def perform(job: Job) -> Said:
    """Arguments: service?, release_id?, vaults. Raises Refused, DiskFull or what the vault raises."""
    workplace = job.workplace
    checked = [_room(job)]
    for name in job.texts("vaults"):
        workplace.vault(name).prepare()
        checked.append(f"vault {name} opens")
    job.midway()
    release_id = job.text("release_id")
    if release_id:
        release = workplace.records.history().releases.get(release_id)
        if release is not None and release.state is ReleaseState.BAD:
            raise Refused(
                f"Release {release.label} ({release.id}) is quarantined: {release.reason}",
                "It would fail the same way; nothing was changed.",
                f"Deploy a mended one, or lift it: `lastgood release quarantine --lift {release.id}`.",
            )
        if release is not None:
            workplace.shelf.prove(release.artifact_digest)
            checked.append("the artifact is what was recorded")
    service = job.text("service")
    traffic = workplace.traffic_of(service) if service else None
    if traffic is not None:
        traffic.ensure()
        checked.append("the proxy takes requests")
    return Said(f"Checked: {', '.join(checked)}.")


def _room(job: Job) -> str:
    """Room for the artifact, the copies of the stores and some spare."""
    state = job.workplace.system.state
    state.mkdir(parents=True, exist_ok=True)
    needed = int(job.number("room_bytes")) + _SPARE_BYTES
    free = shutil.disk_usage(state).free
    if free < needed:
        raise DiskFull(
            f"{state} has {free / 1e6:.0f} MB free; this needs about {needed / 1e6:.0f} MB.",
            "Nothing was changed.",
            "Free some room there, or move `state:` in system.yml to a larger disk.",
        )
    job.workplace.reserve.keep()
    return f"{free / 1e9:.1f} GB free"


HANDLER = Handler("preflight", perform)

"""What may be removed, and what must stay."""

from __future__ import annotations

from lastgood.domain.history import History, last_good
from lastgood.domain.release import Release, ReleaseState


def removable_from_shelf(
    history: History, service: str, keep: int, protected: set[str]
) -> tuple[Release, ...]:
    """Releases whose tree may leave this machine's shelf, oldest first: never the current one, the last
    good one, a pinned or `protected` one, the newest `keep`, nor one that stands in no vault."""
    releases = sorted(
        (release for release in history.releases.values() if release.service == service),
        key=lambda release: release.recorded_at,
    )
    current = history.current(service)
    stay = set(protected) | {release.id for release in releases[-keep:]}
    if current is not None:
        stay.add(current.release_id)
        before = last_good(history, service, without=current.release_id)
        if before is not None:
            stay.add(before.id)
    used_digests = {release.artifact_digest for release in history.releases.values() if release.id in stay}
    return tuple(
        release
        for release in releases
        if release.id not in stay
        and not release.pinned
        and release.state is not ReleaseState.CANDIDATE
        and history.kept.get(release.id)
        and release.artifact_digest not in used_digests
    )

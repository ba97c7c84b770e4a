"""Which release to go back to."""

from __future__ import annotations

from lastgood.domain.errors import Refused
from lastgood.domain.history import History, last_good
from lastgood.domain.release import Release, ReleaseState


def target_of_rollback(history: History, service: str, wanted: str | None) -> Release:
    """The release that was named, else the last good one before the current. Raises Refused, UsageError."""
    current = history.current(service)
    if current is None:
        raise Refused(
            f"{service} was never deployed.", "There is nothing to go back from.", "Run `lastgood deploy`."
        )
    if wanted is None:
        found = last_good(history, service, without=current.release_id)
        if found is None:
            raise Refused(
                f"{service} has no earlier good release.",
                "There is nothing to go back to; nothing was changed.",
                "See `lastgood release list`.",
            )
        return found
    release = history.release(wanted, service)
    if release.id == current.release_id:
        raise Refused(
            f"{service} is on {release.label} ({release.id}) already.",
            "Nothing was changed.",
            "See `lastgood release list` for others.",
        )
    if release.state is ReleaseState.BAD:
        raise Refused(
            f"{release.label} ({release.id}) is quarantined: {release.reason}",
            "Going back to it would make things worse; nothing was changed.",
            f"Lift it first if you are sure: `lastgood release quarantine --lift {release.id}`.",
        )
    return release

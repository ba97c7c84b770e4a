"""What drills do and promise, in words; and what was promised, in figures."""

from __future__ import annotations

from collections.abc import Iterable

from lastgood.domain.objective import Continuity, Objective

SUCCESS = {
    "rollback": "Rollback and recovery successful",
    "recovery": "Disaster recovery and backup successful",
}

OUTLINE = {
    "rollback": (
        "Bring the newest recovery point and the current release up in a sandbox on other ports",
        "Deploy a bad release there under load: the same one, answering every second request with an error",
        "See it noticed, rolled back and quarantined, with no other request failed",
        "Deploy a good release there, then roll back with the data of the point before it",
        "Compare every store with that point, row by row",
        "Remove the sandbox",
    ),
    "recovery": (
        "Recover the system into an empty sandbox on other ports, from the vault and its key alone",
        "Compare documents, artifacts and every store with what was recorded",
        "Ask the invariants and the service's probes through its proxy",
        "Compare the time that it took and the age of the data with what was promised",
        "Remove the sandbox",
    ),
}


def promised(continuity: Continuity, services: Iterable[str]) -> Objective | None:
    """The strictest promise about activities that need one of these services; None where nothing was
    promised."""
    wanted = set(services)
    found = [
        activity.objective
        for activity in continuity.activities
        if not activity.services or wanted & set(activity.services)
    ]
    if not found:
        return None
    return Objective(min(one.rto for one in found), min(one.rpo for one in found))


def missed(promise: Objective | None, rto_seconds: float, rpo_seconds: float | None) -> tuple[str, ...]:
    """What was promised and not kept, as sentences."""
    if promise is None:
        return ()
    said = []
    if rto_seconds > promise.rto.total_seconds():
        said.append(f"RTO promised {promise.rto.total_seconds():,.0f} s, measured {rto_seconds:,.1f} s.")
    if rpo_seconds is not None and rpo_seconds > promise.rpo.total_seconds():
        said.append(f"RPO promised {promise.rpo.total_seconds():,.0f} s, measured {rpo_seconds:,.0f} s.")
    return tuple(said)

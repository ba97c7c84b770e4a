"""invariants.check: ask the data's invariants once."""

from __future__ import annotations

from lastgood.domain.errors import StoreFailed
from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: stores. Those of other stores are not asked; one that cannot be asked fails the step."""
    stores = set(job.texts("stores"))
    job.midway()
    asked = 0
    for invariant in job.workplace.system.consistency.invariants:
        if invariant.store and invariant.store not in stores:
            continue
        passed, detail = job.workplace.check_invariant(invariant)
        if not passed:
            raise StoreFailed(
                f"The invariant {invariant.name} does not hold: {detail}.",
                "The data is not what it should be.",
                "Choose an older point (`lastgood points`), or correct the data by hand.",
            )
        asked += 1
    return Said(f"{asked} invariants hold.")


HANDLER = Handler("invariants.check", perform)

"""recovery.record: the recovery stands in the ledger that was recovered."""

from __future__ import annotations

from lastgood.domain.event import SystemRecovered
from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: vault, point_id."""
    records = job.workplace.records
    entries = records.prove()
    job.midway()
    records.record(SystemRecovered(job.run_id, job.text("vault"), job.text("point_id")), job.key)
    return Said(f"The ledger's chain of {entries:,} entries is whole; the recovery is recorded.")


HANDLER = Handler("recovery.record", perform)

"""recovery.record: the recovery stands in the ledger that was recovered, with what it took and lost."""

from __future__ import annotations

from datetime import datetime

from lastgood.domain.event import SystemRecovered
from lastgood.execution.handler import Handler, Job, Said


def perform(job: Job) -> Said:
    """Arguments: vault, point_id, began_at, written_until (ISO 8601; "" where no store was restored)."""
    records = job.workplace.records
    entries = records.prove()
    began_at = datetime.fromisoformat(job.text("began_at"))
    until = job.text("written_until")
    rto = (job.workplace.clock.now() - began_at).total_seconds()
    rpo = (began_at - datetime.fromisoformat(until)).total_seconds() if until else None
    job.midway()
    records.record(SystemRecovered(job.run_id, job.text("vault"), job.text("point_id"), rto, rpo), job.key)
    return Said(
        f"The ledger's chain of {entries:,} entries is whole; the recovery is recorded.",
        {"rto_seconds": rto, **({} if rpo is None else {"rpo_seconds": rpo})},
    )


HANDLER = Handler("recovery.record", perform)

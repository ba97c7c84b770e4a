"""store.put_back: undo store.switch of the same run."""

from __future__ import annotations

from lastgood.domain.event import DataReplaced
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.steps.store_switch import folder_of_replaced


def perform(job: Job) -> Said:
    """Arguments: store. A switch that was interrupted half way is undone too, as far as what was live had
    been kept whole; where it had not, the live data was never touched."""
    workplace = job.workplace
    name = job.text("store")
    kept = folder_of_replaced(workplace.system.state, job.run_id, name)
    store = workplace.store(name)
    if not store.kept_whole(kept):
        return Said(f"{name} was not switched.")
    job.midway()
    undone = kept.with_name(f"{name}.undone")
    store.switch_in(kept, undone)
    for _, event in workplace.records.history().replaced:
        if event.run_id == job.run_id and event.store == name and not event.kept_as.endswith(".undone"):
            workplace.records.record(
                DataReplaced(job.run_id, name, event.backup_id, str(undone), {}), job.key
            )
    return Said(f"{name} is as it was before; the restored data is kept in {undone}.")


HANDLER = Handler("store.put_back", perform)

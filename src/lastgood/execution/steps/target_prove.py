"""target.prove: start a release in a sandbox on restored data, before production is touched."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from lastgood.domain.errors import Refused, RuntimeFailed
from lastgood.domain.plan import Step
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.steps.instance_ready import wait_ready
from lastgood.execution.steps.instance_start import launch_order
from lastgood.execution.steps.store_fetch import fetched_folder
from lastgood.execution.workplace import Workplace


def perform(job: Job) -> Said:
    """Arguments: service, release_id, point_id, stores. Raises Refused when it does not come up there."""
    workplace = job.workplace
    name = job.text("service")
    release = workplace.records.history().releases[job.text("release_id")]
    runtime = workplace.runtime(name)
    instance_id = _instance(job.step)
    sandbox = _sandbox(job.folder)
    leave_nothing(workplace, job.folder, job.step)
    try:
        proving = replace(workplace, values={**workplace.values, **_sandbox_values(job, sandbox)})
        tree = workplace.shelf.prove(release.artifact_digest)
        runtime.start(launch_order(proving, release.launch, tree, name, release.id, instance_id))
        job.midway()
        seconds = wait_ready(job, name, instance_id)
    except RuntimeFailed as error:
        raise Refused(
            f"{release.label} does not run on the data of {job.text('point_id')}: {error.happened}",
            "Going back would make things worse; nothing was changed.",
            "Choose another release (`--to`) or point (`--point`); `lastgood points` lists them.",
        ) from error
    finally:
        leave_nothing(workplace, job.folder, job.step)
    return Said(f"{release.label} runs on the restored data (ready after {seconds:.1f} s in a sandbox).")


def leave_nothing(workplace: Workplace, run_folder: Path, step: Step) -> None:
    """End the instance in the sandbox and remove both, whether or not this step ever came so far."""
    name = str(step.arguments["service"])
    workplace.runtime(name).stop(_instance(step), workplace.system.service(name).stop_within)
    workplace.runtime(name).discard(_instance(step))
    shutil.rmtree(_sandbox(run_folder), ignore_errors=True)


def _instance(step: Step) -> str:
    return f"{step.arguments['release_id']}.proof"


def _sandbox(run_folder: Path) -> Path:
    return run_folder / "proof"


def _sandbox_values(job: Job, sandbox: Path) -> dict[str, str]:
    """Copies of the restored stores, so that the proof cannot change what will be switched in."""
    values: dict[str, str] = {}
    for name in job.workplace.stores:
        place = sandbox / name
        place.mkdir(parents=True)
        store, store_values = job.workplace.store_in(name, place)
        values |= store_values
        copy = fetched_folder(job.workplace.system.state, job.text("point_id"), name, job.run_id)
        if name in job.texts("stores"):
            store.switch_in(copy, sandbox / f"{name}.before")
    return values


HANDLER = Handler("target.prove", perform)

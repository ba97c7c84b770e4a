"""instance.start: start a release beside what runs."""

from __future__ import annotations

from pathlib import Path

from lastgood.domain.errors import RuntimeFailed
from lastgood.domain.release import Launch
from lastgood.domain.system import fill
from lastgood.execution.handler import Handler, Job, Said
from lastgood.execution.workplace import Workplace
from lastgood.ports.runtime import LaunchOrder

HOST = "127.0.0.1"


def already_done(job: Job) -> Said | None:
    instance = job.workplace.runtime(job.text("service")).find(job.text("instance_id"))
    if instance is not None and instance.running:
        return Said(f"{instance.instance_id} runs already on port {instance.port}.")
    return None


def perform(job: Job) -> Said:
    """Arguments: service, release_id, instance_id. The port is chosen now, among the free ones."""
    workplace = job.workplace
    runtime = workplace.runtime(job.text("service"))
    release = workplace.records.history().releases[job.text("release_id")]
    instance_id = job.text("instance_id")
    stale = runtime.find(instance_id)
    if stale is not None and not stale.running:
        runtime.stop(instance_id, workplace.system.service(release.service).stop_within)
        runtime.discard(instance_id)
    tree = workplace.shelf.prove(release.artifact_digest)
    job.midway()
    order = launch_order(workplace, release.launch, tree, release.service, release.id, instance_id)
    instance = runtime.start(order)
    return Said(f"Started {release.label} on port {instance.port}.", {"port": instance.port})


def launch_order(
    workplace: Workplace, launch: Launch, tree: Path, service: str, release_id: str, instance_id: str
) -> LaunchOrder:
    port = workplace.free_port()
    values = {**workplace.values, "port": str(port), "host": HOST}
    environment = {name: fill(text, values) for name, text in launch.environment.items()}
    secrets = {name: workplace.read_secret(reference) for name, reference in launch.secrets.items()}
    return LaunchOrder(
        instance_id=instance_id,
        service=service,
        release_id=release_id,
        tree=tree,
        command=tuple(fill(word, values) for word in launch.command),
        environment={**environment, **secrets},
        shared={inside: Path(fill(outside, values)) for inside, outside in launch.shared.items()},
        host=HOST,
        port=port,
    )


def verify(job: Job) -> None:
    instance = job.workplace.runtime(job.text("service")).find(job.text("instance_id"))
    if instance is None:
        raise RuntimeFailed(
            f"{job.text('instance_id')} is not there after it was started.",
            "It gets no traffic.",
            "Look at the release's log.",
        )


HANDLER = Handler("instance.start", perform, already_done, verify)

"""instance.ready: wait until an instance answers its readiness probes."""

from __future__ import annotations

from datetime import timedelta

from lastgood.domain.errors import RuntimeFailed
from lastgood.domain.signal import Probe
from lastgood.domain.system import Service
from lastgood.execution.handler import CANCELLED, Cancelled, Handler, Job, Said
from lastgood.ports.runtime import Instance

_PACE = timedelta(milliseconds=100)
_LAST_LINES = 5


def perform(job: Job) -> Said:
    """Arguments: service, instance_id. All readiness probes pass at one time, within `ready_within`."""
    job.midway()
    seconds = wait_ready(job, job.text("service"), job.text("instance_id"))
    return Said(f"Ready after {seconds:.1f} s.", {"seconds": seconds})


def wait_ready(job: Job, service_name: str, instance_id: str) -> float:
    """Seconds until it was ready. Raises RuntimeFailed, Cancelled."""
    workplace = job.workplace
    service = workplace.system.service(service_name)
    runtime = workplace.runtime(service.name)
    started = workplace.clock.monotonic()
    detail = "it was not asked"
    while workplace.clock.monotonic() - started < service.ready_within.total_seconds():
        instance = runtime.find(instance_id)
        if instance is None or not instance.running or instance.exits:
            raise _ended(instance, instance_id)
        detail = _first_failing(job, service, instance)
        if not detail:
            return workplace.clock.monotonic() - started
        if job.stop_requested():
            raise Cancelled(CANCELLED)
        workplace.clock.sleep(_PACE)
    raise RuntimeFailed(
        f"{instance_id} was not ready within {service.ready_within.total_seconds():g} s: {detail}.",
        "It gets no traffic.",
        "Look at its log (`lastgood status`), or raise `ready_within` in system.yml.",
    )


def _first_failing(job: Job, service: Service, instance: Instance) -> str:
    for probe in service.readiness or (Probe("port", "tcp"),):
        answer = job.workplace.ask_probe(probe, instance.host, instance.port)
        if not answer.passed:
            return f"{probe.name}: {answer.detail}"
    return ""


def _ended(instance: Instance | None, instance_id: str) -> RuntimeFailed:
    if instance is None:
        return RuntimeFailed(f"{instance_id} is not there.", "It gets no traffic.", "Start it again.")
    lines = last_lines(instance)
    return RuntimeFailed(
        f"{instance_id} ended with exit code {instance.last_exit} before it was ready."
        + (f" It said last: {lines}" if lines else ""),
        "It gets no traffic.",
        "Mend the release and deploy it again.",
    )


def last_lines(instance: Instance) -> str:
    """The end of its log, on one line."""
    if instance.output is None or not instance.output.exists():
        return ""
    text = instance.output.read_bytes()[-4096:].decode("utf-8", "replace")
    return " | ".join(line for line in text.splitlines()[-_LAST_LINES:] if line.strip())


HANDLER = Handler("instance.ready", perform)

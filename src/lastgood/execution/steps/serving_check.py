"""serving.check: ask the service where people reach it."""

from __future__ import annotations

from datetime import timedelta

from lastgood.domain.errors import TrafficFailed
from lastgood.execution.handler import Handler, Job, Said

_PACE = timedelta(milliseconds=50)
_LIMIT_SECONDS = 10.0


def perform(job: Job) -> Said:
    """Arguments: service, instance_id. Through the proxy, where there is one."""
    workplace = job.workplace
    service = workplace.system.service(job.text("service"))
    instance = workplace.runtime(service.name).find(job.text("instance_id"))
    if instance is None or not instance.running:
        raise TrafficFailed(
            f"{service.name} does not run.", "Nobody is served.", "Look at its log, then run `lastgood up`."
        )
    job.midway()
    host, port = instance.host, instance.port
    if service.traffic is not None:
        host, port = service.traffic.host, service.traffic.port
    started = workplace.clock.monotonic()
    while True:
        answers = [(probe, workplace.ask_probe(probe, host, port)) for probe in service.readiness]
        failed = [f"{probe.name}: {answer.detail}" for probe, answer in answers if not answer.passed]
        if not failed:
            return Said(f"{service.name} serves at {host}:{port}.")
        if workplace.clock.monotonic() - started > _LIMIT_SECONDS:
            raise TrafficFailed(
                f"{service.name} does not serve at {host}:{port}: {failed[0]}.",
                "People are not served.",
                "Look at `lastgood status` and the service's log.",
            )
        workplace.clock.sleep(_PACE)


HANDLER = Handler("serving.check", perform)

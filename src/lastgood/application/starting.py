"""Start: every service on the release that it is on, after a reboot or a crash."""

from __future__ import annotations

from lastgood.application.deploy import instance_of
from lastgood.application.running import carry_out, new_run_id
from lastgood.domain.plan import Plan
from lastgood.domain.run import Run
from lastgood.execution.workplace import Workplace
from lastgood.planning.recover import plan_start


def start_all(workplace: Workplace) -> Run:
    run_id = new_run_id(workplace, "start")
    subjects = tuple(f"service:{service.name}" for service in workplace.system.services)
    return carry_out(workplace, run_id, subjects, lambda: _plan(workplace, run_id))


def _plan(workplace: Workplace, run_id: str) -> Plan:
    """An instance that runs is kept as it is; the steps see that they are done."""
    history = workplace.records.history()
    releases, instances, dead = {}, {}, {}
    for service in workplace.system.services:
        switch = history.current(service.name)
        if switch is None:
            continue
        release = history.releases[switch.release_id]
        releases[service.name] = release
        found = workplace.runtime(service.name).find(switch.instance_id)
        runs = found is not None and found.running
        instances[service.name] = switch.instance_id if runs else instance_of(release, run_id)
        if found is not None and not runs:
            dead[service.name] = switch.instance_id
    return plan_start(workplace.system, releases, instances, dead)

"""Stop: take every service of the system down, on purpose."""

from __future__ import annotations

from lastgood.application.running import carry_out, new_run_id
from lastgood.domain.plan import Plan
from lastgood.domain.run import Run
from lastgood.execution.workplace import Workplace
from lastgood.planning.stop import plan_stop


def stop_all(workplace: Workplace, approved: bool) -> Run:
    """`approved`: a person has seen the plan and agreed."""
    run_id = new_run_id(workplace, "stop")
    subjects = tuple(f"service:{service.name}" for service in workplace.system.services)
    return carry_out(workplace, run_id, subjects, lambda: _plan(workplace, approved))


def _plan(workplace: Workplace, approved: bool) -> Plan:
    history = workplace.records.history()
    switches = {service.name: history.current(service.name) for service in workplace.system.services}
    instances = {name: switch.instance_id for name, switch in switches.items() if switch is not None}
    return plan_stop(workplace.system, instances, "" if approved else "People will not be served.")

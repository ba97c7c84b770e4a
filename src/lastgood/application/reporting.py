"""Reporting: gather the facts that the documents for people are made from. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from lastgood.application.backup import BackupRequest, backup_plan
from lastgood.application.deploy import deploy_plan_beside, instance_of
from lastgood.application.gates import check_gates
from lastgood.application.restore import RESTORE_TAKES_BACK, services_using
from lastgood.application.rollback import RollbackRequest, rollback_plan
from lastgood.domain.errors import LastgoodError
from lastgood.domain.history import History, last_good
from lastgood.domain.plan import Plan
from lastgood.domain.policy import DataPolicy
from lastgood.domain.release import Release
from lastgood.domain.system import Service
from lastgood.execution.workplace import Workplace
from lastgood.planning.deploy import Running
from lastgood.planning.recover import RecoverInputs, plan_recover, plan_start
from lastgood.planning.restore import RestoreInputs, plan_restore
from lastgood.reports import commands
from lastgood.reports.facts import Facts, Kind, Prepared
from lastgood.reports.places import vault_address

NEXT = "NEXT"
"""Where the release will stand that is not there yet."""
RUN = "RUN"
"""Where a run's own mark will stand in its plan."""
POINT = "POINT"
"""Where the recovery point will stand that a person chooses, else the newest."""


def gather(workplace: Workplace, known_commands: frozenset[str]) -> Facts:
    history = workplace.records.history()
    return Facts(
        system=workplace.system,
        history=history,
        prepared=tuple(_prepared(workplace, history)),
        gates=check_gates(workplace),
        commands=known_commands,
        now=workplace.clock.now(),
    )


def _prepared(workplace: Workplace, history: History) -> Iterator[Prepared]:
    system = workplace.system
    for service in system.services:
        name = service.name if len(system.services) > 1 else ""
        yield _try(
            Kind.DEPLOY, service.name, commands.deploy(name), partial(_deploy, workplace, history, service)
        )
        for kind, data in (
            (Kind.ROLLBACK_KEEP, DataPolicy.KEEP),
            (Kind.ROLLBACK_REWIND, DataPolicy.REWIND),
        ):
            yield _try(
                kind,
                service.name,
                commands.rollback(name, data.value),
                partial(_rollback, workplace, RollbackRequest(service.name, data=data)),
            )
    yield _try(Kind.BACKUP, system.name, commands.backup(), partial(_backup, workplace))
    yield _try(Kind.RESTORE, system.name, commands.restore(), partial(_restore, workplace, history))
    yield _try(Kind.START, system.name, commands.up(), partial(_start, workplace, history))
    for vault in system.vaults:
        yield _try(
            Kind.RECOVER,
            vault.name,
            commands.recover(vault_address(vault)),
            partial(_recover, workplace, history, vault.name),
        )


def _try(kind: Kind, of: str, command: commands.Command, make: Callable[[], Plan]) -> Prepared:
    """A plan that cannot be made is a fact for the reader too."""
    try:
        return Prepared(kind, of, command, make())
    except LastgoodError as error:
        return Prepared(kind, of, command, None, error.happened, error.mend)


def _deploy(workplace: Workplace, history: History, service: Service) -> Plan:
    """Of a release that is not there yet, beside what is recorded, whether that runs now or not."""
    release = Release(
        id=f"{service.name}-{NEXT}",
        service=service.name,
        label=NEXT,
        artifact_digest="",
        environment_digest="",
        size_bytes=0,
        launch=service.launch,
        source=service.source,
        recorded_at=workplace.clock.now(),
    )
    switch = history.current(service.name)
    current = Running(history.releases[switch.release_id], switch.instance_id) if switch else None
    return deploy_plan_beside(workplace, release, f"deploy-{RUN}", current)


def _rollback(workplace: Workplace, request: RollbackRequest) -> Plan:
    return rollback_plan(workplace, request, f"rollback-{RUN}", count_stakes=False)


def _backup(workplace: Workplace) -> Plan:
    return backup_plan(workplace, BackupRequest(), f"backup-{RUN}")


def _restore(workplace: Workplace, history: History) -> Plan:
    point = history.point("latest")
    stores = tuple(sorted({backup.store for backup in point.backups}))
    using = services_using(workplace, stores)
    return plan_restore(RestoreInputs(replace(point, id=POINT), stores, using, approval=RESTORE_TAKES_BACK))


def _start(workplace: Workplace, history: History) -> Plan:
    releases = {
        service.name: history.releases[switch.release_id]
        for service in workplace.system.services
        if (switch := history.current(service.name)) is not None
    }
    return plan_start(workplace.system, releases, _instances(releases, "start"))


def _recover(workplace: Workplace, history: History, vault: str) -> Plan:
    """As a new machine would do it: with the newest point and each service's last good release."""
    releases = {
        service.name: release
        for service in workplace.system.services
        if (release := last_good(history, service.name)) is not None
    }
    point = replace(history.point("latest"), id=POINT)
    points = {backup.store: point for backup in point.backups}
    instances = _instances(releases, "recover")
    return plan_recover(RecoverInputs(workplace.system, vault, points, releases, instances, point.at))


def _instances(releases: Mapping[str, Release], kind: str) -> dict[str, str]:
    return {service: instance_of(release, f"{kind}-{RUN}") for service, release in releases.items()}

"""Reporting: gather the facts that the documents for people are made from. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from lastgood.application.backup import BackupRequest, backup_plan
from lastgood.application.deploy import deploy_plan_beside, instance_of
from lastgood.application.gates import check_gates
from lastgood.application.recovery_look import newest_points
from lastgood.application.restore import RESTORE_TAKES_BACK, services_using
from lastgood.application.rollback import RollbackRequest, rollback_plan
from lastgood.domain.errors import LastgoodError, Refused
from lastgood.domain.history import History, last_good
from lastgood.domain.plan import Plan
from lastgood.domain.policy import DataPolicy
from lastgood.domain.release import Release, ReleaseState
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
    return deploy_plan_beside(workplace, (release,), f"deploy-{RUN}", {service.name: current})


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
    """As a new machine would do it: each store from its newest point in the vault, each service on the
    release that it is on, or on the last good one where that is quarantined by now."""
    system = workplace.system
    releases = {
        service.name: release
        for service in system.services
        if (release := _comes_back(history, service.name)) is not None
        and vault in history.kept.get(release.id, {})
    }
    points = {
        store: replace(point, id=POINT) for store, point in newest_points(system, history, vault).items()
    }
    if not points and not releases:
        raise Refused(
            f"Vault {vault} holds no backup and no release of {system.name}.",
            "Nothing could be brought back from it.",
            "Run `lastgood deploy` or `lastgood backup`.",
        )
    began_at = history.points[-1].at if history.points else workplace.clock.now()
    return plan_recover(
        RecoverInputs(system, vault, points, releases, _instances(releases, "recover"), began_at)
    )


def _comes_back(history: History, service: str) -> Release | None:
    switch = history.current(service)
    release = history.releases[switch.release_id] if switch is not None else None
    if release is not None and release.state is ReleaseState.BAD:
        return last_good(history, service, without=release.id)
    return release


def _instances(releases: Mapping[str, Release], kind: str) -> dict[str, str]:
    return {service: instance_of(release, f"{kind}-{RUN}") for service, release in releases.items()}

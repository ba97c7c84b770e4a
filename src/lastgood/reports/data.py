"""The two JSON documents: the same facts as the pages, for programs.

Field names are stable; a new field is no new version. `evidence` holds what each run changes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lastgood.domain.plan import Plan
from lastgood.reports import runbook
from lastgood.reports.by_itself import NOT_YET
from lastgood.reports.evidence import newest_backup
from lastgood.reports.facts import Facts, Kind, Prepared, last_drill, standing
from lastgood.reports.places import options

Instant = str | None
_DRILLS = ("rollback", "recovery")


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StepData(Part):
    kind: str = Field(description="The kind of step; docs/reference/steps.md describes each.")
    does: str
    verified_by: str = Field(description="What must hold for the step to count as done.")
    undone_by: str
    limit_seconds: float = Field(description="The step has failed when it takes longer.")
    loses: str = Field(description="What is lost by it; empty: nothing.")


class WayBack(Part):
    name: str = Field(description="`keep` or `rewind` of the data, or `undo`.")
    title: str
    steps: tuple[StepData, ...]


class PlanData(Part):
    kind: Literal[
        "deploy",
        "rollback, data kept",
        "rollback, data rewound",
        "backup",
        "restore",
        "start",
        "recover",
    ]
    of: str = Field(description="The service, the vault, or the system that it is for.")
    command: tuple[str, ...] = Field(description="What a person types, as arguments.")
    available: bool = Field(description="Whether this version of lastgood has the command.")
    refused: str = Field(description="Why it cannot be done now; empty where it can.")
    needs_approval: str = Field(description="Why a person must agree first; empty: nobody needs to.")
    steps: tuple[StepData, ...]
    ways_back: tuple[WayBack, ...]
    commits_at: int | None = Field(
        description="The index of the first step (from 0) from which on nothing is undone by itself."
    )


class ActionData(Part):
    title: str
    kind: str
    command: tuple[str, ...] = Field(description="What a person types; empty for a question.")
    limit_seconds: float


class ProcedureData(Part):
    name: str
    when: str
    steps: tuple[ActionData, ...]


class DrillData(Part):
    kind: Literal["rollback", "recovery"]
    at: str = Field(description="When, in UTC.")
    passed: bool
    rto_seconds: float
    rpo_seconds: float | None


class ExpectedTime(Part):
    kind: str
    of: str
    expected_seconds: float
    waits_seconds: float = Field(description="How long requests wait.")


class RecoveryEvidence(Part):
    as_of: Instant = Field(description="When the last thing happened that these figures come from.")
    drills: tuple[DrillData, ...] = Field(description="The last of each kind; empty: never rehearsed.")
    expected: tuple[ExpectedTime, ...]


class RehearsalData(Part):
    kind: Literal["rollback", "recovery"]
    standing: Literal["never rehearsed", "rehearsed, passed", "rehearsed, failed", "rehearsed too long ago"]


class RecoveryProcedures(Part):
    """Recovery_Procedures.json: every plan that would run now, and the procedures written by people."""

    kind: Literal["lastgood/report/recovery-procedures"]
    version: Literal[1]
    system: str
    documents: str = Field(description="The folder of the documents: the value of LASTGOOD_SYSTEM.")
    plans: tuple[PlanData, ...]
    procedures: tuple[ProcedureData, ...]
    rehearsals: tuple[RehearsalData, ...]
    evidence: RecoveryEvidence


class Place(Part):
    name: str
    kind: str
    options: dict[str, object] = Field(description="As in system.yml; passwords in addresses are masked.")


class VaultData(Place):
    key_file: str = Field(description="The file that holds its key; never the key.")


class StoreData(Place):
    lag_limit_seconds: float | None = Field(description="How far its newest copy may lie behind.")


class RetentionData(Part):
    last: int
    hourly: int
    daily: int
    weekly: int
    monthly: int


class BackupData(Part):
    store: str
    vault: str
    point: str
    data_of: str = Field(description="The moment whose data it holds, in UTC.")
    seconds: float = Field(description="How long it took.")
    size_bytes: int
    verified_at: Instant = Field(description="When it was last proven by a restore; null: unverified.")


class BackupEvidence(Part):
    as_of: Instant
    newest: tuple[BackupData, ...] = Field(description="The newest backup of each store in each vault.")


class BackupConfiguration(Part):
    """Backup_Configuration.json: what is backed up, when, where to, and what is there."""

    kind: Literal["lastgood/report/backup-configuration"]
    version: Literal[1]
    system: str
    documents: str
    schedule: str = Field(description="Five cron fields: minute, hour, day, month, weekday.")
    stores: tuple[StoreData, ...]
    vaults: tuple[VaultData, ...]
    minimum_vaults: int
    retention: RetentionData
    verify: Literal["restore", "read", "none"]
    not_by_itself: dict[str, str] = Field(
        description="Settings that this version does not carry out by itself, and what that means."
    )
    hold_for_points: bool = Field(description="Whether requests are held while a point is marked.")
    keep_replaced_seconds: float
    plan: PlanData
    evidence: BackupEvidence


def recovery_procedures(facts: Facts) -> RecoveryProcedures:
    return RecoveryProcedures(
        kind="lastgood/report/recovery-procedures",
        version=1,
        system=facts.system.name,
        documents=str(facts.system.folder),
        plans=tuple(_plan(facts, one) for one in facts.prepared),
        procedures=tuple(
            ProcedureData(
                name=found.name,
                when=found.when,
                steps=tuple(
                    ActionData(
                        title=action.title,
                        kind=action.kind,
                        command=runbook.action_command(facts, action),
                        limit_seconds=action.limit.total_seconds(),
                    )
                    for action in found.actions
                ),
            )
            for found in facts.system.procedures
        ),
        rehearsals=tuple(
            RehearsalData.model_validate({"kind": kind, "standing": standing(facts, kind).value})
            for kind in _DRILLS
        ),
        evidence=RecoveryEvidence(
            as_of=_instant(facts),
            drills=tuple(_drills(facts)),
            expected=tuple(
                ExpectedTime(
                    kind=one.kind.value,
                    of=one.of,
                    expected_seconds=one.plan.expected.total_seconds(),
                    waits_seconds=one.plan.downtime.total_seconds(),
                )
                for one in facts.prepared
                if one.plan is not None
            ),
        ),
    )


def backup_configuration(facts: Facts) -> BackupConfiguration:
    system, policy = facts.system, facts.system.backups
    lags = system.replication.lag_limits
    (plan,) = facts.plans(Kind.BACKUP)
    return BackupConfiguration.model_validate(
        {
            "kind": "lastgood/report/backup-configuration",
            "version": 1,
            "system": system.name,
            "documents": str(system.folder),
            "schedule": policy.schedule,
            "stores": [
                {
                    "name": store.name,
                    "kind": store.part.kind,
                    "options": options(store.part),
                    "lag_limit_seconds": lags[store.name].total_seconds() if store.name in lags else None,
                }
                for store in system.stores
                if not policy.stores or store.name in policy.stores
            ],
            "vaults": [
                {
                    "name": vault.name,
                    "kind": vault.part.kind,
                    "options": options(vault.part),
                    "key_file": str(vault.key_file),
                }
                for vault in system.vaults
                if not policy.vaults or vault.name in policy.vaults
            ],
            "minimum_vaults": system.replication.minimum_vaults,
            "retention": {name: getattr(policy.retention, name) for name in RetentionData.model_fields},
            "verify": policy.verify,
            "not_by_itself": dict(NOT_YET),
            "hold_for_points": system.consistency.hold_for_points,
            "keep_replaced_seconds": system.consistency.keep_replaced.total_seconds(),
            "plan": _plan(facts, plan),
            "evidence": {"as_of": _instant(facts), "newest": _backups(facts)},
        }
    )


def _plan(facts: Facts, one: Prepared) -> PlanData:
    plan = one.plan
    return PlanData.model_validate(
        {
            "kind": one.kind.value,
            "of": one.of,
            "command": one.command,
            "available": one.command[1] in facts.commands,
            "refused": f"{one.refused} {one.mend}".strip(),
            "needs_approval": plan.needs_approval if plan else "",
            "steps": _steps(plan) if plan else (),
            "ways_back": [
                {"name": name, "title": back.title, "steps": _steps(back)}
                for name, back in (plan.ways_back.items() if plan else ())
            ],
            "commits_at": plan.commits_at if plan else None,
        }
    )


def _steps(plan: Plan) -> tuple[StepData, ...]:
    return tuple(
        StepData(
            kind=step.kind,
            does=step.does,
            verified_by=step.verified_by,
            undone_by=step.undone_by,
            limit_seconds=step.limit.total_seconds(),
            loses=step.loses,
        )
        for step in plan.steps
    )


def _drills(facts: Facts) -> list[DrillData]:
    found = ((kind, last_drill(facts.history, kind)) for kind in _DRILLS)
    return [
        DrillData.model_validate(
            {
                "kind": kind,
                "at": last[0].isoformat(),
                "passed": last[1].passed,
                "rto_seconds": last[1].rto_seconds,
                "rpo_seconds": last[1].rpo_seconds,
            }
        )
        for kind, last in found
        if last is not None
    ]


def _backups(facts: Facts) -> list[BackupData]:
    points = {taken: point for point, ids in facts.history.taken.items() for taken in ids}
    return [
        BackupData(
            store=store.name,
            vault=vault.name,
            point=points.get(backup.id, ""),
            data_of=backup.marker.at.isoformat(),
            seconds=backup.seconds,
            size_bytes=backup.size_bytes,
            verified_at=backup.verified_at.isoformat() if backup.verified_at else None,
        )
        for store in facts.system.stores
        for vault in facts.system.vaults
        if (backup := newest_backup(facts.history, store.name, vault.name)) is not None
    ]


def _instant(facts: Facts) -> str | None:
    return facts.evidence_as_of.isoformat() if facts.evidence_as_of else None

"""Disaster_Recovery_Implementation.md: the contingency plan, and business continuity, as far as facts exist.

Order of the first six parts after NIST SP 800-34 Rev. 1, of part 7 after ISO 22301:2019, 8.2 to 8.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from lastgood.domain.policy import Retention
from lastgood.domain.system import Service
from lastgood.reports import commands, evidence
from lastgood.reports.by_itself import NOT_YET
from lastgood.reports.facts import Facts, Kind
from lastgood.reports.page import Block, Heading, Items, Page, Paragraph, table, unknown
from lastgood.reports.places import store_place, vault_place
from lastgood.reports.plans import procedure
from lastgood.reports.runbook import available, people, when
from lastgood.reports.words import code, names, span, typed

RUNBOOK = "Rollback_Recovery_Procedures.md"
_CONTINUITY = "business-continuity.yml"


_BAD_RELEASE = {
    "rollback": "undone by itself",
    "ask": "undone after a person was asked, or by itself without an answer",
    "pause": "kept from getting more traffic until a person undoes it",
    "notify": "**not undone by itself**: it is only told (dry run)",
}


def disaster_recovery(facts: Facts) -> Page:
    return Page(
        f"Disaster recovery and business continuity: {facts.system.name}",
        (
            Paragraph(f"In an emergency, begin with [the runbook]({RUNBOOK}); this is the plan behind it."),
            *_introduction(facts),
            *_concept(facts),
            *_activation(facts),
            *_recovery(facts),
            *_reconstitution(facts),
            *_continuity(facts),
            *_exercises(facts),
            *_inventory(facts),
            *_not_here(),
        ),
    )


def _introduction(facts: Facts) -> Iterator[Block]:
    system = facts.system
    yield Heading(2, "1. Introduction")
    yield Heading(3, "Purpose")
    if system.continuity.purpose:
        yield Paragraph(system.continuity.purpose)
    else:
        yield unknown("what this system is for", f"`purpose` of {_CONTINUITY} supplies it.")
    yield Heading(3, "Scope")
    yield Paragraph(
        f"Services: {names([one.name for one in system.services])}. Stores: "
        f"{names([one.name for one in system.stores])}. "
        "What stands in none of the documents is not protected."
    )
    yield Heading(3, "Assumptions")
    keys = [code(str(vault.key_file)) for vault in system.vaults]
    if not keys:
        yield unknown("where backups would come from", "`vaults` of system.yml supplies it.")
        return
    yield Items(
        (
            "At least one vault survives the disaster: "
            + "; ".join(f"{code(vault.name)}, {vault_place(vault)}" for vault in system.vaults)
            + ".",
            f"Its key survives apart from it: a copy of {' and '.join(keys)} is kept elsewhere. "
            "**Without the key no backup can be read, by anybody.**",
            *_keys(facts),
            *_same_machine(facts),
        )
    )


def _keys(facts: Facts) -> Iterator[str]:
    several = len(facts.system.vaults) > 1
    for vault in facts.system.vaults if "key" in facts.commands else ():
        name = vault.name if several else ""
        yield (
            f"A copy of the key of {code(vault.name)}: {code(typed(commands.key('export', name)))}; whether "
            f"a copy opens the vault: {code(typed(commands.key('check', name)))}"
        )


def _same_machine(facts: Facts) -> Iterator[str]:
    local = [vault.name for vault in facts.system.vaults if vault_place(vault).startswith("folder ")]
    if local and len(local) == len(facts.system.vaults):
        yield (
            f"**Not met unless it is another machine's disk:** every vault ({names(local)}) is a folder of "
            "this machine. What destroys the machine may destroy it too."
        )


def _concept(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "2. Concept of operations")
    yield Heading(3, "The system")
    yield table(
        ("service", "reached at", "uses", "needs"),
        [
            (
                service.name,
                f"{service.traffic.host}:{service.traffic.port}" if service.traffic else "-",
                names(service.stores or [store.name for store in facts.system.stores]),
                names(service.depends_on) if service.depends_on else "-",
            )
            for service in facts.system.services
        ],
    )
    yield Heading(3, "The phases")
    yield Items(
        (
            "Activation: somebody sees the criteria of part 3 and decides.",
            "Recovery: the plan of part 4 runs, by one command.",
            "Reconstitution: part 5 proves it, and makes a fresh recovery point.",
        ),
        numbered=True,
    )
    yield Heading(3, "Roles")
    yield from people(facts)


def _activation(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "3. Activation and notification")
    yield Heading(3, "Criteria")
    criteria = [
        *(found.when for found in facts.system.procedures),
        *(
            f"{one.name} is away, and will not be back within {span(one.objective.rto)} by itself; lasting "
            f"harm begins after {span(one.maximum_tolerable_downtime)}."
            for one in facts.system.continuity.activities
        ),
    ]
    if criteria:
        yield Items(tuple(criteria))
    else:
        yield unknown(
            "when this plan is activated",
            f"`activities` of {_CONTINUITY} and `when` of recovery-procedures.yml supply it.",
        )
    yield Heading(3, "Notification")
    yield Paragraph(
        "By a person: call the roles of part 2. This version of lastgood sends no messages itself."
    )
    yield Heading(3, "Outage assessment")
    yield Items(
        (
            f"What runs, and on which release: {code(typed(commands.status()))}",
            f"Documents, tools and vaults: {code(typed(commands.check()))}",
            f"What was done last: {code(typed(commands.runs()))}",
        )
    )


def _recovery(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "4. Recovery")
    found = available(facts, Kind.RECOVER)
    for one in found:
        title = f"On a new machine, from vault {one.of}"
        yield from procedure(title, when(facts, one), one, 3)
    if not found:
        yield unknown(
            "recovery on a new machine",
            "`vaults` of system.yml supplies it."
            if not facts.system.vaults
            else "This version of lastgood has no `recover` command.",
        )
    yield Heading(3, "On this machine")
    yield Items(
        (
            f"Only data is lost: [Restore data]({RUNBOOK}#restore-data) of the runbook.",
            f"Only the services are down: [Start everything]({RUNBOOK}#start-everything) of the runbook.",
        )
    )
    yield Heading(3, "Escalation")
    if facts.system.continuity.roles:
        yield Paragraph("A step that fails names its mend. If that does not help, call the roles of part 2.")
    else:
        yield unknown("whom to escalate to", f"`roles` of {_CONTINUITY} supplies it.")


def _reconstitution(facts: Facts) -> Iterator[Block]:
    system = facts.system
    yield Heading(2, "5. Reconstitution")
    yield Heading(3, "Data validation")
    if system.consistency.invariants:
        yield Paragraph("Asked by the recovery itself, before requests go on:")
        yield table(
            ("invariant", "store", "asks", "right answer"),
            [
                (
                    one.name,
                    one.store,
                    code(one.query or typed(one.command)),
                    one.expect if one.query else "exit code 0",
                )
                for one in system.consistency.invariants
            ],
        )
    else:
        yield unknown("what must hold of the data", "`invariants` of data-consistency.yml supplies it.")
    yield Heading(3, "Functionality validation")
    yield Items(tuple(_probes(service) for service in system.services))
    yield Heading(3, "Declaration, clean-up and documentation")
    yield Items(
        (
            f"Declare it: {code(typed(commands.status()))} shows every service running.",
            f"A fresh recovery point: {code(typed(commands.backup(why='after recovery')))}",
            f"What was replaced stands under {code(str(system.state))}; the documents ask to keep it for "
            f"{span(system.consistency.keep_replaced)}, and this version removes nothing by itself.",
            f"The record: {code(typed(commands.show_run()))} with the recovery's run for RUN.",
            f"These pages anew: {code(typed(commands.docs()))}",
        ),
        numbered=True,
    )


def _probes(service: Service) -> str:
    asked = ", ".join(code(probe.name) for probe in service.readiness) or "nothing"
    return f"{code(service.name)}: {asked} within {span(service.ready_within)}, where people reach it."


def _continuity(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "6. Business continuity")
    yield Heading(3, "Impact: what must be back, and how soon")
    yield from evidence.promises(facts)
    activities = facts.system.continuity.activities
    linked = [one for one in activities if one.depends_on]
    if activities:
        yield Heading(3, "Interdependencies")
        yield Items(
            tuple(f"{one.name} cannot go on without {', '.join(one.depends_on)}." for one in linked)
            or ("No activity is said to depend on another.",)
        )
        yield Heading(3, "Resources: the services in their order of recovery")
        yield Items(_order(facts), numbered=True)
    yield Heading(3, "Strategies")
    yield Items(
        (
            f"A bad release: {_BAD_RELEASE[facts.system.triggers.on_failed]} "
            f"(`on_failed: {facts.system.triggers.on_failed}`).",
            f"Lost data: backups by `{facts.system.backups.schedule}` into "
            f"{names(facts.system.backups.vaults or [vault.name for vault in facts.system.vaults])}; "
            "part 8 says what of that happens by itself.",
            "A lost machine: part 4.",
        )
    )


def _order(facts: Facts) -> tuple[str, ...]:
    """As the recovery plan starts them."""
    plans = [one.plan for one in facts.plans(Kind.RECOVER, Kind.START) if one.plan is not None]
    started = [
        str(step.arguments["service"])
        for plan in plans[:1]
        for step in plan.steps
        if step.kind == "instance.start"
    ]
    return tuple(code(name) for name in started) or ("Nothing was deployed yet.",)


def _exercises(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "7. Exercises and their results")
    yield from evidence.rehearsals(facts)
    yield Heading(3, "Quality gates")
    if "gates" in facts.commands:
        yield Paragraph(f"As of when this page was written; now: {code(typed(commands.gates()))}")
    yield evidence.gates(facts)


def _inventory(facts: Facts) -> Iterator[Block]:
    system = facts.system
    yield Heading(2, "8. Inventory")
    yield table(
        ("what", "name", "kind", "where"),
        [
            *(("store", store.name, store.part.kind, store_place(store)) for store in system.stores),
            *(("vault", vault.name, vault.part.kind, vault_place(vault)) for vault in system.vaults),
            *(("key", vault.name, "file", code(str(vault.key_file))) for vault in system.vaults),
            ("documents", system.name, "folder", code(str(system.folder))),
            ("state", system.name, "folder", code(str(system.state))),
        ],
    )
    yield Heading(3, "Releases")
    if facts.history.releases:
        yield evidence.known_releases(facts)
    else:
        yield unknown("releases", f"{code(typed(commands.deploy()))} supplies the first.")
    yield Heading(3, "Backups")
    yield from _backup_settings(facts)
    yield evidence.backups(facts)
    yield evidence.as_of(facts)


def _backup_settings(facts: Facts) -> Iterator[Block]:
    policy = facts.system.backups
    kept = ", ".join(f"{field.name} {getattr(policy.retention, field.name)}" for field in fields(Retention))
    cron = typed((*commands.backup(why="scheduled"), "--system", str(facts.system.folder)))
    yield table(
        ("setting", "value", "by itself?"),
        [
            ("schedule", code(policy.schedule), NOT_YET.get("schedule", "yes")),
            ("retention", kept, NOT_YET.get("retention", "yes")),
            ("verify", policy.verify, NOT_YET.get("verify", "yes")),
            ("vaults asked for", str(facts.system.replication.minimum_vaults), "`lastgood gates` tells"),
        ],
    )
    if "schedule" in NOT_YET:
        yield Paragraph(f"Until then cron does it: {code(f'{policy.schedule} {cron}')}")


def _not_here() -> Iterator[Block]:
    yield Heading(2, "9. What this plan does not hold")
    yield Paragraph(
        "Nothing in the documents speaks of these, so nothing stands here: approval of this plan, risk "
        "assessment, vendors and contracts, an alternate site, communication with customers and the press, "
        "the decision log of an incident. Keep them where they are reached when this system is down."
    )

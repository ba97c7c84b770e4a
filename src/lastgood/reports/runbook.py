"""Rollback_Recovery_Procedures.md: what the person on duty types, and what then happens."""

from __future__ import annotations

from collections.abc import Iterator

from lastgood.domain.procedure import Action
from lastgood.reports import commands, evidence
from lastgood.reports.facts import Facts, Kind, Prepared
from lastgood.reports.page import Block, Code, Heading, Items, Page, Paragraph, Table, table, unknown
from lastgood.reports.places import vault_place
from lastgood.reports.plans import procedure
from lastgood.reports.words import code, span, typed

EXIT_CODES = (
    ("0", "done and verified", "nothing"),
    ("1", "an unexpected error", "read the message; type the command again"),
    ("2", "a mistyped command or a wrong document", "the message names what to write instead"),
    ("3", "the release was bad and was rolled back", "nothing at once: the last good release serves"),
    ("4", "the action failed", "a person is needed: do what the message says last"),
    (
        "5",
        "refused, or waiting for an approval",
        "the message names the safe alternative, or what to approve",
    ),
    ("6", "too little was seen to decide", "the last good release serves; deploy again under traffic"),
    ("7", "a gate is missed, or a page is stale", "do what the message says last"),
    ("130", "interrupted", f"{code(typed(commands.resume()))} brings the run to its end"),
)

_WHEN = {
    Kind.ROLLBACK_KEEP: "The release misbehaves, and the data is good. Nothing that was written is lost.",
    Kind.ROLLBACK_REWIND: "The release wrote wrong data. **Everything written after the recovery point is "
    "taken back**: read the counts of `--plan` first. What is replaced is kept.",
    Kind.RESTORE: "Data is lost or damaged, and the release is good. **Everything written after the point is "
    "taken back.** POINT is the newest one, unless `--point` names another (`lastgood points` lists them). "
    "What is replaced is kept.",
    Kind.START: "The machine was restarted, or a service died.",
    Kind.BACKUP: "Before anything that could go wrong.",
}
_TITLES = {
    Kind.ROLLBACK_KEEP: "Go back to the last good release",
    Kind.ROLLBACK_REWIND: "Go back, and rewind the data",
    Kind.RESTORE: "Restore data",
    Kind.START: "Start everything",
    Kind.RECOVER: "Recover on a new machine",
    Kind.BACKUP: "Make a recovery point now",
}


def runbook(facts: Facts) -> Page:
    return Page(
        f"Rollback and recovery procedures: {facts.system.name}",
        (
            *_first(facts),
            *_what_do_you_see(facts),
            *_people(facts),
            *(
                block
                for kind in _TITLES
                for one in available(facts, kind)
                for block in _procedure(facts, one)
            ),
            *_written_procedures(facts),
            *_interrupted(),
            Heading(2, "How far this is proven"),
            *evidence.rehearsals(facts),
            evidence.backups(facts),
            evidence.releases_and_verdicts(facts),
            *_about(),
        ),
    )


def available(facts: Facts, kind: Kind) -> tuple[Prepared, ...]:
    """Only what this version of the software does."""
    return tuple(one for one in facts.plans(kind) if one.command[1] in facts.commands)


def _first(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "Type this first")
    folder = facts.system.folder
    yield Code((typed(("export", f"LASTGOOD_SYSTEM={folder}")), typed(commands.status())))
    yield Paragraph(
        "It shows which release each service is on, whether it runs, and what it would go back to. "
        f"**Was a command cut off? Type {code(typed(commands.resume()))}, not the command again:** a second "
        "`rollback` goes back one release further."
    )


def _what_do_you_see(facts: Facts) -> Iterator[Block]:
    several = len(facts.system.services) > 1
    yield Heading(2, "What do you see?")
    yield Table(
        ("you see", "type", "what it loses"),
        (
            *_rows(facts, Kind.ROLLBACK_KEEP, "errors, slowness or crashes since a release", "nothing"),
            *_rows(facts, Kind.ROLLBACK_REWIND, "wrong data since a release", "`--plan` counts it"),
            (
                "the last good release is no good either",
                code(typed(commands.rollback("SERVICE" if several else "", to="RELEASE"))),
                "nothing",
            ),
            *_rows(facts, Kind.RESTORE, "lost or damaged data", "`--plan` counts it"),
            *_rows(facts, Kind.START, "nothing runs, for instance after a restart", "nothing"),
            *_rows(facts, Kind.RECOVER, "the machine is gone", "what came after the newest recovery point"),
            ("a command was cut off", code(typed(commands.resume())), "nothing"),
            (
                "you want to look into old data, beside the live one",
                code(typed(commands.restore(("STORE",), to="FOLDER"))),
                "nothing",
            ),
            ("a run waits for an approval", code(typed(commands.approve())), "what its plan says"),
            ("something else", code(typed(commands.check())), "nothing"),
        ),
    )
    yield Paragraph(
        f"What fits RELEASE: {code(typed(commands.releases()))}. "
        f"What fits RUN: {code(typed(commands.runs()))}."
    )


def _rows(facts: Facts, kind: Kind, sees: str, loses: str) -> Iterator[tuple[str, ...]]:
    several = len(facts.plans(kind)) > 1
    for one in available(facts, kind):
        looks = kind in (Kind.ROLLBACK_REWIND, Kind.RESTORE)
        command = (*one.command, "--plan") if looks else one.command
        told = code(typed(command)) if one.plan is not None else f"**not possible now:** {one.refused}"
        yield (f"{sees} ({one.of})" if several else sees, told, loses)
    if not available(facts, kind) and facts.plans(kind):
        yield sees, f"**not possible:** this version has no `{facts.plans(kind)[0].command[1]}`", "-"


def _procedure(facts: Facts, one: Prepared) -> Iterator[Block]:
    several = len(facts.plans(one.kind)) > 1
    title = _TITLES[one.kind]
    if several:
        title += f" ({'from vault ' if one.kind is Kind.RECOVER else ''}{one.of})"
    yield from procedure(title, when(facts, one), one)


def when(facts: Facts, one: Prepared) -> str:
    """When it is done, and what must be at hand."""
    if one.kind is not Kind.RECOVER:
        return _WHEN[one.kind]
    vault = facts.system.vault(one.of)
    return (
        f"The machine is gone. On a new one with lastgood, {vault_place(vault)} in reach, and FILE: your "
        f"copy of the vault's key, which was {code(str(vault.key_file))}."
    )


def _people(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "Whom to call")
    yield from people(facts)


def people(facts: Facts) -> Iterator[Block]:
    roles = facts.system.continuity.roles
    if not roles:
        yield unknown("whom to call", "`roles` of business-continuity.yml supplies it.")
        return
    yield table(
        ("role", "person", "reached by", "if not there"),
        [(role.name, role.person, role.contact, role.alternate or "**nobody**") for role in roles],
    )


def _written_procedures(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "Procedures of this system")
    if not facts.system.procedures:
        yield unknown("procedures of your own", "`procedures` of recovery-procedures.yml supplies them.")
        return
    yield Paragraph("Written in recovery-procedures.yml. Type the steps in their order.")
    for found in facts.system.procedures:
        yield Heading(3, found.name)
        yield Paragraph(found.when)
        yield Items(tuple(action_text(facts, action) for action in found.actions), numbered=True)


def action_text(facts: Facts, action: Action) -> str:
    """What a person does for one step of a written procedure."""
    if action.kind == "ask":
        return f"{action.title} Go on only when the answer is yes."
    command = action_command(facts, action)
    missing = "" if command[0] != "lastgood" or command[1] in facts.commands else " (not in this version)"
    asks = action.kind == "restore" or action.arguments.get("data") == "rewind"
    told = ", shows its plan and waits for your approval" if asks else ""
    return f"{action.title}: {code(typed(command))}{missing}{told}, at most {span(action.limit)}"


def action_command(facts: Facts, action: Action) -> commands.Command:
    """Empty for a question."""
    said = {name: str(value) for name, value in action.arguments.items()}
    match action.kind:
        case "backup":
            return commands.backup((said["store"],))
        case "restore":
            return commands.restore((said["store"],), said["point"])
        case "rollback":
            to = "" if said["to"] == "last good" else said["to"]
            return commands.rollback(facts.service_option(said["service"]), said["data"], to)
        case "recover":
            return commands.recover(said["vault"])
        case "check":
            return commands.status()
        case "command":
            parts = action.arguments["command"]
            return tuple(str(part) for part in parts) if isinstance(parts, list) else ()
        case _:
            return ()


def _interrupted() -> Iterator[Block]:
    yield Heading(2, "How a command ends")
    yield Paragraph("Its exit code (`echo $?`) says how it ended; its last line says what to do.")
    yield table(("code", "means", "do"), EXIT_CODES)
    yield Paragraph(
        f"What was done, step by step: {code(typed(commands.runs()))}, then "
        f"{code(typed(commands.show_run()))} with the run's name for RUN."
    )


def _about() -> Iterator[Block]:
    yield Heading(2, "About this page")
    yield Paragraph(
        f"Written by {code(typed(commands.docs()))} from the documents and from the very plans that the "
        "commands run; do not edit it. Words in capitals (NEXT, POINT, RUN) stand for what is known only "
        f"when it runs. {code(typed((*commands.docs(), '--check')))} tells whether it is stale."
    )

"""Prepared plans as blocks of a page: what to type, what happens, what if it fails."""

from __future__ import annotations

from collections.abc import Iterator

from lastgood.domain.plan import Plan
from lastgood.reports import commands
from lastgood.reports.facts import Kind, Prepared
from lastgood.reports.page import Block, Code, Evidence, Heading, Items, Paragraph, table
from lastgood.reports.words import code, seconds, typed

_SHOWS_ITS_PLAN = (Kind.DEPLOY, Kind.ROLLBACK_KEEP, Kind.ROLLBACK_REWIND, Kind.RESTORE, Kind.RECOVER)
_NOTES = {"--plan": "look first: changes nothing", "--yes": "do it, without another question"}


def procedure(title: str, when: str, prepared: Prepared, level: int = 2) -> Iterator[Block]:
    yield Heading(level, title)
    yield Paragraph(when)
    if prepared.plan is None:
        yield Paragraph(f"**Not possible now.** {prepared.refused} {prepared.mend}".rstrip())
        return
    yield Code(to_type(prepared))
    yield from steps(prepared.plan)


def to_type(prepared: Prepared) -> tuple[str, ...]:
    """The lines for a shell: first the look, where the command has one, then the deed."""
    needs_yes = prepared.plan is not None and bool(prepared.plan.needs_approval)
    deed = commands.agreed(prepared.command) if needs_yes else prepared.command
    if prepared.kind not in _SHOWS_ITS_PLAN:
        return (typed(deed),)
    lines = (typed((*prepared.command, "--plan")), typed(deed))
    width = max(len(line) for line in lines)
    notes = (_NOTES["--plan"], _NOTES["--yes"] if needs_yes else "do it")
    return tuple(f"{line.ljust(width)}   # {note}" for line, note in zip(lines, notes, strict=True))


def steps(plan: Plan) -> Iterator[Block]:
    yield table(
        ("", "what happens", "done when"),
        [(str(number), step.does, step.verified_by) for number, step in enumerate(plan.steps, 1)],
    )
    yield Paragraph(_when_it_fails(plan))
    for name, back in plan.ways_back.items():
        if back.steps:
            label = f"The way back ({name}): {back.title}" if len(plan.ways_back) > 1 else "The way back"
            yield Paragraph(f"{label}.")
            yield Items(tuple(step.does for step in back.steps), numbered=True)
    yield Evidence((Paragraph(_cost(plan)),))


def _when_it_fails(plan: Plan) -> str:
    if not plan.ways_back:
        return (
            f"If a step fails, mend what {code(typed(commands.show_run()))} says, then type the command "
            "again: what is done already is not done twice."
        )
    if plan.commits_at is None or plan.commits_at >= len(plan.steps):
        return "If a step fails, the way back is taken by itself."
    return (
        f"If one of steps 1 to {plan.commits_at} fails, the way back is taken by itself. From step "
        f"{plan.commits_at + 1} on the new state stays and only tidying is left: a failure there needs a "
        f"person, and {code(typed(commands.show_run()))} says what to mend."
    )


def _cost(plan: Plan) -> str:
    waits = plan.downtime.total_seconds()
    if plan.kind == "recover":
        held = f"The service is away for about {seconds(waits)}."
    else:
        held = f"Requests wait for about {seconds(waits)}." if waits else "No request waits."
    loses = "; ".join(plan.loses) or ("" if plan.needs_approval else "nothing")
    lost = f" Loses: {loses}." if loses else " `--plan` counts what it loses."
    whole = seconds(plan.expected.total_seconds())
    return f"Expected, from what was measured last: {whole} in all. {held}{lost}"

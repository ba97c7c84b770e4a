"""The five documents: name to text, and which of those that were written are stale.

A document is stale when it would tell its reader something else today: another step, command, setting, person
or release, or that a promise is no longer proven. It is not stale because another backup was made: figures
stand in marked evidence (docs/adr/0005-what-makes-a-document-stale.md), which is compared by age only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from lastgood.reports.automation_guide import automation_guide
from lastgood.reports.data import backup_configuration, recovery_procedures
from lastgood.reports.disaster_recovery import disaster_recovery
from lastgood.reports.facts import Facts
from lastgood.reports.markdown import markdown, sections
from lastgood.reports.runbook import runbook
from lastgood.reports.words import span

_EVIDENCE = "evidence"
_AS_OF = "as_of"


@dataclass(frozen=True, slots=True)
class Stale:
    file: str
    where: str  # a heading or a field; empty: the whole file
    why: str


def _json(value: BaseModel) -> str:
    return json.dumps(value.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


DOCUMENTS: Final[Mapping[str, Callable[[Facts], str]]] = {
    "Rollback_Recovery_Procedures.md": lambda facts: markdown(runbook(facts)),
    "Recovery_Procedures.json": lambda facts: _json(recovery_procedures(facts)),
    "Disaster_Recovery_Implementation.md": lambda facts: markdown(disaster_recovery(facts)),
    "Backup_Configuration.json": lambda facts: _json(backup_configuration(facts)),
    "Rollback_Automation_Guide.md": lambda facts: markdown(automation_guide(facts)),
}


def render(facts: Facts) -> dict[str, str]:
    return {name: make(facts) for name, make in DOCUMENTS.items()}


def stale(written: Mapping[str, str | None], facts: Facts) -> tuple[Stale, ...]:
    """`written` are the documents as they stand, None where one is missing."""
    return tuple(
        found
        for name, text in render(facts).items()
        for found in _stale(name, written.get(name), text, facts)
    )


def _stale(name: str, old: str | None, new: str, facts: Facts) -> Iterator[Stale]:
    if old is None:
        yield Stale(name, "", "it is not there.")
        return
    if name.endswith(".json"):
        yield from _stale_data(name, old, new, facts)
        return
    yield from _differences(name, sections(old), sections(new))


def _stale_data(name: str, old: str, new: str, facts: Facts) -> Iterator[Stale]:
    try:
        before = json.loads(old)
    except ValueError:
        before = None
    if not isinstance(before, dict):
        yield Stale(name, "", "it is no JSON object.")
        return
    today = json.loads(new)
    for field in sorted({*before, *today} - {_EVIDENCE}):
        if before.get(field) != today.get(field):
            yield from _differences(name, _lines(field, before), _lines(field, today))
    yield from _too_old(name, before.get(_EVIDENCE), facts)


def _lines(field: str, document: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    if field not in document:
        return {}
    return {field: tuple(json.dumps(document[field], indent=1, ensure_ascii=False).splitlines())}


def _too_old(name: str, evidence: object, facts: Facts) -> Iterator[Stale]:
    """Compared with the newest that is known, not with the clock: writing it anew must mend it."""
    newest, every = facts.evidence_as_of, facts.system.continuity.drill_every
    if newest is None:
        return
    told = evidence.get(_AS_OF) if isinstance(evidence, dict) else None
    try:
        at = datetime.fromisoformat(told) if isinstance(told, str) else None
        age = newest - at if at is not None else None
    except (ValueError, TypeError):
        age = None
    if age is None:
        yield Stale(name, _EVIDENCE, "it holds no evidence, and there is some now.")
    elif age > every:
        yield Stale(name, _EVIDENCE, f"its figures are {span(age)} behind; {span(every)} are allowed.")


def _differences(
    name: str, old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> Iterator[Stale]:
    for where in dict.fromkeys((*new, *old)):
        if where not in old:
            yield Stale(name, where, "this is new.")
        elif where not in new:
            yield Stale(name, where, "this is gone.")
        elif old[where] != new[where]:
            yield Stale(name, where, _first_difference(old[where], new[where]))


def _first_difference(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    longest = max(len(old), len(new))
    padded = ((*lines, *("",) * (longest - len(lines))) for lines in (old, new))
    differing = [(a.strip(), b.strip()) for a, b in zip(*padded, strict=True) if a != b]
    # the fence of a command says less than the command
    was, now = next((pair for pair in differing if not pair[1].startswith("```")), differing[0])
    if not now:
        return f"it says more than it should: {_short(was)}"
    return f"it says {_short(was)} and should say {_short(now)}" if was else f"it lacks {_short(now)}"


def _short(text: str) -> str:
    return f"“{text if len(text) <= 160 else text[:157] + '...'}”"

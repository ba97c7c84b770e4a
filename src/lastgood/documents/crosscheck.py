"""What must fit between the parts of a system: names, references, circles. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lastgood.documents.faults import nearest
from lastgood.documents.fields import Strict
from lastgood.documents.places import overlaps
from lastgood.documents.reading import Location
from lastgood.domain.watching import PLACES, SYNTHETIC

Documents = Mapping[str, Any]
"""Kind -> validated document. Any: the system's entries are composed when the program runs."""

_PLACE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str  # of the document
    location: Location
    problem: str
    mend: str
    at_key: bool = False  # the name of the field is wrong, not its value


def crosscheck(documents: Mapping[str, Strict]) -> tuple[Fault, ...]:
    """Every fault between valid documents. `system` must be among them; others may be missing."""
    found: Documents = documents
    return tuple(
        fault
        for check in (_names, _reserved_names, _references, _places_in_texts, _circles, _overlaps)
        for fault in check(found)
    )


def _names(documents: Documents) -> Iterator[Fault]:
    """No name stands twice in a list."""
    for kind, where, entries in _lists(documents):
        counts: Counter[str] = Counter()
        for index, entry in enumerate(entries):
            counts[entry.name] += 1
            if counts[entry.name] == 2:
                problem = f"`{entry.name}` is the name of an earlier entry too."
                yield Fault(kind, (where, index, "name"), problem, "Give each entry a name of its own.")


def _reserved_names(documents: Documents) -> Iterator[Fault]:
    """Signals of the documents are told apart from those that are always there."""
    detection = documents.get("rollback/detection")
    for index, signal in enumerate(detection.signals if detection else ()):
        if signal.name in _RESERVED:
            problem = f"`{signal.name}` is the name of a signal that lastgood has itself."
            yield Fault("rollback/detection", ("signals", index, "name"), problem, "Give it another name.")


_RESERVED = ("errors", "slow", "latency", "facts", "requests", SYNTHETIC)


def _lists(documents: Documents) -> Iterator[tuple[str, str, Sequence[Any]]]:
    for kind, fields in {
        "system": ("services", "stores", "vaults"),
        "rollback/detection": ("signals",),
        "data/consistency": ("invariants",),
        "recovery/procedures": ("procedures",),
        "business/continuity": ("activities", "roles"),
    }.items():
        if kind in documents:
            for field in fields:
                yield kind, field, getattr(documents[kind], field)


def _references(documents: Documents) -> Iterator[Fault]:
    """Every name that refers to something refers to something that is there."""
    known = {
        noun: [entry.name for entry in getattr(documents[kind], field)]
        for noun, (kind, field) in _NOUNS.items()
        if kind in documents
    }
    for kind, location, noun, name in _mentions(documents):
        if noun in known and name not in known[noun]:
            there = ", ".join(known[noun])
            mend = nearest(name, known[noun]) or (
                f"Name one of: {there}." if there else f"There is no {noun} yet."
            )
            in_key = location[0] == "lag_limits"
            yield Fault(kind, location, f"There is no {noun} named `{name}`.", mend, in_key)


_NOUNS = {
    "service": ("system", "services"),
    "store": ("system", "stores"),
    "vault": ("system", "vaults"),
    "procedure": ("recovery/procedures", "procedures"),
    "activity": ("business/continuity", "activities"),
}


def _mentions(documents: Documents) -> Iterator[tuple[str, Location, str, str]]:
    """(kind of document, location, noun, name) of every reference."""
    for index, service in enumerate(documents["system"].services):
        yield from _each("system", ("services", index, "stores"), "store", service.stores)
        yield from _each("system", ("services", index, "depends_on"), "service", service.depends_on)
    if backup := documents.get("backup/automation"):
        yield from _each("backup/automation", ("stores",), "store", backup.stores)
        yield from _each("backup/automation", ("vaults",), "vault", backup.vaults)
    if replication := documents.get("data/replication"):
        for store in replication.lag_limits:
            yield "data/replication", ("lag_limits", store), "store", store
    if detection := documents.get("rollback/detection"):
        for index, signal in enumerate(detection.signals):
            if signal.kind == "sql":
                yield "rollback/detection", ("signals", index, "store"), "store", signal.store
    if consistency := documents.get("data/consistency"):
        for index, invariant in enumerate(consistency.invariants):
            yield "data/consistency", ("invariants", index, "store"), "store", invariant.store
    if continuity := documents.get("business/continuity"):
        for index, activity in enumerate(continuity.activities):
            where = ("activities", index)
            yield from _each("business/continuity", (*where, "services"), "service", activity.services)
            yield from _each("business/continuity", (*where, "depends_on"), "activity", activity.depends_on)
    if procedures := documents.get("recovery/procedures"):
        for number, procedure in enumerate(procedures.procedures):
            for index, step in enumerate(procedure.steps):
                if noun := _STEP_NOUNS.get(step.does):
                    location = ("procedures", number, "steps", index, step.does)
                    yield "recovery/procedures", location, noun, getattr(step, step.does)


_STEP_NOUNS = {
    "backup": "store",
    "restore": "store",
    "rollback": "service",
    "recover": "vault",
    "check": "service",
    "procedure": "procedure",
}


def _each(
    kind: str, where: Location, noun: str, names: Iterable[str]
) -> Iterator[tuple[str, Location, str, str]]:
    for index, name in enumerate(names):
        yield kind, (*where, index), noun, name


def _places_in_texts(documents: Documents) -> Iterator[Fault]:
    """Every ${...} is known where it stands."""
    system = documents["system"]
    fields = {f"stores.{store.name}.{field}" for store in system.stores for field in store.part().options}
    known = {"port", "host"} | {name for name in fields if not name.endswith(".kind")}
    for location, text in _texts(system):
        for name in _PLACE.findall(text):
            if name not in known:
                right = sorted(f"${{{one}}}" for one in known)
                mend = nearest(f"${{{name}}}", right) or f"Known here: {', '.join(right)}."
                yield Fault("system", location, f"`${{{name}}}` is not known here.", mend)
    if detection := documents.get("rollback/detection"):
        yield from _places_of_instances(detection)
    for field in ("stores", "vaults"):
        for index, entry in enumerate(getattr(system, field)):
            for option, value in entry.part().options.items():
                if isinstance(value, str) and _PLACE.search(value):
                    problem = "Places like ${...} are not filled in here."
                    yield Fault("system", (field, index, option), problem, "Write the value itself.")


def _places_of_instances(detection: Any) -> Iterator[Fault]:
    right = [f"${{{name}}}" for name in PLACES]
    for index, signal in enumerate(detection.signals):
        for field in ("query", "total", "bad", "path", "matchers", "matches", "command"):
            value = getattr(signal, field, "")
            for name in _PLACE.findall(value if isinstance(value, str) else " ".join(value)):
                known = right if field != "query" or signal.kind == "prometheus" else []
                if f"${{{name}}}" not in known:
                    mend = nearest(f"${{{name}}}", known) or f"Known here: {', '.join(known) or 'none'}."
                    where = ("signals", index, field)
                    yield Fault("rollback/detection", where, f"`${{{name}}}` is not known here.", mend)


def _texts(system: Any) -> Iterator[tuple[Location, str]]:
    for index, service in enumerate(system.services):
        where = ("services", index)
        for name, value in service.environment.items():
            yield (*where, "environment", name), value
        for name, path in service.shared.items():
            yield (*where, "shared", name), str(path)
        for number, word in enumerate(service.command):
            yield (*where, "command", number), word


def _circles(documents: Documents) -> Iterator[Fault]:
    """Nothing waits for itself."""
    services = documents["system"].services
    yield from _circle(
        "system", "services", {entry.name: entry.depends_on for entry in services}, "depends_on"
    )
    if continuity := documents.get("business/continuity"):
        needs = {entry.name: entry.depends_on for entry in continuity.activities}
        yield from _circle("business/continuity", "activities", needs, "depends_on")
    if procedures := documents.get("recovery/procedures"):
        runs = {
            entry.name: tuple(step.procedure for step in entry.steps if step.procedure)
            for entry in procedures.procedures
        }
        yield from _circle("recovery/procedures", "procedures", runs, "steps")


def _circle(kind: str, where: str, needs: Mapping[str, Sequence[str]], field: str) -> Iterator[Fault]:
    """One fault for each circle, at the entry of it that stands first."""
    told: set[str] = set()
    for index, name in enumerate(needs):
        way = _way_back_to(name, needs)
        if way and not told & set(way):
            told |= set(way)
            yield Fault(
                kind,
                (where, index, field),
                f"This runs in a circle: {' -> '.join(way)}.",
                "Remove one of these links.",
            )


def _way_back_to(start: str, needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The shortest way from `start` to itself, both ends included; empty when there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in needs.get(way[-1], ()):
            if name == start:
                return (*way, name)
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()


def _overlaps(documents: Documents) -> Iterator[Fault]:
    for location, problem, mend in overlaps(documents["system"]):
        yield Fault("system", location, problem, mend)

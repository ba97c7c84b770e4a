"""Writes a document as text for people: each field under a comment from its description in the model.

So text and model cannot differ: a description is changed in one place, and a field that the model does not
know is not explained (and not loaded, as a test of `init` sees).
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lastgood.documents.reading import Location
from lastgood.documents.schema import Schema, known_fields

WIDTH: Final = 100  # columns

_PLAIN: Final = re.compile(
    r"[A-Za-z/]|[A-Za-z/][\w./ @+~-]*[\w./]"  # words and paths
    r"|\.\.?(/[\w./@+~-]*)?|\.[a-z_][\w./-]*"  # .. and .state
    r"|\d+(ms|[smhdw])([\dmshdw]*[mshdw])?|\d+(\.\d+){3}:\d+"  # 1h30m and 127.0.0.1:8080
)
_PROSE: Final = re.compile(r"[A-Za-z](?:[\w ,;.()'`/?!%+-]|:(?! ))*[\w.)?!`]")  # where no bracket is open
_WORDS: Final = {
    ".inf",
    ".nan",
    "true",
    "false",
    "null",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
}  # other than text to some reader


@dataclass(frozen=True, slots=True)
class Offer:
    """A field that is off: it is written as a comment, so that people see what it would look like."""

    value: object


@dataclass(frozen=True, slots=True)
class Draft:
    """`data` holds plain values and Offers; `notes` are further lines of comment above a field."""

    data: Mapping[str, object]
    notes: Mapping[Location, Sequence[str]] = field(default_factory=dict)


def write(schema: Schema, draft: Draft) -> str:
    """The text of a document that loads as the draft's data (without what it only offers)."""
    order = list(schema.get("properties", {}))
    data = {name: draft.data[name] for name in sorted(draft.data, key=order.index)}
    page = _Page(schema, Draft(data, draft.notes))
    head = [f"# {line}" for line in _wrapped(str(schema.get("description", "")), WIDTH - 2)]
    return "\n".join([*head, *page.mapping((), data, 0)]) + "\n"


def plain(value: object) -> Any:
    """The value without what is only offered."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items() if not isinstance(item, Offer)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def scalar(value: object) -> str:
    """As YAML, quoted only where it must be."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def flow(value: object) -> str:
    """On one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(name)}: {flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


class _Page:
    def __init__(self, schema: Schema, draft: Draft) -> None:
        self._schema = schema
        self._whole = plain_with_offers(draft.data)
        self._notes = draft.notes

    def mapping(self, location: Location, data: Mapping[str, object], indent: int) -> Iterator[str]:
        """Each field under its comment; at the top with an empty line between."""
        for name, value in data.items():
            offered = isinstance(value, Offer)
            here = (*location, name)
            if not location and name not in ("kind", "version"):
                yield ""
            content = value.value if isinstance(value, Offer) else value
            if location or name not in ("kind", "version"):
                yield from self._comments(here, content, indent)
            page = _Page({}, Draft({})) if offered else self  # an example is not explained once more
            for line in page._field(here, name, content, 0 if offered else indent):
                yield f"{' ' * indent}# {line}" if offered else line

    def _comments(self, here: Location, content: object, indent: int) -> Iterator[str]:
        # what stands in a list is explained once, at its first entry
        first = all(step == 0 for step in here if isinstance(step, int))
        if first and (text := self._description(here)):
            yield from _comment(text, indent)
        if len(here) == 1:
            yield from self._glossary(here, content)
        for note in self._notes.get(here, ()):
            yield from _comment(note, indent)

    def _glossary(self, here: Location, value: object) -> Iterator[str]:
        """What stands on one line has no room for comments: its fields are explained above all entries."""
        if not isinstance(value, list | tuple) or not all(isinstance(entry, Mapping) for entry in value):
            return
        if not value or not all(_one_line("  - ", entry) for entry in value):
            return
        told = [
            (name, self._description((*here, index, name)))
            for index, entry in enumerate(value)
            for name in entry
        ]
        explained = {name: " Or: ".join(texts) for name, texts in _by_name(told).items()}
        width = max(map(len, explained), default=0) + 3
        for name, text in explained.items():
            lines = _wrapped(text, WIDTH - width - 4)
            yield from (
                f"#   {(name if not number else ''):{width}}{line}" for number, line in enumerate(lines)
            )

    def _field(self, here: Location, name: str, value: object, indent: int) -> Iterator[str]:
        begin = f"{' ' * indent}{scalar(name)}:"
        if isinstance(value, Mapping) and value:
            yield begin
            yield from self.mapping(here, value, indent + 2)
        elif isinstance(value, Sequence) and not isinstance(value, str) and value and _long(begin, value):
            yield begin
            airy = len(here) == 1 and len(value) > 1 and not all(_one_line("  - ", entry) for entry in value)
            for index, entry in enumerate(value):
                if airy and index:
                    yield ""
                yield from self._entry((*here, index), entry, indent + 2)
        else:
            yield f"{begin} {_prose(value) or flow(value)}"

    def _entry(self, here: Location, entry: object, indent: int) -> Iterator[str]:
        dash = " " * indent + "- "
        if not isinstance(entry, Mapping):
            yield f"{dash}{flow(entry)}"
        elif len(entry) == 1 and _one_line(dash, entry):
            ((name, value),) = entry.items()
            yield f"{dash}{scalar(name)}: {_prose(value) or flow(value)}"
        elif _one_line(dash, entry):
            yield f"{dash}{flow(entry)}"
        else:
            lines = list(self.mapping(here, entry, indent + 2))
            start = next(index for index, line in enumerate(lines) if not line.lstrip().startswith("#"))
            # the comment of the first field stands above the dash
            yield from (line[2:] for line in lines[:start])
            yield f"{dash}{lines[start].strip()}"
            yield from lines[start + 1 :]

    def _description(self, here: Location) -> str:
        name = str(here[-1])
        known = known_fields(self._schema, here[:-1], self._whole)
        return str(known.get(name, {}).get("description", ""))


def plain_with_offers(value: object) -> Any:
    """The value as if everything offered were on: that is what is explained."""
    if isinstance(value, Offer):
        return plain_with_offers(value.value)
    if isinstance(value, Mapping):
        return {name: plain_with_offers(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain_with_offers(item) for item in value]
    return value


def _by_name(told: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """What was told of each name, once each: the kinds of an entry may explain a field differently."""
    texts: dict[str, list[str]] = {}
    for name, text in told:
        if text and text not in texts.setdefault(name, []):
            texts[name].append(text)
    return {name: found for name, found in texts.items() if found}


def _long(begin: str, value: Sequence[object]) -> bool:
    """Whether a list gets a line for each of its entries."""
    holds_mappings = any(isinstance(entry, Mapping) for entry in value)
    return holds_mappings or len(f"{begin} {flow(value)}") > WIDTH


def _prose(value: object) -> str:
    """A sentence that needs no quotes outside of brackets; empty for anything else."""
    plain = isinstance(value, str) and _PROSE.fullmatch(value) and value.lower() not in _WORDS
    return str(value) if plain else ""


def _one_line(dash: str, entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return len(dash + flow(entry)) <= WIDTH
    simple = all(
        not isinstance(item, Mapping | Offer)
        and not (isinstance(item, list | tuple) and any(isinstance(part, Mapping) for part in item))
        for item in entry.values()
    )
    return simple and len(dash + flow(entry)) <= WIDTH


def _comment(text: str, indent: int) -> Iterator[str]:
    for line in _wrapped(text, WIDTH - indent - 2):
        yield f"{' ' * indent}# {line}"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)

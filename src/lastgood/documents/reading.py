"""Reads one YAML file into plain values, and remembers where each of them stands.

The file is composed to nodes and built here, not by the YAML library: so every key and value keeps its
line and column, no tag can make an object, and aliases cannot grow a small file into a large value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lastgood.domain.errors import Finding

LARGEST_FILE_BYTES: Final = 1_000_000
MOST_VALUES: Final = 50_000

Location = tuple[str | int, ...]
"""The way from the root of a document to a value: keys and list positions."""

_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was read: its plain values, and the places of its keys and values."""

    file: str
    data: object
    keys: Mapping[Location, Place] = field(default_factory=dict)
    values: Mapping[Location, Place] = field(default_factory=dict)

    def finding(self, location: Location, problem: str, mend: str, *, at_key: bool = False) -> Finding:
        """A finding at the value (or its key); where nothing stands there, at what should hold it."""
        place = self.keys.get(location) if at_key else self.values.get(location)
        parent = location
        while place is None and parent:
            parent = parent[:-1]
            place = self.values.get(parent)
        place = place or Place(1, 1)
        return Finding(self.file, place.line, place.column, written(location), problem, mend)


class Unreadable(Exception):
    """The file is no YAML that this software reads; `findings` say why."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        super().__init__(*findings)


def written(location: Location) -> str:
    """The location as people write it: services[0].traffic.listen."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "document"


def read(path: Path, file: str) -> Source:
    """Read `path`, called `file` in findings. Raises Unreadable."""
    return parse(_text(path, file), file)


def parse(text: str, file: str) -> Source:
    """Read the text of a document. Raises Unreadable."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        root = YAML(typ="safe", pure=True).compose(text)
        builder = _Builder(file)
        data = None if root is None else builder.build(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise Unreadable(_syntax_fault(file, place, error.problem or "", error.context or "")) from error
    except YAMLError as error:
        line = str(error).splitlines()[0]
        raise Unreadable(
            _fault(file, Place(1, 1), f"This is no YAML: {line}.", "Save it as plain text.")
        ) from error
    except RecursionError as error:
        mend = "Write it with fewer levels of brackets or indentation."
        raise Unreadable(_fault(file, Place(1, 1), "This is nested too deeply.", mend)) from error
    if builder.findings:
        raise Unreadable(*builder.findings)
    return Source(file, data, builder.keys, builder.values)


def _text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            problem = f"The file is larger than {LARGEST_FILE_BYTES:,} bytes."
            raise Unreadable(
                _fault(file, Place(1, 1), problem, "A document is text by a person; split or shorten it.")
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise Unreadable(
            _fault(file, Place(line, column), "This is not UTF-8.", "Save the file as UTF-8.")
        ) from error
    except OSError as error:
        problem = f"The file cannot be read: {(error.strerror or str(error)).lower()}."
        raise Unreadable(
            _fault(file, Place(1, 1), problem, "Give this user the right to read it.")
        ) from error


def _syntax_fault(file: str, place: Place, problem: str, context: str) -> Finding:
    if "'\\t'" in problem:
        return _fault(file, place, "A tab stands where YAML wants spaces.", "Indent with spaces.")
    if "mapping values are not allowed" in problem:
        mend = "Put text that holds `: ` in quotes, or begin a new line for a new field."
        return _fault(file, place, "A second `:` stands on this line.", mend)
    if "undefined alias" in problem:
        mend = "Define it before with &, or put the text in quotes when it begins with *."
        return _fault(file, place, f"YAML {problem}.", mend)
    if "another document" in problem:
        return _fault(
            file, place, "A second document begins here.", "Keep one document a file: remove the `---`."
        )
    told = f"{context}: {problem}" if context else problem
    mend = "Look at this line and the one before: an open bracket or quote, or another indentation?"
    return _fault(file, place, f"This is no YAML ({told}).", mend)


def _fault(file: str, place: Place, problem: str, mend: str, location: Location = ()) -> Finding:
    return Finding(file, place.line, place.column, written(location), problem, mend)


class _Builder:
    """Builds plain values from nodes (Any: the YAML library's nodes carry no types)."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self.keys: dict[Location, Place] = {}
        self.values: dict[Location, Place] = {}
        self._open: list[Any] = []
        self._count = 0

    def build(self, node: Any, location: Location) -> object:
        self.values[location] = _place(node)
        self._count += 1
        if self._count > MOST_VALUES:
            problem = f"The aliases in this file unfold to more than {MOST_VALUES:,} values."
            raise Unreadable(_fault(self.file, _place(node), problem, "Write it without so many aliases."))
        if any(node is outer for outer in self._open):
            self._note(node, location, "This alias holds itself.", "Write out what is meant.")
            return None
        self._open.append(node)
        try:
            return self._value(node, location)
        finally:
            self._open.pop()

    def _value(self, node: Any, location: Location) -> object:
        if node.id == "sequence" and node.tag == f"{_TAG}seq":
            return [self.build(child, (*location, index)) for index, child in enumerate(node.value)]
        if node.id == "mapping" and node.tag == f"{_TAG}map":
            return self._mapping(node, location)
        if node.id == "scalar":
            kind = str(node.tag).removeprefix(_TAG)
            if kind in _SCALARS:
                return _SCALARS[kind](str(node.value))
        self._note(
            node, location, f"The tag {node.tag} is not used in documents.", "Write the value without it."
        )
        return None

    def _mapping(self, node: Any, location: Location) -> dict[str, object]:
        values: dict[str, object] = {}
        merged = [child for key, child in node.value if key.tag == f"{_TAG}merge"]
        for key, child in node.value:
            if key.tag == f"{_TAG}merge":
                continue
            if key.id != "scalar":
                self._note(
                    key, location, "A name of a field must be plain text.", "Write a word before the `:`."
                )
                continue
            name = str(key.value)
            here = (*location, name)
            if name in values:
                first = self.keys[here].line
                problem = f"`{name}` stands here twice, first on line {first}."
                self._note(key, here, problem, "Keep one of them.")
                continue
            self.keys[here] = _place(key)
            values[name] = self.build(child, here)
        for source in merged:
            self._merge(source, location, values)
        return values

    def _merge(self, source: Any, location: Location, values: dict[str, object]) -> None:
        """`<<: *anchor`: fields that are not written here come from there; the first source wins."""
        if source.id == "sequence":
            for child in source.value:
                self._merge(child, location, values)
            return
        if source.id != "mapping":
            self._note(source, location, "`<<` takes an alias of a mapping.", "Write it like `<<: *common`.")
            return
        aside = _Builder(self.file)
        aside._open, aside._count = self._open, self._count
        whole = aside.build(source, location)
        self._count = aside._count
        self.findings += aside.findings
        for name, value in whole.items() if isinstance(whole, dict) else ():
            if name in values:
                continue
            values[name] = value
            here = (*location, name)
            self.keys.update({way: place for way, place in aside.keys.items() if way[: len(here)] == here})
            self.values.update(
                {way: place for way, place in aside.values.items() if way[: len(here)] == here}
            )

    def _note(self, node: Any, location: Location, problem: str, mend: str) -> None:
        place = _place(node)
        self.findings.append(_fault(self.file, place, problem, mend, location))


def _place(node: Any) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _integer(text: str) -> object:
    """Only a number as people write it: 010, 1_000 and 0x1F stay text, since they may be meant as text."""
    return int(text) if str(text).lstrip("+-").isdecimal() and str(int(text)) == text else text


def _float(text: str) -> object:
    try:
        return float(text)
    except ValueError:  # .inf, .nan and 1_0.0 are no numbers that a document could mean
        return text


_SCALARS: Final[Mapping[str, Callable[[str], object]]] = {
    "str": str,
    "int": _integer,
    "float": _float,
    "bool": lambda text: text.lower() == "true",
    "null": lambda text: None,
    "timestamp": str,
}

"""What the models refuse, as findings: the place, the wrong value, and the right form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lastgood.documents.reading import Location, Source
from lastgood.documents.schema import Schema, known_fields, known_kinds, value_at
from lastgood.domain.errors import Finding

_PRIVATE: Final = ("secret", "password", "token", "key")


def findings_of(error: ValidationError, source: Source, schema: Schema) -> tuple[Finding, ...]:
    return tuple(_finding(detail, source, schema) for detail in error.errors(include_url=False))


def _finding(detail: ErrorDetails, source: Source, schema: Schema) -> Finding:
    location, in_key = _location(detail["loc"], source.data)
    if detail["type"] == "extra_forbidden":
        known = known_fields(schema, location[:-1], source.data)
        mend = nearest(str(location[-1]), known) or f"Known here: {', '.join(sorted(known)) or 'nothing'}."
        return source.finding(location, "This field is not known here.", mend, at_key=True)
    if detail["type"] == "missing":
        return _missing(location[:-1], str(location[-1]), source, schema)
    if detail["type"] == "union_tag_not_found":
        return _missing(location, "kind", source, schema)
    if detail["type"] == "union_tag_invalid":
        location = (*location, "kind")
    value = location[-1] if in_key else value_at(source.data, location)
    problem, mend = _sentences(detail, value, in_key or not _private(location))
    return source.finding(location, problem, mend, at_key=in_key)


def _location(loc: Iterable[str | int], data: object) -> tuple[Location, bool]:
    """The model's location without the names of alternatives, and whether a key is meant, not its value."""
    steps: list[str | int] = []
    value, in_key = data, False
    chosen = False  # the alternative of this mapping was named; its kind may be the name of a field, too
    for step in loc:
        if step == "[key]":
            in_key = True
        elif isinstance(value, dict):
            if value.get("kind") == step and not chosen:
                chosen = True
                continue
            steps.append(step)
            value, chosen = value.get(step), False
        elif isinstance(value, list) and isinstance(step, int):
            steps.append(step)
            value = value[step] if step < len(value) else None
        elif value is None and isinstance(step, str):
            steps.append(step)
    return tuple(steps), in_key


def _missing(location: Location, name: str, source: Source, schema: Schema) -> Finding:
    field = known_fields(schema, location, source.data).get(name, {})
    says = str(field.get("description", "")).rstrip(".")
    if name == "kind":
        says = _either(known_kinds(schema, location, source.data))
    mend = f"Add `{name}: ...`{f' ({says})' if says else ''}."
    return source.finding((*location, name), "This field is missing.", mend)


def _sentences(detail: ErrorDetails, value: object, may_show: bool) -> tuple[str, str]:
    """Problem and mend."""
    kind, context = detail["type"], detail.get("ctx", {})
    subject = shown(value) if may_show else "The value (not shown)"
    if kind == "value_error":
        problem, _, mend = str(context["error"]).partition("; ")
        subject = "This" if isinstance(value, dict | list) else subject
        return f"{subject} {problem}.", f"{mend[:1].upper()}{mend[1:]}." if mend else ""
    if kind in ("literal_error", "union_tag_invalid"):
        known = _expected(context)
        return f"{subject} is not known here.", nearest(str(value), known) or f"Write {_either(known)}."
    for beginning, (problem, mend) in _FORMS.items():
        if kind.startswith(beginning):
            return f"{subject} {problem}.", mend
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"{subject} is out of bounds.", f"Write {words.format(context[bound])}."
    message = str(detail["msg"])
    return f"{subject}: {message[:1].lower()}{message[1:]}.", "Look up this field in the reference."


_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "int_": ("is no whole number", "Write a number without quotes, like 5."),
    "float_": ("is no number", "Write a number without quotes, like 0.001."),
    "finite_number": ("is no number", "Write a number without quotes, like 0.001."),
    "bool_": ("is neither true nor false", "Write true or false."),
    "string_type": ("is no text", "Write a text; numbers and true or false in quotes."),
    "string_pattern_mismatch": ("has not the right form", "Write a path like /health, or a whole URL."),
    "path_type": ("is no path", "Write a path as text; relative ones count from this folder."),
    "tuple_type": ("is no list", "Write a list: [one, two], or a line each that begins with `- `."),
    "list_type": ("is no list", "Write a list: [one, two], or a line each that begins with `- `."),
    "dict_type": ("is no mapping", "Write fields below it, like `name: value`, indented."),
    "model_type": ("is no mapping", "Write fields below it, like `name: value`, indented."),
    "model_attributes_type": ("is no mapping", "Write fields below it, like `name: value`, indented."),
    "too_short": ("holds nothing", "Write at least one."),
    "string_too_short": ("is empty", "Write a text."),
}

_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("{} or more", "ge"),
    "greater_than": ("more than {}", "gt"),
    "less_than_equal": ("{} or less", "le"),
    "less_than": ("less than {}", "lt"),
}


def _private(location: Location) -> bool:
    """Whether a secret could stand there, by mistake or by right."""
    return any(word in str(step).lower() for step in location for word in _PRIVATE)


def shown(value: object) -> str:
    """The wrong value, shortened."""
    if isinstance(value, dict):
        return "A mapping"
    if isinstance(value, list):
        return "A list" if value else "An empty list"
    if value is None:
        return "Nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if len(text) <= 60 else f"`{text[:57]}...`"


def nearest(word: str, known: Iterable[str]) -> str:
    """`Did you mean ...?`, or nothing when no known word is close."""
    close = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else ""


def _expected(context: Mapping[str, Any]) -> tuple[str, ...]:
    """The words that would have been right: pydantic tells them as text, `'a', 'b' or 'c'`."""
    text = str(context.get("expected_tags") or context.get("expected") or "")
    return tuple(word.strip().strip("'") for part in text.split(" or ") for word in part.split(","))


def _either(words: Sequence[str]) -> str:
    return " or ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} or {words[-1]}"

"""What a document says by default, read from its JSON Schema: a new field appears by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lastgood.documents.reading import Location
from lastgood.documents.schema import Schema, known_fields


def defaults(schema: Schema) -> dict[str, Any]:
    """Every field at the top that has a default (null apart), whole: entries too hold all of their fields.

    `kind` and `version` come first, with the one value that each may have.
    """
    data: dict[str, Any] = {}
    for name, known in schema["properties"].items():
        if "const" in known:
            data[name] = known["const"]
        elif known.get("default") is not None:
            data[name] = known["default"]
    return {name: _whole(schema, (name,), data, value) for name, value in data.items()}


def _whole(schema: Schema, here: Location, data: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(schema, (*here, index), data, entry) for index, entry in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    known = known_fields(schema, here, data)
    missing = {
        name: field["default"]
        for name, field in known.items()
        if name not in value and field.get("default") not in (None, "", [], {})
    }
    whole = {**value, **missing}
    return {name: whole[name] for name in (*known, *(whole.keys() - known.keys())) if name in whole}

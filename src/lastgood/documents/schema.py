"""JSON Schemas of the documents (draft 2020-12), for editors and for telling what is known where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from lastgood.documents.fields import write_duration
from lastgood.documents.kinds import FILES, models
from lastgood.documents.options import OptionModels
from lastgood.documents.reading import Location

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def schemas(options: OptionModels) -> dict[str, Schema]:
    """Kind -> JSON Schema of its document."""
    return {kind: schema_of(kind, model) for kind, model in models(options).items()}


def schema_of(kind: str, model: type[BaseModel]) -> Schema:
    made = model.model_json_schema(schema_generator=_Generator)
    return {"$schema": DIALECT, "$id": f"urn:lastgood:document:1:{kind}", **made, "title": FILES[kind]}


class _Generator(GenerateJsonSchema):
    """Writes defaults as documents write them."""

    def encode_default(self, dft: Any) -> Any:
        return as_written(dft)


def as_written(value: object) -> object:
    """A default as it would stand in a document."""
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, BaseModel):
        return {
            name: as_written(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if getattr(value, name) != field.get_default(call_default_factory=True)
        }
    if isinstance(value, Mapping):
        return {str(name): as_written(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_written(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def known_fields(schema: Schema, location: Location, data: object) -> Mapping[str, Schema]:
    """The fields that the schema knows in the mapping at `location` of `data`."""
    return {
        name: field
        for spot in _spots(schema, location, data)
        for name, field in spot.get("properties", {}).items()
    }


def known_kinds(schema: Schema, location: Location, data: object) -> tuple[str, ...]:
    """The kinds among which the mapping at `location` of `data` chooses."""
    kinds = (spot.get("properties", {}).get("kind", {}) for spot in _spots(schema, location, data))
    return tuple(str(kind["const"]) for kind in kinds if "const" in kind)


def value_at(data: object, location: Location) -> object:
    """What stands there, None where nothing does."""
    for step in location:
        data = _child(data, step)
    return data


def _spots(schema: Schema, location: Location, data: object) -> list[Schema]:
    spots, value = _unfold(schema, schema, data), data
    for step in location:
        value = _child(value, step)
        spots = [inner for spot in spots for inner in _unfold(schema, _step(spot, step), value)]
    return spots


def _unfold(root: Schema, spot: Schema, value: object) -> list[Schema]:
    """The alternatives behind references and choices; where `value` tells its kind, only that kind."""
    if "$ref" in spot:
        return _unfold(root, root["$defs"][spot["$ref"].rsplit("/", 1)[1]], value)
    branches = spot.get("anyOf") or spot.get("oneOf")
    if not branches:
        return [spot]
    found = [inner for branch in branches for inner in _unfold(root, branch, value)]
    told = [
        inner
        for inner in found
        if inner.get("properties", {}).get("kind", {}).get("const") == _child(value, "kind")
    ]
    return told or found


def _step(spot: Schema, step: str | int) -> Schema:
    if isinstance(step, int):
        return dict(spot.get("items") or {})
    extra = spot.get("additionalProperties")
    return dict(spot.get("properties", {}).get(step) or (extra if isinstance(extra, dict) else {}))


def _child(value: object, step: str | int) -> object:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None

"""The options of adapters, composed into the documents: so errors and JSON Schemas cover them too.

Documents know no adapter. Whoever loads them says which options models there are, by kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, BeforeValidator, Field, GetJsonSchemaHandler, create_model
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from lastgood.documents.fields import Strict
from lastgood.domain.system import Part


@dataclass(frozen=True, slots=True)
class OptionModels:
    """Kind -> model of its options. Each model has a field `kind: Literal[KIND]`; none of these is empty."""

    stores: Mapping[str, type[BaseModel]]
    vaults: Mapping[str, type[BaseModel]]
    runtimes: Mapping[str, type[BaseModel]]
    traffic: Mapping[str, type[BaseModel]]


class OptionEntry(Strict):
    """A list entry whose fields are partly common to all kinds and partly the options of its kind."""

    option_fields: ClassVar[frozenset[str]] = frozenset()

    def part(self) -> Part:
        """Its kind, and its options (with `kind`) as JSON values."""
        options = self.model_dump(mode="json", include=set(self.option_fields))
        return Part(str(options["kind"]), options)

    def folders_and_files(self) -> Mapping[str, Path]:
        """The options that name a place on this machine, by field."""
        places = {}
        for name in sorted(self.option_fields):
            value = getattr(self, name)
            if isinstance(value, Path) or (isinstance(value, str) and value.startswith("/")):
                places[name] = Path(value)
        return places


def choice(base: type[OptionEntry], models: Mapping[str, type[BaseModel]], noun: str) -> Any:
    """The type of an entry that is of one of these kinds: the common fields of `base` and its options."""
    entries = [_entry(base, kind, model, noun) for kind, model in models.items()]
    if len(entries) == 1:
        return entries[0]
    return Annotated[reduce(or_, entries), Field(discriminator="kind")]


def short_choice(base: type[OptionEntry], models: Mapping[str, type[BaseModel]], noun: str) -> Any:
    """Like choice, and the kind's name alone stands for the kind without options."""
    return Annotated[choice(base, models, noun), BeforeValidator(_kind_alone), _KindAlone(tuple(models))]


def retyped(base: type[BaseModel], field: str, annotation: Any) -> tuple[Any, FieldInfo]:
    """The field of `base` with another type, for create_model."""
    described = copy(base.model_fields[field])
    described.annotation = None
    return annotation, Field(
        default=described.default,
        description=described.description,
        validate_default=described.validate_default,
    )


def _entry(base: type[OptionEntry], kind: str, model: type[BaseModel], noun: str) -> type[OptionEntry]:
    made: Any = create_model  # its overloads know no two bases
    entry = made(f"{kind.capitalize()}{noun}", __base__=(base, model), __doc__=base.__doc__)
    entry.option_fields = frozenset(model.model_fields)
    return cast("type[OptionEntry]", entry)


def _kind_alone(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _KindAlone:
    kinds: tuple[str, ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "enum": list(self.kinds)}, handler(core)]}

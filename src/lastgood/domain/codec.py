"""The vocabulary as canonical JSON and back, for the ledger, runs, capsules and the engine's records.

    dataclass  object with every field         datetime   ISO 8601, UTC
    tuple      array                           timedelta  seconds
    Mapping    object                          Path       string
    union      of dataclasses with unlike fields: the object of the one whose fields it has
    StrEnum    its value                       infinity   "inf", "-inf", "nan" (where a float is declared)

A missing field takes its default, so that old records read; an unknown field is an error, so that a newer
record is never read by half. Values declared `object` come back as plain JSON (a tuple as a list). The same
value always gives the same text: keys sorted, no spaces, ASCII only (file names that are no UTF-8 survive).
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from lastgood.domain.errors import ActionFailed

T = TypeVar("T")
Json = Any
"""None, bool, int, float, str, and lists and string-keyed dicts of them."""

_Decoder = Callable[[Json], object]


def dumps(value: object) -> str:
    """Canonical JSON text of a value of the vocabulary. Raises TypeError for anything else."""
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(kind: type[T], text: str) -> T:
    """The value of that type from its text. Raises ActionFailed when the text does not hold one."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _unreadable(kind, f"it is no JSON ({error})") from None
    return from_json(kind, data)


def to_json(value: object) -> Json:
    """JSON values of a value of the vocabulary. Raises TypeError for anything else, and for a naive time."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return _time_text(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [to_json(part) for part in value]
    if isinstance(value, Mapping):
        return {_key(key): to_json(part) for key, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r}")


def from_json(kind: type[T], data: Json) -> T:
    """The value of that type from its JSON values. Raises ActionFailed naming the field that does not fit."""
    try:
        return cast(T, _decoder(cast(Any, kind))(data))
    except _Unfit as unfit:
        raise _unreadable(kind, unfit.sentence()) from None


class _Unfit(Exception):
    """`path` is gathered from the innermost part outwards while the error rises."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.path: list[str] = []
        super().__init__(problem)

    def sentence(self) -> str:
        where = "".join(reversed(self.path)).removeprefix(".")
        return f"`{where}` {self.problem}" if where else f"it {self.problem}"


@cache
def _decoder(kind: Any) -> _Decoder:
    origin, parts = get_origin(kind), get_args(kind)
    if kind is object or kind is Any:
        return lambda data: data
    if origin in (Union, types.UnionType):
        return _optional(parts)
    if origin is tuple:
        return _sequence(parts)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(parts)
    if origin is Literal:
        return _one_of(parts)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(kind)
    if is_dataclass(kind):
        return _record(cast(type, kind))
    if kind in _PLAIN:
        return _PLAIN[kind]
    raise TypeError(f"{kind} is not part of the vocabulary")


def _record(kind: type) -> _Decoder:
    required = {
        field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING
    }
    decoders: dict[str, _Decoder] = {}

    def decode(data: Json) -> object:
        if not isinstance(data, dict):
            raise _Unfit(f"holds {_short(data)} instead of an object")
        if not decoders:  # not before: a type may hold itself
            decoders.update((name, _decoder(hint)) for name, hint in _hints(kind).items())
        values = {}
        for name, part in data.items():
            if name not in decoders:
                raise _Unfit(f"has an unknown field {name!r}")
            try:
                values[name] = decoders[name](part)
            except _Unfit as unfit:
                unfit.path.append(f".{name}")
                raise
        for name in required:
            if name not in values:
                raise _Unfit(f"lacks the field {name!r}")
        return kind(**values)

    return decode


def _hints(kind: type) -> Mapping[str, Any]:
    known = {field.name for field in fields(kind)}
    return {name: hint for name, hint in get_type_hints(kind).items() if name in known}


def _sequence(parts: tuple[Any, ...]) -> _Decoder:
    endless = len(parts) == 2 and parts[1] is Ellipsis

    def decode(data: Json) -> object:
        if not isinstance(data, list) or not (endless or len(data) == len(parts)):
            raise _Unfit(f"holds {_short(data)} instead of a list")
        if endless:
            each = [_decoder(parts[0])] * len(data)
        else:
            each = [_decoder(part) for part in parts]
        return tuple(
            _inside(f"[{index}]", decoder, part)
            for index, (decoder, part) in enumerate(zip(each, data, strict=True))
        )

    return decode


def _mapping(parts: tuple[Any, ...]) -> _Decoder:
    key_kind, value_kind = parts

    def decode(data: Json) -> object:
        if not isinstance(data, dict):
            raise _Unfit(f"holds {_short(data)} instead of an object")
        of_key, of_value = _decoder(key_kind), _decoder(value_kind)
        return {
            _inside(f"[{key!r}]", of_key, key): _inside(f"[{key!r}]", of_value, part)
            for key, part in data.items()
        }

    return decode


def _optional(parts: tuple[Any, ...]) -> _Decoder:
    present = [part for part in parts if part is not type(None)]
    if len(present) != 1:
        return _told_by_fields(tuple(present), empty=len(present) < len(parts))
    return lambda data: None if data is None else _decoder(present[0])(data)


def _told_by_fields(kinds: tuple[Any, ...], empty: bool) -> _Decoder:
    """Several dataclasses are told apart by the names of their fields, all of which are always written."""
    by_fields = {
        frozenset(field.name for field in fields(kind)): kind for kind in kinds if is_dataclass(kind)
    }
    if len(by_fields) != len(kinds):
        raise TypeError(f"a union of {kinds} is not part of the vocabulary")

    def decode(data: Json) -> object:
        if data is None and empty:
            return None
        kind = by_fields.get(frozenset(data)) if isinstance(data, dict) else None
        if kind is None:
            raise _Unfit(f"holds {_short(data)} instead of one of: {', '.join(k.__name__ for k in kinds)}")
        return _decoder(cast(Any, kind))(data)

    return decode


def _choice(kind: type[Enum]) -> _Decoder:
    def decode(data: Json) -> object:
        try:
            return kind(data)
        except ValueError:
            known = ", ".join(str(member.value) for member in kind)
            raise _Unfit(f"holds {_short(data)} instead of one of: {known}") from None

    return decode


def _one_of(known: tuple[Any, ...]) -> _Decoder:
    def decode(data: Json) -> object:
        if data not in known:
            raise _Unfit(f"holds {_short(data)} instead of one of: {', '.join(map(str, known))}")
        return data

    return decode


def _inside(step: str, decoder: _Decoder, data: Json) -> object:
    try:
        return decoder(data)
    except _Unfit as unfit:
        unfit.path.append(step)
        raise


def _plain(kind: type, what: str) -> _Decoder:
    def decode(data: Json) -> object:
        if type(data) is not kind:
            raise _Unfit(f"holds {_short(data)} instead of {what}")
        return data

    return decode


def _number(data: Json) -> float:
    if type(data) in (int, float):
        return float(data)
    if data in ("inf", "-inf", "nan"):
        return float(data)
    raise _Unfit(f"holds {_short(data)} instead of a number")


def _span(data: Json) -> timedelta:
    try:
        return timedelta(seconds=_number(data))
    except (OverflowError, ValueError):
        raise _Unfit(f"holds {_short(data)} instead of a number of seconds") from None


def _time(data: Json) -> datetime:
    try:
        at = datetime.fromisoformat(data)
    except (TypeError, ValueError):
        raise _Unfit(f"holds {_short(data)} instead of a time") from None
    if at.tzinfo is None:
        raise _Unfit(f"holds {_short(data)}, a time without a zone")
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _path(data: Json) -> Path:
    if not isinstance(data, str):
        raise _Unfit(f"holds {_short(data)} instead of a path")
    return Path(data)


_PLAIN: Mapping[Any, _Decoder] = {
    str: _plain(str, "a text"),
    int: _plain(int, "a whole number"),
    bool: _plain(bool, "true or false"),
    float: _number,
    timedelta: _span,
    datetime: _time,
    Path: _path,
}


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a text, not {key!r}")
    return str(key.value) if isinstance(key, Enum) else key


def _time_text(at: datetime) -> str:
    if at.tzinfo is None:
        raise TypeError(f"a time without a zone: {at!r}")
    return at.astimezone(UTC).isoformat()


def _short(data: Json) -> str:
    text = repr(data)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unreadable(kind: Any, problem: str) -> ActionFailed:
    name = getattr(kind, "__name__", str(kind))
    return ActionFailed(
        f"A stored {name} cannot be read: {problem}.",
        "It was damaged, or written by a newer lastgood; it was left as it is.",
        "Use the lastgood that wrote it, or restore the record from a capsule.",
    )

"""Field types that the documents and the options of adapters share."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdw]))+")


class Strict(BaseModel):
    """Base of every document part: unknown fields are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_duration(value: object) -> object:
    """`30s`, `5m`, `1h30m`, `7d`, `250ms` to a timedelta. Raises ValueError with the right form."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    if not isinstance(value, str) or not _DURATION.fullmatch(text):
        raise ValueError("is no duration; write a number and a unit, like 30s, 5m, 1h30m or 7d")
    return timedelta(
        seconds=sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", text))
    )


def write_duration(span: timedelta) -> str:
    """The shortest form that parse_duration reads back."""
    milliseconds = round(span.total_seconds() * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def followed(path: Path, info: ValidationInfo) -> Path:
    """The path without links and dots. It is noted in the validation context `followed`, where there is one:
    what was loaded holds only as long as each path leads where it led."""
    found = path.resolve()
    (info.context or {}).get("followed", {})[str(path)] = str(found)
    return found


def _from_folder(value: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    if folder is None or str(value).startswith("${"):
        return value
    # the parent is resolved, the last part is not: a store that is a link stays one
    joined = Path(folder) / value
    if joined.name in ("..", ""):
        return followed(joined, info)
    return followed(joined.parent, info) / joined.name


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["30s", "5m", "7d"]}),
]


def _some(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("is no span of time; write more than 0s")
    return span


PositiveDuration = Annotated[Duration, AfterValidator(_some)]

DocumentPath = Annotated[Path, AfterValidator(_from_folder)]
"""A path; a relative one counts from the folder of the documents (validation context `folder`)."""

Name = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,39}$"}),
    AfterValidator(lambda value: _name(value)),
]


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", value):
        raise ValueError("is no name; write a small letter, then up to 39 of a-z, 0-9, _ and -, like shop-1")
    return value


def _plain_text(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bool | float):
        # pydantic turns only ValueError into a finding
        raise ValueError(  # noqa: TRY004
            'is no text; put it in quotes, like "true" or "1.10"'
        )
    return value


Text = Annotated[
    str,
    BeforeValidator(_plain_text),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]
"""Text; a whole number counts as its digits."""


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise ValueError(f"is no command ({str(error).lower()}); close the quote, or write a list") from error


Command = Annotated[
    tuple[Text, ...],
    BeforeValidator(_split),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
            ],
            "examples": [["python3", "app.py", "--port", "${port}"], "python3 app.py --port ${port}"],
        }
    ),
]
"""A program and its arguments: a list, or a string that is split like a shell would, without a shell."""

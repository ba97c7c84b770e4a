"""Schedules as five cron fields: minute, hour, day of month, month, day of week."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART = re.compile(r"(\*|\w+(?:-\w+)?)(?:/([1-9]\d*))?")


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("is no schedule; write minute, hour, day, month and weekday, like `0 3 * * *`")
    for text, (name, lowest, highest, words) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, lowest, highest, words) for part in text.split(",")):
            raise ValueError(
                f"has {text} as its {name}; write *, or numbers from {lowest} to {highest} like 3, 1-5 or */2"
            )
    return value


def _fits(part: str, lowest: int, highest: int, words: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part.lower())
    if match is None:
        return False
    if match.group(1) == "*":
        return True
    numbers = [
        words.index(end) + lowest if end in words else int(end) if end.isdecimal() else -1
        for end in match.group(1).split("-")
    ]
    return numbers == sorted(numbers) and all(lowest <= number <= highest for number in numbers)


Cron = Annotated[str, AfterValidator(_cron)]
"""`0 3 * * *`: every night at three, in the machine's time zone."""

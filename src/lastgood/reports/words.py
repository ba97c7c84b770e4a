"""Figures, times and spans in words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta


def moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else "never"


def seconds(count: float) -> str:
    """`0.42 s`, `12 s`, `3 min 20 s`, `2 h 5 min`: three figures at most."""
    if count < 10:
        return f"{count:.2f} s" if count < 1 else f"{count:.1f} s"
    if count < 120:
        return f"{count:.0f} s"
    minutes, rest = divmod(round(count), 60)
    if minutes < 120 and minutes != 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def span(length: timedelta) -> str:
    """As people and documents say it: `30 days`, `15 min`."""
    days = length.total_seconds() / 86400
    if days >= 2 and days == int(days):
        return f"{int(days)} days"
    short = length.total_seconds() < 120
    return f"{length.total_seconds():g} s" if short else seconds(length.total_seconds())


def size(count: int) -> str:
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def typed(command: Sequence[str]) -> str:
    """A command as a person types it."""
    return shlex.join(command)


def code(text: str) -> str:
    return f"`{text}`"


def names(of: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in of) or "none"

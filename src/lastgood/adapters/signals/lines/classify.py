"""Whether a line of a log is an error, and what it says. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lastgood.domain.watching import ErrorLines

MOST_CHARACTERS = 2000
"""Of a line that are looked at: a regular expression on more could take for ever."""

_LEVELS = {
    "trace": 0, "debug": 0,
    "info": 1, "information": 1, "informational": 1,
    "notice": 2,
    "warn": 3, "warning": 3,
    "err": 4, "error": 4, "severe": 4,
    "crit": 5, "critical": 5, "fatal": 5, "panic": 5, "alert": 5, "emerg": 5, "emergency": 5,
}  # fmt: skip
_HEAD_CHARACTERS = 160
_WORD = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|SEVERE|CRIT|CRITICAL|FATAL|PANIC|ALERT|EMERG)\b"
)
_TROUBLE = re.compile(r"^(Traceback \(most recent call last\)|panic: |fatal error: |Exception in thread )")
_MESSAGES = ("message", "msg", "event", "error", "err", "exception")


class Classifier:
    def __init__(self, wanted: ErrorLines) -> None:
        self._patterns = tuple(re.compile(pattern) for pattern in wanted.patterns)
        self._field, self._least = wanted.level_field, _LEVELS[wanted.at_least]

    def error_in(self, line: bytes) -> str | None:
        """What an error line says; None for any other line. Bytes that are no UTF-8 do no harm."""
        text = line[: 4 * MOST_CHARACTERS].decode("utf-8", "replace")
        if text.startswith("{"):
            fields = _fields(line)
            if fields is not None:
                return self._error_in_fields(fields, text[:MOST_CHARACTERS])
        return self.error_in_text(text[:MOST_CHARACTERS])

    def error_in_text(self, text: str, level: int | None = None) -> str | None:
        """`level` where it is known from elsewhere; without one, and without patterns, the first word of a
        level near the beginning tells it."""
        if any(pattern.search(text) for pattern in self._patterns):
            return text
        if level is None and not self._patterns:
            word = _WORD.search(text[:_HEAD_CHARACTERS])
            level = _LEVELS[word[1].lower()] if word else _LEVELS["error"] if _TROUBLE.search(text) else None
        return text if level is not None and level >= self._least else None

    def _error_in_fields(self, fields: Mapping[str, Any], text: str) -> str | None:
        message = next((str(fields[name]) for name in _MESSAGES if isinstance(fields.get(name), str)), text)
        message = message[:MOST_CHARACTERS]
        if any(pattern.search(text) for pattern in self._patterns):
            return message
        level = level_of(_at(fields, self._field))
        return message if level is not None and level >= self._least else None


def level_of(value: object) -> int | None:
    """Rank of a level's name, or of its number as pino and bunyan write it (50 is an error)."""
    if isinstance(value, str):
        return _LEVELS.get(value.strip().lower())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return next((rank for least, rank in ((60, 5), (50, 4), (40, 3), (30, 1)) if value >= least), 0)
    return None


def level_of_priority(value: object) -> int | None:
    """Rank of the journal's PRIORITY (syslog: 0 emergency, 3 error, 7 debug)."""
    ranks = {"0": 5, "1": 5, "2": 5, "3": 4, "4": 3, "5": 2, "6": 1, "7": 0}
    return ranks.get(str(value))


def _fields(line: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _at(fields: Mapping[str, Any], path: str) -> object:
    """The field of that name, or `log.level` as level inside log."""
    if path in fields:
        return fields[path]
    value: object = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value

"""Kinds of errors: what is left of a line when all that changes from one to the next is taken out."""

from __future__ import annotations

import re
import time
from collections import Counter

MOST_KINDS = 10_000
MOST_TOLD = 50
_CHARACTERS = 200
_CHANGING = (
    (re.compile(r"https?://\S+"), "URL"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"), "MAIL"),
    (re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`"), "TEXT"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "ID"),
    (re.compile(r"(?<![\w.])(?:/[\w.@%+~-]+)+/?"), "PATH"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "HEX"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{6,}\b"), "HEX"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{12,}\b"), "ID"),
    (re.compile(r"\d[\d.,:T/-]*Z?(?<![.,:/-])"), "N"),
    (re.compile(r"\s+"), " "),
)


def kind_of(text: str) -> str:
    """Numbers, ids, hexadecimals, quoted texts, paths and addresses made equal: no secret of a line is told,
    and the same fault has the same words."""
    for pattern, stands_for in _CHANGING:
        text = pattern.sub(stands_for, text)
    return text.strip()[:_CHARACTERS]


class NewKinds:
    """Kinds that the new release logs and the old one never did.

    A kind is told after `patience`: what befalls both shows in the old one's log within moments.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._known: set[str] = set()
        self._waiting: dict[str, float] = {}
        self._lines: Counter[str] = Counter()
        self._told: set[str] = set()
        self.comparable = True  # False: more kinds than can be remembered, so none can be called new

    @property
    def known(self) -> frozenset[str]:
        return frozenset(self._known)

    def old(self, kind: str) -> None:
        if kind in self._known:
            return
        if len(self._known) >= MOST_KINDS:
            self.comparable = False
            return
        self._known.add(kind)
        self._waiting.pop(kind, None)

    def new(self, kind: str) -> None:
        if kind in self._known:
            return
        if kind in self._lines or len(self._lines) < MOST_KINDS:
            self._lines[kind] += 1
        if kind not in self._told and len(self._waiting) < MOST_TOLD:
            self._waiting.setdefault(kind, time.monotonic())

    def told(self) -> dict[str, int]:
        """Kinds to tell now, each once, with the lines of it so far."""
        if not self.comparable:
            return {}
        ripe = time.monotonic() - self._patience_seconds
        kinds = [kind for kind, since in self._waiting.items() if since <= ripe]
        for kind in kinds[: max(0, MOST_TOLD - len(self._told))]:
            self._told.add(kind)
        for kind in kinds:
            del self._waiting[kind]
        return {kind: self._lines[kind] for kind in kinds if kind in self._told}

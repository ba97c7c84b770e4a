"""Pages: what a report says, as data; renderers give it a form (markdown.py).

In every text, words between backquotes are what a person types or finds in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    level: int  # 2 and deeper: the page's title is the only one of level 1
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    texts: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to type in a shell, or of another language."""

    lines: tuple[str, ...]
    language: str = "sh"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Figures that each run changes. Marked in the text, and left out when a page is asked whether it is
    stale: a new backup changes no procedure."""

    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Items | Table | Code | Evidence


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    blocks: tuple[Block, ...]


def unknown(what: str, supplied_by: str) -> Paragraph:
    """A section without facts says so, and where they would come from."""
    return Paragraph(f"**Nothing is known yet about {what}.** {supplied_by}")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    return Table(tuple(heads), tuple(tuple(row) for row in rows))

"""Pages as Markdown; and back as far as it is needed to compare two of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from lastgood.reports.page import Block, Code, Evidence, Heading, Items, Page, Paragraph, Table

EVIDENCE_BEGINS: Final = "<!-- evidence: changes with every run -->"
EVIDENCE_ENDS: Final = "<!-- end of evidence -->"


def markdown(page: Page) -> str:
    """The same page always gives the same bytes."""
    parts = [f"# {page.title}", *(part for block in page.blocks for part in _parts(block))]
    beside = f"{EVIDENCE_ENDS}\n\n{EVIDENCE_BEGINS}\n\n"  # two blocks of evidence in a row are one
    return ("\n\n".join(parts) + "\n").replace(beside, "")


def _parts(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"{'#' * level} {text}"
        case Paragraph(text):
            yield _line(text)
        case Items(texts, numbered):
            marks = (f"{number}. " if numbered else "- " for number in range(1, len(texts) + 1))
            yield "\n".join(f"{mark}{_line(text)}" for mark, text in zip(marks, texts, strict=True))
        case Table(heads, rows):
            yield "\n".join((_row(heads), "|" + "---|" * len(heads), *(_row(row) for row in rows)))
        case Code(lines, language):
            yield "\n".join((f"```{language}", *lines, "```"))
        case Evidence(blocks):
            yield EVIDENCE_BEGINS
            for inner in blocks:
                yield from _parts(inner)
            yield EVIDENCE_ENDS
        case _:
            assert_never(block)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(_line(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _line(text: str) -> str:
    """What people and programs wrote may hold newlines; here they would end the cell, or begin a heading."""
    return " ".join(text.splitlines())


def sections(text: str) -> dict[str, tuple[str, ...]]:
    """Heading -> its lines, evidence and empty lines left out; a heading's name carries those above it."""
    found: dict[str, list[str]] = {}
    above: list[str] = []
    evidence = code = False
    for line in text.splitlines():
        if line in (EVIDENCE_BEGINS, EVIDENCE_ENDS):
            evidence = line == EVIDENCE_BEGINS
            continue
        code ^= line.startswith("```")
        if not evidence and not code and line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            above = [*above[: level - 1], line.lstrip("# ")]
            found.setdefault(" / ".join(above[1:]) or "title", [])
        if line and not evidence:
            found.setdefault(" / ".join(above[1:]) or "title", []).append(line)
    return {name: tuple(lines) for name, lines in found.items()}

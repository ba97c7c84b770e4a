"""What every benchmark reports: rows with their goals, as a table for people or as JSON.

A goal is a comparison: `= 0`, `< 50`, `<= 1.15 x` (with x: of the ratio to the peer, else of the value).
A missed goal is an answer, not an error: the program ends with 0 when it could measure.
"""

from __future__ import annotations

import argparse
import json
import operator
import signal
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_HEADS = ("case", "metric", "value", "range", "peer", "ratio", "goal", "")
_MARKS = {True: "held", False: "MISSED", None: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """`spread` is the least and the greatest of what `value` was taken from, for the table only.
    `paired_ratio` is the median of ratios measured in pairs, where there is one: it cancels what slows
    both."""

    case: str
    metric: str
    unit: str
    value: float | None
    peer: str | None = None
    peer_value: float | None = None
    goal: str | None = None
    spread: tuple[float, float] | None = None
    paired_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        if self.paired_ratio is not None or self.value is None or not self.peer_value:
            return self.paired_ratio
        return self.value / self.peer_value

    @property
    def held(self) -> bool | None:
        """None without a goal. What could not be measured did not hold."""
        if self.goal is None:
            return None
        sign, limit, *of_ratio = self.goal.split()
        measured = self.ratio if of_ratio else self.value
        return measured is not None and _COMPARE[sign](measured, float(limit))

    def as_json(self) -> dict[str, object]:
        return {
            "case": self.case,
            "metric": self.metric,
            "unit": self.unit,
            "value": self.value,
            "peer": self.peer,
            "peer_value": self.peer_value,
            "ratio": self.ratio,
            "goal": self.goal,
            "held": self.held,
        }


def median_row(case: str, metric: str, unit: str, values: Sequence[float], goal: str | None = None) -> Row:
    """The median of several runs with their range."""
    return Row(
        case,
        metric,
        unit,
        statistics.median(values) if values else None,
        goal=goal,
        spread=(min(values), max(values)) if values else None,
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least `percent` of them do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(0, int(rank) - 1)]


def run(description: str | None, measure: Callable[[bool], Iterable[Row]]) -> None:
    """The program of a benchmark: `measure(quick)` yields rows as they are known."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, within about a minute")
    parser.add_argument("--json", action="store_true", help="rows as JSON on standard output")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that nothing is left running
    rows = []
    for row in measure(chosen.quick):
        rows.append(row)
        say(" ".join(cell for cell in _cells(row) if cell))
    print(json.dumps([row.as_json() for row in rows], indent=2) if chosen.json else table(rows))


def say(line: str) -> None:
    """How it goes, on standard error: standard output is the report's."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def table(rows: Sequence[Row]) -> str:
    lines = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.case,
        row.metric,
        f"{_figure(row.value)} {row.unit}",
        f"{_figure(row.spread[0])} to {_figure(row.spread[1])}" if row.spread else "",
        f"{row.peer}: {_figure(row.peer_value)} {row.unit}" if row.peer else "",
        f"{row.ratio:.2f} x" if row.ratio is not None else "",
        row.goal or "",
        _MARKS[row.held],
    )


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"

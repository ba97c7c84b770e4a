"""The evidence chart: log10 of the e-value over the ticks of a watch, as SVG and for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, isfinite

WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 56, 48
_MOST_POINTS = 600
_LOWEST = -6.0  # further down says nothing more: the release is doing well
_BLOCKS = " ▁▂▃▄▅▆▇█"
# plain rules, no custom properties: librsvg and mail programs know none
_LIGHT = ("#fcfcfb", "#1f2328", "#59636e", "#d9dde2", "#0b62c4", "#b3261e")
_DARK = ("#15181c", "#e8eaed", "#9aa4af", "#343a41", "#6cb0ff", "#ff8a80")


def _colours(paper: str, ink: str, soft: str, line: str, curve: str, bad: str) -> str:
    return (
        f".evidence .paper{{fill:{paper}}}.evidence text{{fill:{soft}}}.evidence .title{{fill:{ink}}}"
        f".evidence .grid{{stroke:{line}}}.evidence .curve{{stroke:{curve}}}.evidence .needed{{stroke:{bad}}}"
        f".evidence .bad{{fill:{bad}}}.evidence .mark{{stroke:{bad}}}.evidence .other{{stroke:{soft}}}"
    )


_STYLE = (
    '.evidence{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;font-size:12px}'
    ".evidence .title{font-size:15px;font-weight:600}"
    ".evidence .curve{stroke-width:2;fill:none;stroke-linejoin:round}"
    ".evidence .needed{stroke-dasharray:5 4}.evidence .other{stroke-dasharray:2 3}"
    f"{_colours(*_LIGHT)}@media (prefers-color-scheme:dark){{{_colours(*_DARK)}}}"
)


def svg(
    values: Sequence[float],
    needed: float,
    at: int | None,
    *,
    title: str,
    description: str,
    says: str = "",
    marks: Mapping[int, str] | None = None,
) -> str:
    """A whole <svg> that can stand in a page or in a file by itself, for light and dark screens.

    `values`: log10 of the e-value after each tick; `needed`: the value that decides; `at`: index of the tick
    that decided, with what it `says`; `marks`: index of a tick to what else happened then. `title` and
    `description` are read aloud by screen readers, and the title is drawn.
    """
    top = max(needed * 1.2, 1.0)
    shown = [min(max(value, _LOWEST), top) if isfinite(value) else _LOWEST for value in values]
    bottom = min(floor(min(shown, default=0.0)), -1)
    last = max(len(values), max(marks or {0: ""}) + 1, 2)

    def x(tick: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * tick / last

    def y(value: float) -> float:
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (top - value) / (top - bottom)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="evidence" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" '
        'aria-labelledby="evidence-title evidence-description">',
        f'<title id="evidence-title">{escape(title)}</title>',
        f'<desc id="evidence-description">{escape(description)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
    ]
    for power in range(bottom, floor(top) + 1):
        label = "1" if power == 0 else f'10<tspan dy="-5" font-size="9">{_minus(power)}</tspan>'
        parts.append(f'<path class="grid" d="M{_LEFT} {y(power):.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y(power) + 4:.1f}" text-anchor="end">{label}</text>')
    for tick in _ticks_to_name(last):
        parts.append(f'<text x="{x(tick):.1f}" y="{HEIGHT - 28}" text-anchor="middle">{tick}</text>')
    parts.append(
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">ticks</text>'
    )
    parts.append(f'<path class="needed" d="M{_LEFT} {y(needed):.1f}H{WIDTH - _RIGHT}"/>')
    parts.append(
        f'<text class="bad" x="{_LEFT + 6}" y="{y(needed) - 6:.1f}">'
        f"decided at {_plain(10**needed)} to 1</text>"
    )
    for tick, text in sorted((marks or {}).items()):
        parts.append(_flag("other", "", x(tick + 1), text))
    if at is not None:
        parts.append(_flag("mark", "bad", x(at + 1), says))
    points = [(0.0, 0.0), *((tick + 1.0, shown[tick]) for tick in _thinned(len(shown), at))]
    path = "L".join(f"{x(tick):.1f} {y(value):.1f}" for tick, value in points)
    parts.append(f'<path class="curve" d="M{path}"/>')
    if at is not None:
        parts.append(f'<circle class="bad" cx="{x(at + 1):.1f}" cy="{y(shown[at]):.1f}" r="4"/>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def columns(values: Sequence[float], needed: float, width: int = 60, height: int = 6) -> tuple[str, ...]:
    """The same for a terminal, top line first: each column holds the highest value of its ticks, from 1 (the
    bottom) to what decides (the top)."""
    if not values:
        return ()
    count = min(width, len(values))
    heights = []
    for column in range(count):
        first = column * len(values) // count
        last = max(first + 1, (column + 1) * len(values) // count)
        share = max(0.0, min(1.0, max(values[first:last]) / needed))
        heights.append(floor(share * height * 8))
    rows = reversed(range(height))
    return tuple("".join(_BLOCKS[min(8, max(0, high - 8 * row))] for high in heights) for row in rows)


def _flag(line: str, text_class: str, at: float, text: str) -> str:
    anchor, aside = ("end", -6) if at > WIDTH * 0.6 else ("start", 6)
    height = _TOP - 8 if line == "mark" else HEIGHT - _BOTTOM - 8
    return (
        f'<path class="{line}" d="M{at:.1f} {_TOP - 16}V{HEIGHT - _BOTTOM}"/>'
        f'<text class="{text_class}" x="{at + aside:.1f}" y="{height}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _thinned(length: int, at: int | None) -> list[int]:
    step = max(1, ceil(length / _MOST_POINTS))
    kept = {*range(0, length, step), *([length - 1] if length else []), *([at] if at is not None else [])}
    return sorted(kept)


def _ticks_to_name(last: int) -> list[int]:
    step = next(size * 10**power for power in range(12) for size in (1, 2, 5) if last <= 8 * size * 10**power)
    return list(range(0, last + 1, step))


def _plain(odds: float) -> str:
    return f"{round(odds):,}".replace(",", " ") if odds < 1e9 else f"{odds:.0e}"


def _minus(power: int) -> str:
    return f"−{-power}" if power < 0 else str(power)

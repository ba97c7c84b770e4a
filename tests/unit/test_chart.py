"""The evidence chart stands by itself: well-formed, described, and true to its figures."""

from __future__ import annotations

import math
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from lastgood.reports.chart import columns, svg

SVG = "{http://www.w3.org/2000/svg}"
evidence = st.lists(st.floats(-400, 400) | st.just(-math.inf), max_size=60)


def drawn(values: list[float], at: int | None = None, title: str = "Evidence", says: str = "") -> str:
    return svg(values, 3.0, at, title=title, description="what it shows", says=says, marks={70: "people"})


@given(evidence, st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20))
def test_it_is_well_formed_whatever_the_figures_and_words(values: list[float], words: str) -> None:
    at = len(values) - 1 if values else None
    root = ElementTree.fromstring(drawn(values, at, words, words))
    assert root.find(f"{SVG}title") is not None
    assert (root.findtext(f"{SVG}title") or "") == words
    assert root.findtext(f"{SVG}desc") == "what it shows"
    assert "nan" not in (root.findall(f"{SVG}path")[-1].get("d") or "")


def test_it_stays_small_for_a_long_watch_and_keeps_the_tick_that_decided() -> None:
    values = [0.0] * 54_321 + [5.0] + [0.0] * 45_678
    text = drawn(values, 54_321)
    assert len(text) < 40_000
    assert "<circle" in text


def test_it_has_colours_for_dark_screens_and_needs_nothing_from_elsewhere() -> None:
    text = drawn([0.1, 2.0, 3.5], 2)
    assert "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


@given(evidence, st.integers(1, 80), st.integers(1, 10))
def test_the_terminals_columns_fit(values: list[float], width: int, height: int) -> None:
    lines = columns(values, 3.0, width, height)
    assert len(lines) == (height if values else 0)
    assert all(len(line) == min(width, len(values)) for line in lines)


def test_the_top_is_reached_when_it_is_decided_and_not_before() -> None:
    assert columns([0.0, 1.5, 3.0], 3.0, 60, 2) == ("  █", " ██")
    assert columns([2.9], 3.0, 60, 1) != ("█",)

"""The report of the benchmarks: ratios, percentiles, and whether a goal was held."""

from __future__ import annotations

import pytest
from bench._report import Row, median_row, percentile, table


@pytest.mark.parametrize(
    ("goal", "value", "held"),
    [("= 0", 0, True), ("= 0", 1, False), ("< 50", 49.9, True), ("< 50", 50, False), (None, 7, None)],
)
def test_a_goal_is_compared_with_the_value(goal: str | None, value: float, held: bool | None) -> None:
    assert Row("case", "metric", "ms", value, goal=goal).held is held


def test_a_goal_with_x_is_compared_with_the_ratio() -> None:
    """The median of paired ratios comes before the ratio of the medians."""
    assert Row("backup", "time", "s", 1.1, "restic", 1.0, "<= 1.15 x").held is True
    assert Row("backup", "time", "s", 1.1, "restic", 1.0, "<= 1.15 x", paired_ratio=1.2).held is False


def test_what_was_not_measured_did_not_hold() -> None:
    assert median_row("case", "metric", "ms", [], "< 50").held is False


def test_a_row_is_json_with_nulls_where_there_is_nothing() -> None:
    assert Row("case", "metric", "ms", 3.0).as_json() == {
        "case": "case",
        "metric": "metric",
        "unit": "ms",
        "value": 3.0,
        "peer": None,
        "peer_value": None,
        "ratio": None,
        "goal": None,
        "held": None,
    }


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2
    assert percentile(list(range(1, 101)), 95) == 95
    assert percentile([7], 95) == 7


def test_the_table_names_missed_goals() -> None:
    text = table([median_row("status", "time", "ms", [140, 160, 150], "< 150")])
    assert "MISSED" in text
    assert "140 to 160" in text

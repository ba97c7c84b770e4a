"""The peers' rules decide as the peers do, in the cases that their users reported."""

from __future__ import annotations

import pytest
from bench._peers import Minute, argo_rollouts, flagger, kayenta, kayenta_judge, rank_sum_z, z_test


@pytest.mark.parametrize(
    ("canary", "verdict"), [([100.0] * 7 + [1.0] * 3, "Pass"), ([100.0] * 8 + [1.0] * 2, "High")]
)
def test_kayenta_gives_its_published_answers(canary: list[float], verdict: str) -> None:
    assert kayenta_judge(canary, [1.0] * 10, allowed_increase=1.05) == verdict


def test_kayenta_passes_equal_and_constant_metrics_and_sees_both_directions() -> None:
    assert kayenta_judge([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == "Pass"
    assert kayenta_judge([5.0] * 10, [5.0] * 20) == "Pass"
    low, high = [float(value) for value in range(20)], [float(value) for value in range(100, 120)]
    assert (kayenta_judge(high, low), kayenta_judge(low, high)) == ("High", "Low")


def test_the_rank_sum_statistic_is_that_of_the_textbook() -> None:
    # U = 9 of 9, mean 4.5, variance 3*3*7/12
    assert rank_sum_z([4, 5, 6], [1, 2, 3]) == pytest.approx((9 - 4.5 - 0.5) / (9 * 7 / 12) ** 0.5)
    assert rank_sum_z([1, 2, 3], [4, 5, 6]) == -rank_sum_z([4, 5, 6], [1, 2, 3])
    assert rank_sum_z([1, 1], [1, 1]) == 0.0


def test_flagger_rolls_back_at_the_fifth_failed_check_in_sum() -> None:
    good: Minute = (1000, 10, 1000, 10)
    bad: Minute = (1000, 11, 1000, 10)
    assert flagger([bad] * 4 + [good] * 10) is None
    assert flagger([bad, good] * 5) == 9
    assert flagger([(0, 0, 10, 0)] * 60) is None


def test_argo_rollouts_aborts_at_the_fourth_failure_of_five_minutes() -> None:
    bad: Minute = (1000, 51, 1000, 10)
    assert argo_rollouts([bad] * 19) is None
    assert argo_rollouts([bad] * 20) == 20
    assert argo_rollouts([(1000, 50, 1000, 10)] * 60) is None


def test_a_z_test_fires_at_the_first_minute_that_looks_significant() -> None:
    assert z_test([(1000, 10, 1000, 10), (1000, 60, 1000, 10)]) == 2
    assert z_test([(1000, 0, 1000, 0)] * 10) is None


def test_kayenta_judges_only_when_its_lookback_ends() -> None:
    hour: list[Minute] = [(6000, 300 + minute % 7, 6000, 60 + minute % 5) for minute in range(60)]
    assert (kayenta(hour, 60), kayenta(hour, 10), kayenta(hour[:59], 60)) == (60, 10, None)

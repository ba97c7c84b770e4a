"""What was promised is the strictest promise about what was drilled, and a miss is said in figures."""

from __future__ import annotations

from datetime import timedelta

from lastgood.domain.objective import Activity, Continuity, Objective
from lastgood.planning.drill import missed, promised


def activity(name: str, rto: int, rpo: int, *services: str) -> Activity:
    objective = Objective(timedelta(seconds=rto), timedelta(seconds=rpo))
    return Activity(name, 1, services, objective, timedelta(hours=4))


def test_the_strictest_promise_counts() -> None:
    continuity = Continuity(
        activities=(
            activity("a", 60, 10, "shop"),
            activity("b", 30, 90, "shop"),
            activity("c", 1, 1, "other"),
        )
    )
    assert promised(continuity, ["shop"]) == Objective(timedelta(seconds=30), timedelta(seconds=10))


def test_nothing_promised_is_nothing_missed() -> None:
    assert promised(Continuity(), ["shop"]) is None
    assert missed(None, 1e9, 1e9) == ()


def test_each_miss_is_a_sentence() -> None:
    promise = Objective(timedelta(seconds=30), timedelta(seconds=10))
    assert missed(promise, 30.0, 10.0) == ()
    assert len(missed(promise, 30.1, 10.1)) == 2
    assert missed(promise, 1.0, None) == ()

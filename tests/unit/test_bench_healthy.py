"""The benchmark of healthy releases: what it counts as whose error, and what misses its goals."""

from __future__ import annotations

from bench.healthy import PROMOTED, ROLLED_BACK, UNDECIDED, Deployed, is_benign, rows

from lastgood.adapters.load import Answer

GOALS = ("rolled back", "undecided", "requests failed by lastgood")


def test_only_an_error_that_a_release_gave_itself_is_benign() -> None:
    given = {
        (500, "good-1"): True,
        (500, ""): False,
        (503, ""): False,
        (503, "good-1"): False,
        (0, ""): False,
    }
    assert {one: is_benign(_answer(*one)) for one in given} == given


def test_each_goal_is_missed_by_what_it_names_alone() -> None:
    """Whatever else a deploy does: a goal counts its own kind, and one of it is one too many."""
    assert _missed(_deployed(PROMOTED)) == ()
    assert _missed(_deployed(PROMOTED), _deployed(ROLLED_BACK)) == ("rolled back",)
    assert _missed(_deployed(UNDECIDED)) == ("undecided",)
    assert _missed(_deployed(PROMOTED, failed=1)) == ("requests failed by lastgood",)


def _missed(*found: Deployed) -> tuple[str, ...]:
    held = {row.metric: row.held for row in rows(found)}
    assert all(held[goal] is not None for goal in GOALS)
    return tuple(goal for goal in GOALS if not held[goal])


def _deployed(code: int, failed: int = 0) -> Deployed:
    return Deployed(code, 4.0, 5000, 25, failed, 1.0, 1.0)


def _answer(status: int, release: str) -> Answer:
    return Answer(1, 0.0, 0.0, 0.1, status, release, "")

"""Alpha over time: what was promised, what people called false, and whether that is more than promised."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import product
from math import prod

import pytest

from lastgood.deciding.reckoning import FALSE_ALARM, reckon, so_many_or_more
from lastgood.domain.event import PersonDecided, VerdictGiven
from lastgood.domain.history import History
from lastgood.domain.signal import Outcome, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def given(
    run: str, outcome: Outcome, signal: str = "errors", alpha: float = 0.001, service: str = "web"
) -> tuple[datetime, VerdictGiven]:
    return NOW, VerdictGiven(run, service, f"{service}-1", Verdict(outcome, signal, (), alpha))


def healthy(count: int, alpha: float = 0.001) -> list[tuple[datetime, VerdictGiven]]:
    """Each with a verdict for two phases, which are one deploy."""
    return [given(f"deploy-{n}", Outcome.HEALTHY, alpha=alpha) for n in range(count) for _ in range(2)]


def called(*runs: str) -> tuple[tuple[datetime, PersonDecided], ...]:
    return tuple((NOW, PersonDecided(run, FALSE_ALARM, "ann")) for run in runs)


def test_each_deploy_spends_its_alpha_once() -> None:
    """Phases of one deploy share it; services released together have parts of it."""
    together = [given("deploy-x", Outcome.HEALTHY, alpha=0.0005, service=name) for name in ("a", "b")]
    found = reckon(History(verdicts=(*healthy(3), *together)))
    assert (found.deploys, round(found.promised, 9), found.chance) == (4, 0.004, 1.0)
    assert not found.broken


def test_a_false_alarm_in_few_deploys_breaks_the_promise_and_in_many_does_not() -> None:
    bad = given("deploy-bad", Outcome.FAILED)
    for count, broken in ((9, True), (999, False)):
        found = reckon(History(verdicts=(*healthy(count), bad), decisions=called("deploy-bad")))
        assert (found.false_alarms, found.failed, found.broken) == (1, 1, broken)
        assert f"1 of {count + 1} deploys failed by a false alarm" in found.in_words()


def test_what_no_person_called_false_is_a_rightful_rollback() -> None:
    found = reckon(History(verdicts=(given("deploy-bad", Outcome.FAILED),)))
    assert (found.failed, found.false_alarms, found.broken) == (1, 0, False)


def test_a_fact_is_told_apart() -> None:
    """A probe that lied is a false alarm of the probe, not of a test with an error probability."""
    found = reckon(
        History(verdicts=(given("deploy-p", Outcome.FAILED, "facts"),), decisions=called("deploy-p"))
    )
    assert (found.false_alarms, found.by_fact, found.broken) == (0, 1, False)
    assert "1 more by a fact" in found.in_words()


def test_a_call_on_a_run_without_a_failure_counts_nothing() -> None:
    found = reckon(History(verdicts=tuple(healthy(2)), decisions=called("deploy-0", "deploy-unknown")))
    assert (found.false_alarms, found.by_fact) == (0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_chance_of_so_many_or_more_is_exact(seed: int) -> None:
    """Against the sum over all outcomes of seven unlike events."""
    chances = [random.Random(seed * 10 + n).random() for n in range(7)]
    for count in range(9):
        expected = sum(
            prod(p if hit else 1 - p for p, hit in zip(chances, outcome, strict=True))
            for outcome in product((False, True), repeat=7)
            if sum(outcome) >= count
        )
        assert so_many_or_more(chances, count) == pytest.approx(expected)

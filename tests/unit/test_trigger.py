"""The trigger: each verdict has one consequence, and guards hold back what acts by itself."""

from __future__ import annotations

import pytest

from lastgood.deciding.trigger import decide
from lastgood.domain.policy import Consistency, DataPolicy, Triggers
from lastgood.domain.signal import Outcome, Verdict


def verdict(outcome: Outcome, data_suspect: bool = False) -> Verdict:
    return Verdict(outcome, "errors", ("Reason.",), 0.001, data_suspect)


def action(outcome: Outcome, triggers: Triggers, today: int = 0, promotes: bool = False) -> str:
    return decide(verdict(outcome), triggers, Consistency(), 0, today, promotes).action


@pytest.mark.parametrize(
    ("outcome", "triggers", "expected"),
    [
        (Outcome.HEALTHY, Triggers(), "promote"),
        (Outcome.HEALTHY, Triggers(on_failed="notify"), "promote"),
        (Outcome.UNDECIDED, Triggers(), "go on"),
        (Outcome.INSUFFICIENT, Triggers(), "roll back"),
        (Outcome.INSUFFICIENT, Triggers(on_undecided="promote"), "promote"),
        (Outcome.INSUFFICIENT, Triggers(on_failed="notify"), "notify"),
        (Outcome.INSUFFICIENT, Triggers(on_failed="ask"), "roll back"),
        (Outcome.FAILED, Triggers(), "roll back"),
        (Outcome.FAILED, Triggers(on_failed="pause"), "pause"),
        (Outcome.FAILED, Triggers(on_failed="ask"), "ask"),
        (Outcome.FAILED, Triggers(on_failed="notify"), "notify"),
    ],
)
def test_each_verdict_has_its_consequence(outcome: Outcome, triggers: Triggers, expected: str) -> None:
    assert action(outcome, triggers) == expected


@pytest.mark.parametrize(
    ("on_failed", "expected"),
    [("rollback", "pause"), ("ask", "pause"), ("pause", "pause"), ("notify", "notify")],
)
def test_a_spent_budget_leaves_it_to_a_person(on_failed: str, expected: str) -> None:
    """Asking ends in a rollback by itself, so it is held back too; a dry run does nothing anyway."""
    assert action(Outcome.FAILED, Triggers(on_failed=on_failed, rollbacks_per_day=2), today=2) == expected


def test_approval_is_asked_only_before_the_promotion() -> None:
    """Shares of traffic move without a person; whatever leads to the promotion asks."""
    triggers = Triggers(approval_to_promote=True)
    assert action(Outcome.HEALTHY, triggers) == "promote"
    assert action(Outcome.HEALTHY, triggers, promotes=True) == "ask to promote"
    thin = Triggers(approval_to_promote=True, on_undecided="promote")
    assert action(Outcome.INSUFFICIENT, thin, promotes=True) == "ask to promote"
    assert action(Outcome.FAILED, triggers, promotes=True) == "roll back"


def test_a_dry_run_says_what_would_become_of_the_data() -> None:
    """The policy of the data is the same as if it were done."""
    rewind = Consistency(on_broken_invariant=DataPolicy.REWIND, rewind_at_most_rows=10)
    triggers = Triggers(on_failed="notify", approval_for_rewind=False)
    said = decide(verdict(Outcome.FAILED, data_suspect=True), triggers, rewind, 11, 0)
    assert (said.action, said.data) == ("notify", DataPolicy.KEEP)
    assert "11 changes" in said.why
    assert decide(verdict(Outcome.FAILED, True), triggers, rewind, 9, 0).data is DataPolicy.REWIND

"""The trigger: from a verdict to what is done, within the guards of the documents.

verdict            action
healthy            promote; ask to promote, where the documents want a person to agree
undecided          go on
insufficient data  roll back or promote (`on_undecided`); notify, where nothing is to be done by itself
failed             roll back, pause, ask, notify (`on_failed`); pause, when the budget of the day is spent
"""

from __future__ import annotations

from dataclasses import dataclass

from lastgood.domain.policy import Consistency, DataPolicy, Triggers
from lastgood.domain.signal import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """`action` as above. `data` says what a rollback does with the data."""

    action: str
    data: DataPolicy
    why: str


def decide(
    verdict: Verdict,
    triggers: Triggers,
    consistency: Consistency,
    rows_at_stake: int,
    rollbacks_today: int,
    promotes: bool = False,
) -> Decision:
    """What to do on this verdict. `rows_at_stake` are those that a rewind would take back. `promotes`: after
    this phase the release is promoted."""
    reason = " ".join(verdict.reasons)
    match verdict.outcome:
        case Outcome.HEALTHY:
            return _promote(triggers, reason, promotes)
        case Outcome.UNDECIDED:
            return Decision("go on", DataPolicy.KEEP, reason)
        case Outcome.INSUFFICIENT:
            if triggers.on_undecided == "promote":
                return _promote(triggers, reason, promotes)
            action = "notify" if triggers.on_failed == "notify" else "roll back"
            return Decision(action, DataPolicy.KEEP, reason)
        case Outcome.FAILED:
            data, said = _data_policy(verdict, triggers, consistency, rows_at_stake)
            return _failed(triggers, reason, rollbacks_today, data, said)


def _promote(triggers: Triggers, reason: str, promotes: bool) -> Decision:
    asks = promotes and triggers.approval_to_promote
    return Decision("ask to promote" if asks else "promote", DataPolicy.KEEP, reason)


def _failed(triggers: Triggers, reason: str, today: int, data: DataPolicy, said: str) -> Decision:
    if triggers.on_failed == "notify":
        return Decision("notify", data, f"{reason} {said}".strip())
    if triggers.on_failed == "pause":
        return Decision("pause", data, f"{reason} Paused, as the triggers say.")
    if today >= triggers.rollbacks_per_day:
        return Decision(
            "pause", data, f"{reason} Paused: {today} rollbacks within a day is the stated budget."
        )
    action = "ask" if triggers.on_failed == "ask" else "roll back"
    return Decision(action, data, f"{reason} {said}".strip())


def _data_policy(
    verdict: Verdict, triggers: Triggers, consistency: Consistency, rows_at_stake: int
) -> tuple[DataPolicy, str]:
    """Least loss first: keep, unless the documents allow a rewind and little enough is at stake."""
    wanted = consistency.on_broken_invariant if verdict.data_suspect else consistency.on_rollback
    if wanted is DataPolicy.KEEP:
        said = "The data stays as it is and is suspect." if verdict.data_suspect else ""
        return DataPolicy.KEEP, said
    if triggers.approval_for_rewind:
        return DataPolicy.KEEP, "The data stays as it is: a rewind needs a person here."
    if rows_at_stake > consistency.rewind_at_most_rows:
        return (
            DataPolicy.KEEP,
            f"The data stays as it is: a rewind would take back {rows_at_stake:,} changes, more than the "
            f"{consistency.rewind_at_most_rows:,} that the documents allow without a person.",
        )
    return DataPolicy.REWIND, ""

"""The trigger: from a verdict to what is done, within the guards of the documents."""

from __future__ import annotations

from dataclasses import dataclass

from lastgood.domain.policy import Consistency, DataPolicy, Triggers
from lastgood.domain.signal import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """`action`: promote, go on, roll back, pause. `data` says what a rollback does with the data."""

    action: str
    data: DataPolicy
    why: str


def decide(
    verdict: Verdict,
    triggers: Triggers,
    consistency: Consistency,
    rows_at_stake: int,
    rollbacks_today: int,
) -> Decision:
    """What to do on this verdict. `rows_at_stake` are those that a rewind would take back."""
    reason = " ".join(verdict.reasons)
    match verdict.outcome:
        case Outcome.HEALTHY:
            return Decision("promote", DataPolicy.KEEP, reason)
        case Outcome.UNDECIDED:
            return Decision("go on", DataPolicy.KEEP, reason)
        case Outcome.INSUFFICIENT:
            action = "promote" if triggers.on_undecided == "promote" else "roll back"
            return Decision(action, DataPolicy.KEEP, reason)
        case Outcome.FAILED:
            data, said = _data_policy(verdict, triggers, consistency, rows_at_stake)
            if triggers.on_failed == "pause":
                return Decision("pause", data, f"{reason} Paused, as the triggers say.")
            if rollbacks_today >= triggers.rollbacks_per_day:
                return Decision(
                    "pause",
                    data,
                    f"{reason} Paused: {rollbacks_today} rollbacks within a day is the stated budget.",
                )
            return Decision("roll back", data, f"{reason} {said}".strip())


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

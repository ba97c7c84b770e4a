"""automatic-rollback-triggers.yml: what lastgood may do by itself when a verdict falls."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lastgood.documents.fields import Strict
from lastgood.domain.policy import Triggers

_DEFAULT = Triggers()


class AutomaticRollbackTriggersDocument(Strict):
    """What lastgood may do by itself when a verdict falls, and within which limits."""

    kind: Literal["automatic/rollback/triggers"] = Field(description="Always `automatic/rollback/triggers`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    on_failed: Literal["rollback", "pause"] = Field(
        "rollback", description="A bad release: `rollback`, or `pause` and ask a person."
    )
    on_undecided: Literal["rollback", "promote"] = Field(
        "rollback", description="Too little was seen: the candidate leaves (`rollback`) or stays (`promote`)."
    )
    rollbacks_per_day: int = Field(
        _DEFAULT.rollbacks_per_day, ge=0, description="More than this in 24 hours needs a person; 0: always."
    )
    quarantine: bool = Field(
        _DEFAULT.quarantine, description="A bad release is never started again unless a person lifts it."
    )
    approval_for_rewind: bool = Field(
        _DEFAULT.approval_for_rewind, description="A rollback that takes data back waits for a person."
    )

    def to_domain(self) -> Triggers:
        return Triggers(
            on_failed=self.on_failed,
            on_undecided=self.on_undecided,
            rollbacks_per_day=self.rollbacks_per_day,
            quarantine=self.quarantine,
            approval_for_rewind=self.approval_for_rewind,
        )

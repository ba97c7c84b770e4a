"""data-replication.yml: how many copies there must be, and how far they may lag."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lastgood.documents.fields import Name, PositiveDuration, Strict
from lastgood.domain.policy import Replication


class DataReplicationDocument(Strict):
    """How many copies of the data there must be, and how far they may lag behind."""

    kind: Literal["data/replication"] = Field(description="Always `data/replication`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    minimum_vaults: int = Field(
        1, ge=1, description="Vaults that must hold a backup before its recovery point counts as whole."
    )
    lag_limits: dict[Name, PositiveDuration] = Field(
        default_factory=dict, description="Store -> the longest time its newest copy may lie behind."
    )

    def to_domain(self) -> Replication:
        return Replication(self.minimum_vaults, dict(self.lag_limits))

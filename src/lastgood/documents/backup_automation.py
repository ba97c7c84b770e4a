"""backup-automation.yml: what is backed up when, and for how long it is kept."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lastgood.documents.cron import Cron
from lastgood.documents.fields import Name, Strict
from lastgood.domain.policy import BackupPolicy, Retention

_DEFAULT = BackupPolicy()


class RetentionEntry(Strict):
    """A recovery point is kept while any of these wants it."""

    last: int = Field(_DEFAULT.retention.last, ge=0, description="The newest so many.")
    hourly: int = Field(_DEFAULT.retention.hourly, ge=0, description="One an hour, for so many hours.")
    daily: int = Field(_DEFAULT.retention.daily, ge=0, description="One a day, for so many days.")
    weekly: int = Field(_DEFAULT.retention.weekly, ge=0, description="One a week, for so many weeks.")
    monthly: int = Field(_DEFAULT.retention.monthly, ge=0, description="One a month, for so many months.")

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if not (self.last or self.hourly or self.daily or self.weekly or self.monthly):
            raise ValueError("keeps nothing; write at least `last: 1`")
        return self

    def to_domain(self) -> Retention:
        return Retention(self.last, self.hourly, self.daily, self.weekly, self.monthly)


class BackupAutomationDocument(Strict):
    """What is backed up when, where to, for how long it is kept, and how a backup is proven."""

    kind: Literal["backup/automation"] = Field(description="Always `backup/automation`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    schedule: Cron = Field(
        _DEFAULT.schedule, description="When, as five cron fields: minute, hour, day, month, weekday."
    )
    stores: tuple[Name, ...] = Field((), description="Which stores; `[]` is all of them.")
    vaults: tuple[Name, ...] = Field((), description="Into which vaults; `[]` is all of them.")
    retention: RetentionEntry = Field(RetentionEntry(), description="How long recovery points are kept.")
    verify: Literal["restore", "read", "none"] = Field(
        "restore",
        description="How a new backup is proven: by a `restore`, by a `read`, or not at all (`none`).",
    )

    def to_domain(self) -> BackupPolicy:
        return BackupPolicy(self.schedule, self.stores, self.vaults, self.retention.to_domain(), self.verify)

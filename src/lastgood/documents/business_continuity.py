"""business-continuity.yml: what must go on, how soon it must be back, and who is responsible."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lastgood.documents.fields import Duration, Name, PositiveDuration, Strict, write_duration
from lastgood.domain.objective import Activity, Continuity, Objective, Role

_DEFAULT = Continuity()


class ActivityEntry(Strict):
    """Something the business does, and what was promised about it."""

    name: Name = Field(description="What people call it.")
    tier: int = Field(1, ge=1, le=4, description="1 comes back first, 4 last.")
    services: tuple[Name, ...] = Field((), description="The services it needs.")
    depends_on: tuple[Name, ...] = Field((), description="Activities that it cannot go on without.")
    rto: PositiveDuration = Field(description="Recovery time objective: it serves again within this time.")
    rpo: Duration = Field(description="Recovery point objective: at most this span of data is lost.")
    maximum_tolerable_downtime: Duration | None = Field(
        None, description="Beyond this the harm is lasting; by default twice the rto."
    )

    @model_validator(mode="after")
    def _promise_is_tolerable(self) -> Self:
        if self.maximum_tolerable_downtime is not None and self.maximum_tolerable_downtime < self.rto:
            longest = write_duration(self.rto)
            raise ValueError(f"has a maximum_tolerable_downtime below its rto; write {longest} or more")
        return self

    def to_domain(self) -> Activity:
        return Activity(
            name=self.name,
            tier=self.tier,
            services=self.services,
            objective=Objective(self.rto, self.rpo),
            maximum_tolerable_downtime=self.maximum_tolerable_downtime or 2 * self.rto,
            depends_on=self.depends_on,
        )


class RoleEntry(Strict):
    """Who does what when it matters."""

    name: Name = Field(description="The role, like incident-lead.")
    person: str = Field(min_length=1, description="Who has it.")
    contact: str = Field(min_length=1, description="How to reach them, also when this system is down.")
    alternate: str = Field("", description="Who steps in, and how to reach them.")

    def to_domain(self) -> Role:
        return Role(self.name, self.person, self.contact, self.alternate)


class BusinessContinuityDocument(Strict):
    """What must go on, how soon it must be back, who is responsible, and how often it is rehearsed."""

    kind: Literal["business/continuity"] = Field(description="Always `business/continuity`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    purpose: str = Field("", description="What this system is for, in a sentence.")
    activities: tuple[ActivityEntry, ...] = Field((), description="What the business does with it.")
    roles: tuple[RoleEntry, ...] = Field((), description="Who does what when it matters.")
    drill_every: PositiveDuration = Field(
        _DEFAULT.drill_every,
        description="A promise that was not rehearsed for so long is unproven.",
    )

    def to_domain(self) -> Continuity:
        return Continuity(
            purpose=self.purpose,
            activities=tuple(activity.to_domain() for activity in self.activities),
            roles=tuple(role.to_domain() for role in self.roles),
            drill_every=self.drill_every,
        )

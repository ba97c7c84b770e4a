"""data-consistency.yml: what happens to data when a release goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from lastgood.documents.fields import Command, Duration, Name, PositiveDuration, Strict, Text
from lastgood.domain.policy import Consistency, DataPolicy, Invariant

_DEFAULT = Consistency()


class InvariantEntry(Strict):
    """Something that is always true of the data while all is well."""

    name: Name = Field(description="What reports call it.")
    store: Name = Field(description="The store whose data it speaks of.")
    query: str = Field("", description="A read-only query with a single value.")
    command: Command = Field(
        (), description="Instead of a query: a program that ends with 0 while all is well."
    )
    expect: Text = Field("0", description="The value that the query must give.")
    every: PositiveDuration = Field(timedelta(seconds=2), description="Time from one look to the next.")
    limit: PositiveDuration = Field(timedelta(seconds=10), description="No answer by then is no answer.")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if bool(self.query) == bool(self.command):
            said = "query and command" if self.query else "no question"
            raise ValueError(f"holds {said}; write exactly one of query and command")
        return self

    def to_domain(self) -> Invariant:
        return Invariant(self.name, self.store, self.query, self.command, self.expect, self.every, self.limit)


class DataConsistencyDocument(Strict):
    """What happens to data when a release goes back, and how broken data is noticed."""

    kind: Literal["data/consistency"] = Field(description="Always `data/consistency`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    on_rollback: Literal["keep", "rewind"] = Field(
        "keep",
        description="`keep` loses nothing; `rewind` goes back to the recovery point before the release.",
    )
    on_broken_invariant: Literal["keep", "rewind"] = Field(
        "keep", description="The same, when the release broke an invariant."
    )
    rewind_at_most_rows: int = Field(
        _DEFAULT.rewind_at_most_rows,
        ge=0,
        description="More rows at stake than this need a person; 0: always.",
    )
    hold_for_points: bool = Field(
        _DEFAULT.hold_for_points, description="Hold requests while a recovery point marks all stores."
    )
    keep_replaced: Duration = Field(
        _DEFAULT.keep_replaced, description="How long data that a restore replaced is kept."
    )
    invariants: tuple[InvariantEntry, ...] = Field((), description="What is always true of the data.")

    def to_domain(self) -> Consistency:
        return Consistency(
            on_rollback=DataPolicy(self.on_rollback),
            on_broken_invariant=DataPolicy(self.on_broken_invariant),
            rewind_at_most_rows=self.rewind_at_most_rows,
            hold_for_points=self.hold_for_points,
            keep_replaced=self.keep_replaced,
            invariants=tuple(invariant.to_domain() for invariant in self.invariants),
        )

"""`synthetic:` in rollback-detection.yml: written requests for a candidate that gets too few real ones."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from lastgood.documents.fields import PositiveDuration, Strict
from lastgood.documents.probe import Status
from lastgood.domain.watching import SAFE_METHODS, Synthetic, WrittenRequest

_DEFAULT = Synthetic(())


class WrittenRequestEntry(Strict):
    """A request that is sent as it stands."""

    method: str = Field("GET", pattern="^[A-Z]{3,10}$", description="GET, HEAD and OPTIONS change nothing.")
    path: str = Field(
        pattern=r"^/[!-~]*$", description="With its query, as it is sent: like `/search?q=tea`."
    )
    body: str = Field("", description="As text, in UTF-8.")
    content_type: str = Field(
        "application/json", pattern=r"^[ -~]+$", description="Sent where there is a body."
    )
    statuses: tuple[Status, ...] = Field((), description="Statuses that are right, instead of 200 to 399.")
    writes: bool = Field(
        False, description="`true` where it may change data, which any other method than these three may."
    )

    @model_validator(mode="after")
    def _says_that_it_writes(self) -> Self:
        if self.method not in SAFE_METHODS and not self.writes:
            raise ValueError(
                f"sends {self.method}, which may change data at each time; write `writes: true` if it may"
            )
        return self

    def to_domain(self) -> WrittenRequest:
        return WrittenRequest(self.method, self.path, self.body, self.content_type, self.statuses)


class SyntheticEntry(Strict):
    """Requests that lastgood sends itself, to the candidate and to the old release beside it alike, while the
    candidate gets fewer real ones than are needed. They never go through the proxy, and are a signal of their
    own, never counted among the real ones."""

    requests: tuple[WrittenRequestEntry, ...] = Field(min_length=1, description="Sent in turn.")
    per_second: float = Field(
        _DEFAULT.per_second, gt=0, le=100, description="To each of the two releases, in all."
    )
    limit: PositiveDuration = Field(_DEFAULT.limit, description="No answer by then is an error.")
    weight: float = Field(
        _DEFAULT.weight, gt=0, le=100, description="Its share of the evidence, beside the `signals`."
    )

    def to_domain(self) -> Synthetic:
        return Synthetic(
            tuple(request.to_domain() for request in self.requests), self.per_second, self.limit, self.weight
        )

"""Counts of a tick: requests and errors of the new release and of the old one beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

MOST = 1e15  # a larger count is no count of requests; sums of smaller ones keep whole numbers apart


@dataclass(frozen=True, slots=True)
class Counts:
    """`nc`, `xc`: requests and errors of the new release; `nb`, `xb`: of the old one beside it."""

    nc: float = 0.0
    xc: float = 0.0
    nb: float = 0.0
    xb: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.nc + other.nc, self.xc + other.xc, self.nb + other.nb, self.xb + other.xb)

    @property
    def possible(self) -> bool:
        """False for what no service can have seen: NaN, infinite or negative counts, more errors than
        requests. Such a tick is no observation: whoever counts has lost its place, the release has not."""
        parts = (self.nc, self.xc, self.nb, self.xb)
        return all(isfinite(part) and 0 <= part <= MOST for part in parts) and (
            self.xc <= self.nc and self.xb <= self.nb
        )

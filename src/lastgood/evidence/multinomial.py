"""Are categories met in the proportions that were promised? A Dirichlet mixture of multinomials.

    M_n = B(a + x) / B(a) / prod theta_i^x_i        a = k theta, x: counts by category so far

is a martingale from 1 when each observation falls into category i with probability theta_i. Two uses:

- Traffic shares: whether the proxy gives the new release the share it was told to. A mismatch (a canary that
  refuses connections gets fewer requests) says that the comparison of the two releases is not to be trusted.
- Counts of events of several releases that share one swing of the load (inhomogeneous Poisson processes):
  given that an event happens, it falls to release i with probability rho_i, its share of the traffic. It is
  the classical comparator of errors.py, two-sided and without its grid of alternatives.

Source: Lindon and Malek, Anytime-valid inference for multinomial count data (arXiv 2011.03567).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, lgamma, log

CONCENTRATION = 100.0  # k: how near to theta the alternatives lie


@dataclass(frozen=True, slots=True)
class Multinomial:
    """`theta`: the probabilities of the null, each above 0, sum 1. `best`: the highest log M so far."""

    theta: tuple[float, ...]
    concentration: float = CONCENTRATION
    counts: tuple[float, ...] = ()
    best: float = 0.0

    def __post_init__(self) -> None:
        whole = abs(fsum(self.theta) - 1.0) <= 1e-9 and all(part > 0.0 for part in self.theta)
        if not whole or not self.concentration > 0.0:
            raise ValueError(f"no proportions: {self.theta} with concentration {self.concentration}")

    def take_in(self, counts: Sequence[float]) -> Multinomial:
        """What was met since the last time, by category. Raises ValueError for another number of categories
        or a count below 0."""
        if len(counts) != len(self.theta) or not all(0.0 <= count < 1e15 for count in counts):
            raise ValueError(f"no counts of {len(self.theta)} categories: {counts}")
        held = self.counts or (0.0,) * len(self.theta)
        total = tuple(had + count for had, count in zip(held, counts, strict=True))
        taken = Multinomial(self.theta, self.concentration, total, self.best)
        return Multinomial(self.theta, self.concentration, total, max(self.best, taken.log_value))

    @property
    def log_value(self) -> float:
        """log M now."""
        a = [self.concentration * part for part in self.theta]
        met = [part + count for part, count in zip(a, self.counts or (0.0,) * len(a), strict=True)]
        expected = fsum(count * log(part) for count, part in zip(self.counts, self.theta, strict=False))
        return _log_beta(met) - _log_beta(a) - expected

    @property
    def p_value(self) -> float:
        return min(1.0, exp(-self.best))


def _log_beta(parts: Sequence[float]) -> float:
    return fsum(lgamma(part) for part in parts) - lgamma(fsum(parts))

"""Several signals, one verdict: a weighted sum of their capitals.

    M = spare + sum w_i M_i        w_i >= 0, spare + sum w_i = 1

Each M_i expects at most 1 while the release is no worse, hence so does M, however the signals depend on each
other (one fault shows in errors, latency and probes at once). A signal that falls silent keeps what it holds;
one that joins later is given a part of the spare, since it begins at 1 as the spare did. No signal is chosen
after its figures were seen, so none needs a correction for that.

A signal of weight w alone fails the release at M_i = 1/(alpha w).

Source: V. Vovk and R. Wang, E-values: calibration, combination and applications (Annals of Statistics 49,
2021), where the weighted mean is the only combination that holds under any dependence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, fsum, inf, isnan, log


@dataclass(frozen=True, slots=True)
class Combination:
    """Signals by name: `weights`, at most 1 together, and `logs`, the natural logarithm of the capital each
    held last. `best`: the highest log M so far. JSON by `lastgood.domain.codec`."""

    weights: Mapping[str, float]
    logs: Mapping[str, float] = field(default_factory=dict)
    best: float = 0.0

    def __post_init__(self) -> None:
        if any(not weight >= 0.0 for weight in self.weights.values()) or self.spare < -1e-9:
            raise ValueError(f"no weights of a whole: {dict(self.weights)}")

    @property
    def spare(self) -> float:
        return 1.0 - fsum(self.weights.values())

    def take(self, logs: Mapping[str, float]) -> Combination:
        """What some of the signals hold now. Raises ValueError for a signal without a weight, and for NaN."""
        for name, held in logs.items():
            if name not in self.weights or isnan(held):
                raise ValueError(f"the signal {name} holds {held}, among {sorted(self.weights)}")
        taken = Combination(self.weights, {**self.logs, **logs}, self.best)
        return Combination(taken.weights, taken.logs, max(self.best, taken.log_value))

    def join(self, name: str, part: float = 0.5) -> Combination:
        """A signal nobody had announced is given `part` of the spare. A known one changes nothing."""
        if name in self.weights:
            return self
        return Combination({**self.weights, name: max(self.spare, 0.0) * part}, self.logs, self.best)

    @property
    def log_value(self) -> float:
        """log M now."""
        parts = [(max(self.spare, 0.0), 0.0)]
        parts += [(weight, self.logs.get(name, 0.0)) for name, weight in self.weights.items()]
        logs = [log(weight) + held for weight, held in parts if weight > 0.0]
        top = max(logs)
        if top in (inf, -inf):
            return top
        return top + log(fsum(exp(part - top) for part in logs))

    @property
    def p_value(self) -> float:
        return min(1.0, exp(-self.best))

    def reached(self, alpha: float) -> bool:
        """Whether M was ever at 1/alpha or above: the release is failed. It stays so."""
        # a signal that stops at its ceiling is a rounding away from deciding alone
        return self.best >= -log(alpha) - 1e-12

    def alpha_of(self, name: str, alpha: float) -> float:
        """The alpha that a signal must be asked with, to decide alone: alpha times its weight."""
        return alpha * self.weights[name]


def equal_weights(names: tuple[str, ...], spare: float = 0.0) -> Combination:
    """All signals alike, `spare` (0 to 1) kept for those that join later."""
    return Combination({name: (1.0 - spare) / len(names) for name in names})

"""The capital of a signal: bets against "the new release is no worse", in logs.

K bets stand side by side. Each tick gives every bet a factor e_k with E[e_k | past] <= 1 while the release is
no worse:

    A_k <- (A_k + g_t w_k) e_k        M = reserve + sum A_k        M_0 = 1

g_1 = 0.8 is staked at once; the other 0.2 is staked evenly over the remaining ticks of the horizon, so that a
release that turns bad late meets bets that have not lost yet. M is a supermartingale from 1, hence by Ville's
inequality the chance that it ever reaches 1/alpha is at most alpha, however often one looks.

Sources: J. Ville, Étude critique de la notion de collectif (1939); Lindon, Sanden, Shirikian, KDD 2022
(arXiv 2205.14762); Shin, Ramdas, Rinaldo, E-detectors (arXiv 2203.03532) for bets that start later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, inf, isnan, log, log1p

FIRST_STAKE = 0.8  # g_1
_NOTHING = -inf


@dataclass(frozen=True, slots=True)
class Capital:
    """K bets and what they hold. A value: `grow` gives the next one. JSON by `lastgood.domain.codec`,
    at any tick, without changing what follows.

    `weights`: K shares that sum to 1. `horizon`: ticks of the watch (1 or more) over which the reserve is
    staked; growing goes on after it. `logs`: natural logarithms of A_k; () before the first tick.
    `best`: the highest log M so far.
    """

    weights: tuple[float, ...]
    horizon: int
    logs: tuple[float, ...] = ()
    ticks: int = 0
    best: float = 0.0

    def __post_init__(self) -> None:
        if self.horizon < 1 or not self.weights or abs(fsum(self.weights) - 1.0) > 1e-9:
            raise ValueError(f"no capital: horizon {self.horizon}, weights {self.weights}")

    def grow(self, log_factors: Sequence[float], log_ceiling: float = inf) -> Capital:
        """One tick on: `log_factors` holds log e_k for each bet (-inf: that bet has lost all). What M would
        hold above exp(`log_ceiling`) is given away.

        Raises ValueError for NaN, +inf or another number of bets: a factor is a promise, never garbage."""
        weights = self.weights
        if len(log_factors) != len(weights):
            raise ValueError(f"{len(log_factors)} factors for {len(weights)} bets")
        logs = self.staked()
        for bet, factor in enumerate(log_factors):
            if isnan(factor) or factor == inf:
                raise ValueError(f"the factor of bet {bet} is {factor}")
            logs[bet] += factor
        grown = Capital.__new__(Capital)
        put = object.__setattr__  # not __init__: the weights were proven when the capital was made
        put(grown, "weights", weights)
        put(grown, "horizon", self.horizon)
        put(grown, "logs", tuple(logs))
        put(grown, "ticks", self.ticks + 1)
        reached = grown.log_value
        if reached > log_ceiling:
            # the reserve is not staked: only what the bets hold can be given away
            bets, kept = _log_total(logs), log(exp(log_ceiling) - grown.reserve)
            put(grown, "logs", tuple(held - (bets - kept) for held in logs))
            reached = log_ceiling
        put(grown, "best", max(self.best, reached))
        return grown

    def staked(self) -> list[float]:
        """log(A_k + g_t w_k) of the next tick: what each bet holds when its factor comes."""
        stake = self.next_stake
        held = self.logs or (_NOTHING,) * len(self.weights)
        if stake <= 0.0:
            return list(held)
        log_stake = log(stake)
        return [
            _log_sum(log_held, log_stake + log(weight)) if weight else log_held
            for log_held, weight in zip(held, self.weights, strict=True)
        ]

    def idle(self) -> Capital:
        """One tick on without evidence: every e_k is 1."""
        return self.grow((0.0,) * len(self.weights))

    @property
    def next_stake(self) -> float:
        """g of the next tick: what leaves the reserve then, of a whole of 1."""
        if self.ticks == 0:
            return FIRST_STAKE if self.horizon > 1 else 1.0
        if self.ticks < self.horizon:
            return (1.0 - FIRST_STAKE) / (self.horizon - 1)
        return 0.0

    @property
    def reserve(self) -> float:
        """What was not staked yet, of a whole of 1."""
        return self._reserve_after(self.ticks)

    def _reserve_after(self, ticks: int) -> float:
        if ticks == 0:
            return 1.0
        return (1.0 - FIRST_STAKE) * max(0, self.horizon - ticks) / max(1, self.horizon - 1)

    @property
    def next_reserve(self) -> float:
        """What will not be staked yet after the next tick."""
        return self._reserve_after(self.ticks + 1)

    @property
    def log_value(self) -> float:
        """Natural logarithm of M now."""
        reserve = self.reserve
        return _log_total((*self.logs, log(reserve)) if reserve > 0.0 else self.logs)

    @property
    def p_value(self) -> float:
        """1 / max M so far, at most 1: valid at any time, never growing."""
        return min(1.0, exp(-self.best))

    def reached(self, alpha: float) -> bool:
        """Whether M was ever at 1/alpha or above: the release is failed. It stays so."""
        return self.best >= -log(alpha)


def _log_sum(first: float, second: float) -> float:
    """log(exp(first) + exp(second)); `second` is finite."""
    if first < second:
        first, second = second, first
    return first + log1p(exp(second - first))


def _log_total(logs: Sequence[float]) -> float:
    top = max(logs)
    return top + log(fsum(exp(part - top) for part in logs)) if top > _NOTHING else _NOTHING

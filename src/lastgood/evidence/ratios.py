"""Likelihood-ratio bets on counts: the strongest there are where every request errs by itself.

Each bet is on odds `omega` times those of the old release (see odds.py). Its factor for a tick is

    e = (c/c0)^xc ((1-c)/(1-c0))^(nc-xc) (b/b0)^xb ((1-b)/(1-b0))^(nb-xb)

with E[e | past] <= 1 for every pair of rates in {pc <= r0 pb + d}, when (c0, b0) is the projection of (c, b)
on that set. A known rate is the same with b0 = b and nb -> infinity. Errors in bursts break the promise; e to
the power 1/D keeps it for bursts of up to D requests (Hoelder's inequality).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, log1p

from lastgood.evidence.baseline import predicted_rate
from lastgood.evidence.counts import Counts
from lastgood.evidence.odds import LARGEST, clip, odds_up, project


def against_beside(
    counts: Counts,
    seen: Counts,
    omegas: Sequence[float],
    r0: float = 1.0,
    d: float = 0.0,
    prior: float = 0.01,
) -> list[float]:
    """log e of each bet against the old release beside it; both have requests in `counts`. `seen`: the sum of
    the ticks before this one."""
    logs = []
    for omega in omegas:
        b = predicted_rate(seen, omega, prior)
        edge = r0 * b + d
        if edge >= LARGEST:
            logs.append(0.0)
            continue
        c = clip(odds_up(edge, omega))
        c0, b0 = project(c, b, counts.nc, counts.nb, r0, d)
        logs.append(log_ratio(counts.nc, counts.xc, c, c0) + log_ratio(counts.nb, counts.xb, b, b0))
    return logs


def against_rate(counts: Counts, edge: float, omegas: Sequence[float]) -> list[float]:
    """log e of each bet against a new release whose rate is at most `edge`."""
    c0 = clip(edge)
    return [log_ratio(counts.nc, counts.xc, clip(odds_up(c0, omega)), c0) for omega in omegas]


def log_ratio(requests: float, errors: float, rate: float, null: float) -> float:
    """log of the likelihood of `rate` over that of `null`, both within (0, 1)."""
    if rate == null:
        return 0.0
    log_right = log1p(-rate) - log1p(-null)
    return errors * (log(rate) - log(null) - log_right) + requests * log_right

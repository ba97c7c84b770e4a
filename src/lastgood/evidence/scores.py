"""Bets on one bounded score a tick: fair however the errors within a tick hang together.

Against a known rate the score is s = xc/nc, whose mean is at most mu = r0 p0 + d while the release is no
worse, whether errors come alone or in bursts: e = 1 + lambda (s - mu), with lambda = stake/mu.

Against the old release beside it the score is s = xc/(xc+xb) with mu = nc r0/(nc r0 + nb). Without a margin
E[s] = mu given the number of errors T = xc + xb, also for bursts that fall on either release by its share of
the traffic, so lambda may depend on T. With a margin (r0 not 1, d > 0) the mean of s alone depends on how
common errors are; what stays exact, for independent requests and any g, such as 1/(t + m), is

    Z = (1-mu) [xc g(T) - (r0-1) xc xb (g(T-1) - g(T))/nb - d nc G] - mu xb g(T)
    G = [xc xb g(T-1) + (xc (nb-xb) + (nc-xc) xb) g(T) + (nc-xc)(nb-xb) g(T+1)] / (nc nb)
    E[Z] = (1-mu) nc (pc - r0 pb - d) E[g(1 + V)],  V: errors among nc-1 and nb-1 requests

for which E[x f(x)] = n p E[f(1 + x')], x' being binomial of n-1, is used once for each release. So
E[1 + lambda Z] <= 1 in the null, and 1 - lambda Z is the bet of the other side (promotion.py).
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

from lastgood.evidence.counts import Counts
from lastgood.evidence.kelly import LARGEST_STAKE, stake_if_many, stake_if_one
from lastgood.evidence.odds import LARGEST, SMALLEST

MANY = (1.5, 2.0, 4.0, 20.0)  # omegas staked as if each error came alone
ONE = (2.0, 5.0)  # as if a tick's errors were one burst
_Stake = Callable[[float, float, float], float]
SCORE_WEIGHTS = tuple(weight / 15 for weight in (1.5, 3.5, 3.5, 3.0, 2.0, 1.5))


def against_rate(counts: Counts, edge: float) -> list[float]:
    """log e of each bet against a new release whose rate is at most `edge`; nc > 0."""
    mu = max(edge, SMALLEST)
    if mu >= LARGEST:
        return [0.0] * len(SCORE_WEIGHTS)
    relative = counts.xc / counts.nc / mu - 1.0
    return _logs(relative, mu, counts.nc)


def against_beside(counts: Counts, r0: float = 1.0, d: float = 0.0, foreseen: float = 0.0) -> list[float]:
    """log e of each bet against the old release beside it; both have requests. `foreseen`: the errors that
    the past lets expect of this tick in both releases, of use with d only."""
    nc, nb = counts.nc, counts.nb
    mu = nc * r0 / (nc * r0 + nb)
    errors = counts.xc + counts.xb
    if d > 0.0:
        z, worst = contrast(counts, r0, d, foreseen)
        share = max(z / worst, -1.0)  # counts that are no whole numbers could fall below
        return [log(1.0 + stake_if_one(mu, omega) * share) for omega in (*MANY, *ONE)]
    if errors == 0.0:
        return [0.0] * len(SCORE_WEIGHTS)
    if r0 == 1.0:
        return _logs(counts.xc / errors / mu - 1.0, mu, errors)
    return [
        *(_with_ratio(counts, r0, mu, stake_if_many, omega) for omega in MANY),
        *(_with_ratio(counts, r0, mu, lambda mu, omega, _: stake_if_one(mu, omega), omega) for omega in ONE),
    ]


def contrast(counts: Counts, r: float, d: float, foreseen: float = 0.0) -> tuple[float, float]:
    """(Z, how far below 0 it can fall); above 0 it stays at or under 1 - mu. Both have requests.
    m is the errors of this tick that are foreseen, or that d allows, if they are more."""
    nc, xc, nb, xb = counts.nc, counts.xc, counts.nb, counts.xb
    mu = nc * r / (nc * r + nb)
    m = max(nc * d, foreseen)
    total = xc + xb
    at = 1.0 / (total + m) if total else 0.0
    together = xc * xb / (max(total - 1.0, 1.0) + m)  # xc xb g(T-1): where neither is 0, T >= 2
    alone = (xc * (nb - xb) + (nc - xc) * xb) * at
    neither = (nc - xc) * (nb - xb) / (total + 1.0 + m)
    expected = d * (together + alone + neither) / nb  # d nc G
    pairs = (r - 1.0) * (together - xc * xb * at) / nb
    z = (1.0 - mu) * (xc * at - pairs - expected) - mu * xb * at
    return z, mu + (1.0 - mu) * nc * d / (1.0 + m)


def _with_ratio(counts: Counts, r0: float, mu: float, stake: _Stake, omega: float) -> float:
    """log e where d = 0: Z with g(t) = stake of t / t, so that each bet may stake more on more errors."""
    xc, xb = counts.xc, counts.xb
    errors = xc + xb
    at = stake(mu, omega, errors) / errors
    before = stake(mu, omega, errors - 1.0) / (errors - 1.0) if errors >= 2.0 else at
    pairs = (r0 - 1.0) * xc * xb * (before - at) / counts.nb
    z = (1.0 - mu) * (xc * at - pairs) - mu * xb * at
    return log(1.0 + max(z / mu, -LARGEST_STAKE))


def _logs(relative: float, mu: float, draws: float) -> list[float]:
    """log(1 + stake (s/mu - 1)) for each bet."""
    logs = [log(1.0 + stake_if_many(mu, omega, draws) * relative) for omega in MANY]
    logs += [log(1.0 + stake_if_one(mu, omega) * relative) for omega in ONE]
    return logs

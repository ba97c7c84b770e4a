"""Bets that pay no more than is needed: what would go over the ceiling is paid out where there is no error.

A watch ends when M reaches 1/alpha; what an error would bring beyond that is worth nothing. min(M', 1/alpha)
has a smaller expectation than M', and the difference may be given to the other outcomes of the tick:

    M'(x) -> beta M'(x) for x < x*,  1/alpha for x >= x*        x*: the fewest errors that reach it
    beta = 1 + sum_{x >= x*} P0(x) (M'(x) - 1/alpha) / sum_{x < x*} P0(x) A'(x)

with P0 binomial at the edge of the null. M' grows with x, hence a smaller rate gives a smaller expectation.
It needs the null's distribution, so only a known rate has it, and it pays for small ticks only.

Source: Fischer and Ramdas, Improving the (approximate) sequential probability ratio test by avoiding
overshoot (arXiv 2410.16076).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb, exp, fsum, log1p

from lastgood.evidence.capital import Capital

LARGEST_TICK = 8  # requests; above, an error less decides little and the sum costs more


def log_boost(
    capital: Capital,
    requests: int,
    errors: int,
    edge: float,
    log_ceiling: float,
    factors: Callable[[int], Sequence[float]],
) -> float:
    """log beta for this tick (0 where it reaches the ceiling by itself or no outcome would).

    `edge`: the null's error rate; `factors(x)`: log e_k if x of `requests` were errors."""
    ceiling = exp(log_ceiling)
    staked, reserve = capital.staked(), capital.next_reserve

    def bets(x: int) -> float:
        return fsum(exp(min(held + factor, 700.0)) for held, factor in zip(staked, factors(x), strict=True))

    if reserve + bets(requests) <= ceiling:
        return 0.0
    over, under = 0.0, 0.0
    for x in range(requests + 1):
        chance = comb(requests, x) * edge**x * (1.0 - edge) ** (requests - x)
        held = bets(x)
        if reserve + held >= ceiling:
            if x <= errors:
                return 0.0
            over += chance * (reserve + held - ceiling)
        else:
            under += chance * held
    return log1p(over / under) if under > 0.0 else 0.0

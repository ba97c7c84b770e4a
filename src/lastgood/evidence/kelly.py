"""How much of a bet to put on a tick's share of errors: the part that lets the capital grow fastest.

Source: J. L. Kelly, A new interpretation of information rate (1956). Whatever is staked, the bet is fair:
what is computed here decides how soon it wins, never how often it errs. So it may be rounded and remembered.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p, sqrt

from lastgood.evidence.odds import odds_up

LARGEST_STAKE = 0.95  # a tick without an error of the new release costs no more than this share of a bet
_EXACT_UP_TO = 50.0  # expected errors; beyond, the two moments say it


def stake_if_one(mu: float, omega: float) -> float:
    """The share to stake on a score with null mean `mu` where the tick holds one independent error, or all
    its errors came in one burst: exact for one draw, (q - mu) / (1 - mu) with q = odds_up(mu, omega)."""
    return min((odds_up(mu, omega) - mu) / (1.0 - mu), LARGEST_STAKE)


def stake_if_many(mu: float, omega: float, draws: float) -> float:
    """The same where the score is the mean of `draws` independent draws: more draws swing less, so more can
    be staked. 0 to 0.95."""
    log_odds = log(mu) - log1p(-mu)
    few = round(draws) if draws <= 16 else round(exp(round(log(draws) * 16) / 16))
    return _kelly(round(log_odds * 20), omega, max(few, 1))


@lru_cache(maxsize=8192)
def _kelly(log_odds_in_twentieths: int, omega: float, draws: int) -> float:
    mu = 1.0 / (1.0 + exp(-log_odds_in_twentieths / 20))
    q = odds_up(mu, omega)
    if draws == 1:
        return min((q - mu) / (1.0 - mu), LARGEST_STAKE)
    gain, variance = q - mu, q * (1.0 - q) / draws
    if draws * q > _EXACT_UP_TO:
        return min(mu * gain / (gain * gain + variance), LARGEST_STAKE)
    outcomes = _binomial(draws, q)
    low, high = 0.0, LARGEST_STAKE
    for _ in range(12):
        stake = 0.5 * (low + high)
        slope = sum(p * (k / draws - mu) / (mu + stake * (k / draws - mu)) for k, p in outcomes)
        if slope > 0.0:
            low = stake
        else:
            high = stake
    return high if high == LARGEST_STAKE else low


def _binomial(draws: int, q: float) -> list[tuple[int, float]]:
    """(k, probability) within eight standard deviations of the mean."""
    mean, spread = draws * q, sqrt(draws * q * (1.0 - q))
    first = max(0, int(mean - 8 * spread - 8))
    last = min(draws, int(mean + 8 * spread + 8))
    log_choose = lgamma(draws + 1)
    return [
        (
            k,
            exp(log_choose - lgamma(k + 1) - lgamma(draws - k + 1) + k * log(q) + (draws - k) * log1p(-q)),
        )
        for k in range(first, last + 1)
    ]

"""What is known of the old release's error rate: bounds from its history, a prediction from the past.

Source of the bounds: Clopper and Pearson, The use of confidence or fiducial limits (Biometrika 26, 1934).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p, sqrt

from lastgood.evidence.counts import Counts
from lastgood.evidence.odds import clip

PRIOR_RATE = 0.01
_PRIOR_ERRORS = 0.5  # what the prior weighs: half an error, thus 50 requests at 1 %


def predicted_rate(seen: Counts, omega: float, prior: float = PRIOR_RATE) -> float:
    """b: the old release's error rate as the past tells it if the new one's odds are `omega` times as high.

    It solves nb b + nc odds_up(b, omega) = xb + xc, so that both releases' requests teach it. It decides how
    much a bet wins, never whether a bet is fair."""
    requests_new, requests_old = seen.nc, seen.nb + _PRIOR_ERRORS / prior
    errors = seen.xc + seen.xb + _PRIOR_ERRORS
    square = requests_old * (omega - 1.0)
    linear = requests_old + requests_new * omega - errors * (omega - 1.0)
    root = sqrt(linear * linear + 4.0 * square * errors)
    # of the two forms of the quadratic's root the one that subtracts nothing
    return clip(2.0 * errors / (linear + root) if linear > 0 else (root - linear) / (2.0 * square))


@lru_cache(maxsize=256)
def upper_bound(requests: float, errors: float, level: float) -> float:
    """The highest rate that `errors` or fewer of `requests` do not refute at `level`: Clopper-Pearson."""
    if errors >= requests:
        return 1.0
    return _quantile(errors + 1.0, requests - errors, 1.0 - level, log(level))


@lru_cache(maxsize=256)
def lower_bound(requests: float, errors: float, level: float) -> float:
    """The lowest rate that `errors` or more of `requests` do not refute at `level`: Clopper-Pearson."""
    if errors <= 0:
        return 0.0
    return 1.0 - _quantile(requests - errors + 1.0, errors, 1.0 - level, log(level))


def _quantile(a: float, b: float, share: float, log_rest: float) -> float:
    """The point below which `share` of a beta distribution lies; exp(log_rest) is what lies above it."""
    low, high = a / (a + b) if share > 0.5 else 0.0, 1.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if high - low <= 1e-13 * middle:
            break
        if _log_upper_tail(a, b, middle) > log_rest:
            low = middle
        else:
            high = middle
    return high  # of the two ends the one that promises less


def _log_upper_tail(a: float, b: float, x: float) -> float:
    """log of 1 - I_x(a, b), the regularised incomplete beta function, by its continued fraction.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.5.8, evaluated by Lentz's method."""
    if x >= 1.0:
        return -1e300
    front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)
    if x > (a + 1.0) / (a + b + 2.0):
        return front - log(b) + log(_fraction(b, a, 1.0 - x))
    below = exp(front - log(a) + log(_fraction(a, b, x)))
    return log1p(-min(below, 1.0 - 1e-16))


def _fraction(a: float, b: float, x: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 200_000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + factor * d
            c = 1.0 + factor / c
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1.0) < 1e-14:
            break
    return value

"""Exact one-sided tests of counts, and how their error is spent over many looks."""

from __future__ import annotations

from math import comb, exp, lgamma, log, log1p, pi


def exact_two_sample(bad_new: int, total_new: int, bad_old: int, total_old: int) -> float:
    """Fisher's exact test, one-sided: the chance that the new arm holds `bad_new` or more of all bad
    observations if both arms had one error rate.

    Source: R. A. Fisher, The Design of Experiments (1935), section 11; the hypergeometric tail."""
    bad, total = bad_new + bad_old, total_new + total_old
    most = min(bad, total_new)
    if bad_new <= 0 or total_new == 0 or total_old == 0:
        return 1.0
    denominator = _log_comb(total, total_new)
    return min(
        1.0,
        sum(
            exp(_log_comb(bad, count) + _log_comb(total - bad, total_new - count) - denominator)
            for count in range(bad_new, most + 1)
            if total_new - count <= total - bad
        ),
    )


def exact_one_sample(bad: int, total: int, rate: float) -> float:
    """The chance of `bad` or more among `total` if each were bad with probability `rate`: binomial tail."""
    if bad <= 0 or total == 0:
        return 1.0
    if not 0 < rate < 1:
        return float(rate >= 1)
    if total <= 60:
        return min(
            1.0, sum(comb(total, n) * rate**n * (1 - rate) ** (total - n) for n in range(bad, total + 1))
        )
    return min(
        1.0,
        sum(
            exp(_log_comb(total, n) + n * log(rate) + (total - n) * log1p(-rate))
            for n in range(bad, total + 1)
        ),
    )


def spent_at_look(alpha: float, look: int) -> float:
    """The share of alpha that look number `look` (from 1) may spend: alpha * 6 / (pi k)^2, whose sum over
    all k is alpha. By the union bound the chance of ever failing a healthy release is at most alpha."""
    return alpha * 6.0 / (pi * look) ** 2


def _log_comb(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)

"""The rules that the peers decide by, as their documentation and source give them, to be compared with.

    Kayenta        Mann-Whitney U at 98 %, tolerance .25 of the estimated shift; one verdict each lookback
    Flagger        success rate of the last minute below 99 %: a failed check; five of them, in sum, roll back
    Argo Rollouts  success rate of the last five minutes below 95 %: a failure; more than three abort
    z-test         two pooled proportions, one-sided at 1 %, looked at each minute as if it were the only time

Counts come minute by minute: (nc, xc, nb, xb), requests and errors of the new release and of the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean

Minute = tuple[int, int, int, int]

FLAGGER_RATE, FLAGGER_THRESHOLD = 0.99, 5
ARGO_RATE, ARGO_MINUTES, ARGO_FAILURE_LIMIT = 0.95, 5, 3
KAYENTA_CONFIDENCE, KAYENTA_TOLERANCE = 0.98, 0.25
_NORMAL = NormalDist()
_HALVINGS = 60


def flagger(minutes: Sequence[Minute]) -> int | None:
    """The minute (from 1) after which it rolls back. Failed checks are never taken back."""
    failed = 0
    for number, (nc, xc, _, _) in enumerate(minutes, 1):
        failed += nc > 0 and (nc - xc) / nc < FLAGGER_RATE
        if failed >= FLAGGER_THRESHOLD:
            return number
    return None


def argo_rollouts(minutes: Sequence[Minute]) -> int | None:
    failures = 0
    for end in range(ARGO_MINUTES, len(minutes) + 1, ARGO_MINUTES):
        window = minutes[end - ARGO_MINUTES : end]
        requests, errors = sum(minute[0] for minute in window), sum(minute[1] for minute in window)
        failures += requests > 0 and (requests - errors) / requests < ARGO_RATE
        if failures > ARGO_FAILURE_LIMIT:
            return end
    return None


def z_test(minutes: Sequence[Minute], alpha: float = 0.01) -> int | None:
    critical = _NORMAL.inv_cdf(1 - alpha)
    nc = xc = nb = xb = 0
    for number, minute in enumerate(minutes, 1):
        nc, xc, nb, xb = nc + minute[0], xc + minute[1], nb + minute[2], xb + minute[3]
        if nc and nb and 0 < xc + xb < nc + nb:
            pooled = (xc + xb) / (nc + nb)
            if (xc / nc - xb / nb) / sqrt(pooled * (1 - pooled) * (1 / nc + 1 / nb)) > critical:
                return number
    return None


def kayenta(minutes: Sequence[Minute], every: int) -> int | None:
    """Judged on error rates a minute, all of them so far, each `every` minutes."""
    for end in range(every, len(minutes) + 1, every):
        canary = [xc / nc for nc, xc, _, _ in minutes[:end] if nc]
        control = [xb / nb for _, _, nb, xb in minutes[:end] if nb]
        if canary and control and kayenta_judge(canary, control) == "High":
            return end
    return None


def kayenta_judge(canary: Sequence[float], control: Sequence[float], allowed_increase: float = 1.0) -> str:
    """High, Low or Pass for one metric.

    High needs the shift's lower confidence limit above tolerance times the estimated shift, and the ratio of
    the means at `allowed_increase` or above; Low is its mirror image."""
    if sorted(canary) == sorted(control) or len({*canary, *control}) == 1:
        return "Pass"
    low, estimate, high = shift_interval(canary, control, KAYENTA_CONFIDENCE)
    bound = KAYENTA_TOLERANCE * abs(estimate)
    mean = fmean(control)
    ratio = fmean(canary) / mean if mean else float("inf")
    if low > bound and ratio >= allowed_increase:
        return "High"
    return "Low" if high < -bound and ratio <= 1 / allowed_increase else "Pass"


def shift_interval(
    first: Sequence[float], second: Sequence[float], confidence: float
) -> tuple[float, float, float]:
    """Lower limit, Hodges-Lehmann-like estimate and upper limit of first - second: where the normal
    statistic of the rank sum, with ties and continuity correction, crosses its quantiles (R's wilcox.test
    with exact = FALSE, conf.int = TRUE)."""
    critical = _NORMAL.inv_cdf(0.5 + confidence / 2)
    return (
        _crossing(first, second, critical, corrected=True),
        _crossing(first, second, 0.0, corrected=False),
        _crossing(first, second, -critical, corrected=True),
    )


def rank_sum_z(first: Sequence[float], second: Sequence[float], corrected: bool = True) -> float:
    """The Mann-Whitney statistic in standard deviations, positive where `first` is larger."""
    n, m = len(first), len(second)
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks, ties, start = 0.0, 0.0, 0
    while start < n + m:
        end = start
        while end < n + m and ordered[end][0] == ordered[start][0]:
            end += 1
        mean_rank = (start + end + 1) / 2
        ranks += mean_rank * sum(1 for _, arm in ordered[start:end] if arm == 0)
        ties += (end - start) ** 3 - (end - start)
        start = end
    excess = ranks - n * (n + 1) / 2 - n * m / 2
    if corrected and excess:
        excess -= 0.5 if excess > 0 else -0.5
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    return excess / sqrt(variance) if variance > 0 else 0.0


def _crossing(first: Sequence[float], second: Sequence[float], level: float, corrected: bool) -> float:
    low, high = min(first) - max(second), max(first) - min(second)
    if rank_sum_z([value - low for value in first], second, corrected) <= level:
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if rank_sum_z([value - middle for value in first], second, corrected) > level:
            low = middle
        else:
            high = middle
    return high

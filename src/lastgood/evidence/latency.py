"""Latency: is the new release slower, anywhere in its distribution?

Samples fall into the bins of histogram.py; each bet holds a density w that rises from fast to slow bins.
The null is "the new release's latency, divided by 1 + slack, is stochastically no larger".

    concurrent   e = prod u(x) prod v(y) over the tick's new samples x and old samples y, with
                 v = (nc + nb) / (nc w + nb),  u = w v
    history      e = u(x) / U for one sample after the other, u = w / (n + m w), where U is the mean of u
                 over the urn: the n gaps of the history and the m new samples before

Concurrent: nc u + nb v = nc + nb in each bin, so (E u)^nc (E v)^nb <= 1 for whatever distribution both
releases have in this tick (weighted arithmetic and geometric mean), and u rises, so a faster release makes it
smaller. What swings both decides nothing. The bins' chances b, predicted from the past, affect power only.
History: exact for any size of it when old and new samples are exchangeable, so no confidence bound is spent.

Raised to 1/D, D being the design effect: samples in one tick that share their fate count once.

Sources: Turner, Ly, Grünwald, Generic e-variables for exact sequential k-sample tests (arXiv 2106.02693);
Vovk, Nouretdinov, Gammerman, Testing exchangeability on-line, ICML 2003; D: L. Kish, Survey Sampling (1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, log

from lastgood.domain.errors import UsageError
from lastgood.evidence.capital import Capital
from lastgood.evidence.histogram import TILT_WEIGHTS, Histogram, cut, tilts

ENOUGH_TO_CUT = 200  # old samples, where there is no history and the first ticks must make the bins
_HISTORY_WORTH = 10000.0  # samples that a history counts for when the old release's bins are predicted
_AT_ONCE = 32  # products between two logarithms: their range stays far from a float's


@dataclass(frozen=True, slots=True)
class LatencyTest:
    """What is asked. `alpha`: bound on ever failing a release that is no slower. `horizon`: ticks of the
    watch. `concurrent`: compare with the old release's samples of the same ticks, not with the history.
    `slack`: up to 1 + slack times as slow is no worse. `cluster`: D, 1 or more.
    Raises UsageError naming the field."""

    alpha: float
    horizon: int
    concurrent: bool = False
    slack: float = 0.0
    cluster: float = 1.0

    def __post_init__(self) -> None:
        _demand("alpha", 1e-100 <= self.alpha < 1, self.alpha, "a probability between 0 and 1, such as 0.001")
        whole = isinstance(self.horizon, int) and self.horizon >= 1
        _demand("horizon", whole, self.horizon, "a whole number of ticks, 1 or more")
        _demand("slack", 0 <= self.slack <= 1e6, self.slack, "a share of the latency, such as 0.05")
        fits = self.cluster >= 1 and isfinite(self.cluster)
        _demand("cluster", fits, self.cluster, "a design effect, 1 or more")


@dataclass(frozen=True, slots=True)
class LatencyEvidence:
    """What was seen so far; JSON by `lastgood.domain.codec`. Counts have one entry a bin.

    `histogram`: None until there are old samples to cut it; `learning`: those samples, fewer than 200.
    `waiting_new`, `waiting_old`: of ticks in which only one of the releases had requests.
    `ignored`: samples that were no latencies."""

    capital: Capital
    histogram: Histogram | None = None
    new: tuple[int, ...] = ()
    old: tuple[int, ...] = ()
    waiting_new: tuple[int, ...] = ()
    waiting_old: tuple[int, ...] = ()
    learning: tuple[float, ...] = ()
    ignored: int = 0


def begin(test: LatencyTest, history: Sequence[float | None] = ()) -> LatencyEvidence:
    """`history`: latencies of the old release, in any unit, the same as later; the more the better."""
    samples, ignored = _latencies(history, 1.0)
    evidence = LatencyEvidence(Capital(TILT_WEIGHTS, test.horizon), ignored=ignored)
    return _with_histogram(evidence, samples) if samples else evidence


def take_in(
    test: LatencyTest,
    evidence: LatencyEvidence,
    new: Sequence[float | None],
    old: Sequence[float | None] = (),
) -> LatencyEvidence:
    """One tick on, with the latencies of its requests. What is no latency (NaN, infinite, negative, None) is
    no observation and is counted."""
    new_samples, new_ignored = _latencies(new, 1.0 + test.slack)
    old_samples, old_ignored = _latencies(old, 1.0)
    evidence = replace(evidence, ignored=evidence.ignored + new_ignored + old_ignored)
    if evidence.histogram is None:
        return _learned(test, evidence, old_samples)
    if test.concurrent:
        return _beside(test, evidence, evidence.histogram, new_samples, old_samples)
    return _alone(test, evidence, evidence.histogram, new_samples)


def failed(test: LatencyTest, evidence: LatencyEvidence) -> bool:
    """Whether the release is failed. Once it is, it stays so."""
    return evidence.capital.reached(test.alpha)


def design_effect(ticks: Sequence[Sequence[float]]) -> float:
    """D: how many times more the old release's ticks differ from each other than independent samples would,
    at its median or at its 90 % quantile, whichever is more; at least 1. Ticks of one sample tell nothing."""
    kept = [samples for samples in (_latencies(tick, 1.0)[0] for tick in ticks) if len(samples) > 1]
    if len(kept) < 2:
        return 1.0
    ordered = sorted(sample for tick in kept for sample in tick)
    effects = [1.0]
    for quantile in (0.5, 0.9):
        limit = ordered[int(quantile * (len(ordered) - 1))]
        slower = [sum(1 for sample in tick if sample > limit) for tick in kept]
        share = sum(slower) / len(ordered)
        if 0.0 < share < 1.0:
            scores = [
                (count - len(tick) * share) ** 2 / (len(tick) * share * (1.0 - share))
                for count, tick in zip(slower, kept, strict=True)
            ]
            effects.append(sum(scores) / (len(scores) - 1))
    return max(effects)


def _learned(test: LatencyTest, evidence: LatencyEvidence, old: list[float]) -> LatencyEvidence:
    """No bins yet: the old release's first samples only say where to cut."""
    evidence = replace(evidence, capital=evidence.capital.idle())
    if not test.concurrent:
        return evidence
    learning = (*evidence.learning, *old)
    if len(learning) < ENOUGH_TO_CUT:
        return replace(evidence, learning=learning)
    return replace(_with_histogram(evidence, learning), learning=())


def _with_histogram(evidence: LatencyEvidence, samples: Sequence[float]) -> LatencyEvidence:
    histogram = cut(samples)
    none = (0,) * len(histogram.gaps)
    return replace(evidence, histogram=histogram, new=none, old=none, waiting_new=none, waiting_old=none)


def _beside(
    test: LatencyTest, evidence: LatencyEvidence, histogram: Histogram, new: list[float], old: list[float]
) -> LatencyEvidence:
    new_counts = _sums(evidence.waiting_new, histogram.counts(new))
    old_counts = _sums(evidence.waiting_old, histogram.counts(old))
    nc, nb = sum(new_counts), sum(old_counts)
    if nc == 0 or nb == 0:
        capital = evidence.capital.idle()
        return replace(evidence, capital=capital, waiting_new=new_counts, waiting_old=old_counts)
    size = sum(histogram.gaps)
    worth = min(1.0, _HISTORY_WORTH / size)
    predicted = tuple(gap * worth + seen for gap, seen in zip(histogram.gaps, evidence.old, strict=True))
    both = _sums(new_counts, old_counts)
    filled = [which for which, count in enumerate(both) if count]
    factors = []
    for density in tilts(predicted, histogram.gaps):
        grown = 0.0
        for which in filled:
            weight = density[which]
            grown += new_counts[which] * log(weight) - both[which] * log((nc * weight + nb) / (nc + nb))
        factors.append(grown / test.cluster)
    none = (0,) * len(both)
    return replace(
        evidence,
        capital=evidence.capital.grow(factors),
        new=_sums(evidence.new, new_counts),
        old=_sums(evidence.old, old_counts),
        waiting_new=none,
        waiting_old=none,
    )


def _alone(
    test: LatencyTest, evidence: LatencyEvidence, histogram: Histogram, new: list[float]
) -> LatencyEvidence:
    if not new:
        return replace(evidence, capital=evidence.capital.idle())
    gaps = histogram.gaps
    bins = histogram.bins(new)
    urn = _sums(gaps, evidence.new)
    old_size, size = sum(gaps), sum(urn)
    new_size = size - old_size + 0.5 * len(new)  # in the middle of the tick
    factors = []
    for density in tilts(tuple(map(float, gaps)), gaps):
        staked = [weight * size / (old_size + new_size * weight) for weight in density]
        held = sum(weight * balls for weight, balls in zip(staked, urn, strict=True))
        factors.append(_urn_factor([staked[which] for which in bins], held, size) / test.cluster)
    counts = [0] * len(gaps)
    for which in bins:
        counts[which] += 1
    return replace(evidence, capital=evidence.capital.grow(factors), new=_sums(evidence.new, counts))


def _urn_factor(weights: list[float], held: float, size: int) -> float:
    """log prod w_i / W_i, the urn taking in each sample after it was judged."""
    grown = 0.0
    for start in range(0, len(weights), _AT_ONCE):
        product = 1.0
        for weight in weights[start : start + _AT_ONCE]:
            product *= weight * size / held
            held += weight
            size += 1
        grown += log(product)
    return grown


def _latencies(samples: Sequence[float | None], divisor: float) -> tuple[list[float], int]:
    kept = [
        sample / divisor for sample in samples if sample is not None and sample >= 0.0 and isfinite(sample)
    ]
    return kept, len(samples) - len(kept)


def _sums(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    return tuple(one + other for one, other in zip(first, second, strict=True))


def _demand(name: str, fits: bool, value: object, right: str) -> None:
    if not fits:
        raise UsageError(f"The latency test's {name} is {value!r}.", "It cannot be run so.", f"Give {right}.")

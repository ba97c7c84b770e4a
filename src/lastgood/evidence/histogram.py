"""Latencies as a histogram cut at the old release's quantiles, and the ways in which a release gets slower.

Cuts are order statistics of the old samples. Between n of them lie n + 1 gaps, and whatever the continuous
distribution, a further sample falls into each with the same chance 1/(n + 1), and so on as samples fill gaps
(Polya's urn). A bin of g gaps is thus hit with chance g/(n + 1): exactly, for any n. That is S. S. Wilks,
Determination of sample sizes for setting tolerance limits, Ann. Math. Stat. 12 (1941).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, erfc, sqrt
from statistics import NormalDist

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999)

SHIFTS = (0.1, 0.3, 0.7, 1.4)  # of the normal score: everything slower
EXCEEDANCES = (
    (0.9, 0.3),
    (0.99, 0.03),
    (0.999, 0.01),
    (0.9999, 0.01),
)  # above that quantile comes that share: a slow tail
TILT_WEIGHTS = tuple(weight / 12 for weight in (3, 2, 1, 1.5, 0.75, 0.75, 1, 2))

_LEAST = 1e-12  # of a bin's chance
_MORE = 2.0  # times as much above a cut, at least
_MOST_SHARE = 0.9  # that a tilt puts above a cut


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bin j holds what lies above cut j - 1 and at most at cut j. `gaps`: of the old samples, one bin each;
    they sum to n + 1."""

    cuts: tuple[float, ...]
    gaps: tuple[int, ...]

    def bins(self, samples: Iterable[float]) -> list[int]:
        """The bin of each sample. One that equals a cut lies below it, so ties never speak against it."""
        cuts = self.cuts
        return [bisect_left(cuts, sample) for sample in samples]

    def counts(self, samples: Iterable[float]) -> list[int]:
        found = [0] * len(self.gaps)
        for which in self.bins(samples):
            found[which] += 1
        return found


def cut(samples: Sequence[float]) -> Histogram:
    """The histogram of old samples: finite numbers, at least one; as many bins as they can tell apart.

    Equal samples stay together below their cut. Raises ValueError without samples."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("a histogram needs at least one old sample")
    size = len(ordered)
    ranks: list[int] = []
    for quantile in QUANTILES:
        rank = min(size, ceil(quantile * (size + 1) - 1e-9))
        rank = bisect_right(ordered, ordered[rank - 1])
        if not ranks or rank > ranks[-1]:
            ranks.append(rank)
    gaps = [later - earlier for earlier, later in zip((0, *ranks), (*ranks, size + 1), strict=True)]
    return Histogram(tuple(ordered[rank - 1] for rank in ranks), tuple(gaps))


@lru_cache(maxsize=256)
def tilts(counts: tuple[float, ...], nominal: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    """Density of each alternative relative to the old release, one row a bet, one value a bin, never falling
    from a bin to the next slower one: only then does a release that is faster, in whatever way, lose the bet.

    `counts` predict the old release's bins; `nominal` are the gaps, by which cuts are known as quantiles."""
    total = sum(counts)
    chances = [max(count / total, _LEAST) for count in counts]
    above = _above(chances)
    if not above:
        return tuple((1.0,) for _ in TILT_WEIGHTS)
    scores = [_NORMAL.inv_cdf(min(max(1.0 - share, 1e-15), 1.0 - 1e-15)) for share in above]
    rows = [_relative([_upper_tail(score - shift) for score in scores], chances) for shift in SHIFTS]
    known = _above([gap / sum(nominal) for gap in nominal])
    for quantile, target in EXCEEDANCES:
        which = min(range(len(known)), key=lambda one: abs(known[one] - (1.0 - quantile)))
        share = above[which]
        raised = min(_MOST_SHARE, max(target, _MORE * share))
        low, high = (1.0 - raised) / (1.0 - share), raised / share
        rows.append([low if one <= which else max(low, high) for one in range(len(chances))])
    return tuple(_rising(row, chances) for row in rows)


def _above(chances: Sequence[float]) -> list[float]:
    """The chance to lie above each cut."""
    shares, rest = [], 0.0
    for chance in reversed(chances[1:]):
        rest += chance
        shares.append(min(rest, 1.0 - _LEAST))
    return shares[::-1]


def _relative(above: Sequence[float], chances: Sequence[float]) -> list[float]:
    borders = (1.0, *above, 0.0)
    return [
        max(upper - lower, _LEAST) / chance
        for upper, lower, chance in zip(borders, borders[1:], chances, strict=False)
    ]


def _rising(row: Sequence[float], chances: Sequence[float]) -> tuple[float, ...]:
    """Rounding in empty bins must not make a density fall; afterwards it has mean 1 again."""
    highest, risen = 0.0, []
    for value in row:
        highest = max(highest, value)
        risen.append(highest)
    mean = sum(value * chance for value, chance in zip(risen, chances, strict=True)) / sum(chances)
    return tuple(value / mean for value in risen)


def _upper_tail(score: float) -> float:
    return 0.5 * erfc(score / _ROOT_TWO)


_NORMAL = NormalDist()
_ROOT_TWO = sqrt(2.0)

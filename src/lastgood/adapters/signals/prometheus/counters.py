"""How much counters grew: over resets, gaps, duplicates and samples out of order. Pure but for its memory."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lastgood.adapters.signals.looking import Unseen
from lastgood.adapters.signals.prometheus.answer import MOST_SERIES, Sample, Series

_Key = frozenset[tuple[str, str]]
MOST_REMEMBERED = 20 * MOST_SERIES
_TARGET = ("job", "instance")
_MOST = 2.0**53  # beyond it a counter does not count one by one, and sums could grow beyond all numbers
_RESET_BELOW = 0.5
"""A counter that falls below this share of what it was began anew; one that falls by less was misread.

Taken for a reset, a fall from 1,000,000 to 999,999 would count a million events that never were."""


class Growth:
    """The growth of one selector's series since the first look.

    A series that appears later counts from 0 where its target was seen before (the first error of a program
    makes the series), else from its newest value: it was counted before anyone looked.
    """

    def __init__(self) -> None:
        self._last: dict[_Key, Sample] = {}
        self._targets: set[tuple[str, ...]] = set()
        self.newest = -math.inf  # time of the newest sample seen

    @property
    def targets(self) -> set[tuple[str, ...]]:
        return self._targets

    def take(self, series: Iterable[Series], known_targets: set[tuple[str, ...]]) -> float:
        """Growth since the last call, 0 in the first. `known_targets` were seen before this look."""
        grown = 0.0
        for one in series:
            samples = sorted({at: value for at, value in one.samples if _counts(value)}.items())
            if not samples:
                continue
            target = target_of(one)
            last = self._last.get(one.key)
            if last is None:
                last = (samples[0][0] - 1, 0.0) if target in known_targets else samples[-1]
            for sample in samples:
                if sample[0] <= last[0]:  # seen before, or out of order
                    continue
                grown += _step(last[1], sample[1])
                last = sample
            self._last[one.key] = last
            if len(self._last) > MOST_REMEMBERED:
                raise Unseen("its series change all the time; select fewer, or fewer labels")
            self._targets.add(target)
            self.newest = max(self.newest, samples[-1][0])
        return grown


class Pair:
    """The counters of one arm. Bad ones that outrun the total wait until it has caught up."""

    def __init__(self) -> None:
        self._total, self._bad = Growth(), Growth()
        self._waiting_total = self.waiting_bad = 0.0

    @property
    def newest(self) -> float:
        return self._total.newest

    def take(self, total: Iterable[Series], bad: Iterable[Series]) -> tuple[int, int]:
        known = set(self._total.targets)
        self._waiting_total += self._total.take(total, known)
        self.waiting_bad += self._bad.take(bad, known)
        total_grown = int(self._waiting_total)
        bad_grown = min(int(self.waiting_bad), total_grown)
        self._waiting_total -= total_grown
        self.waiting_bad -= bad_grown
        return total_grown, bad_grown

    def forget_waiting(self) -> None:
        self._waiting_total = self.waiting_bad = 0.0


def target_of(series: Series) -> tuple[str, ...]:
    return tuple(series.labels.get(name, "") for name in _TARGET)


def _counts(value: float) -> bool:
    return 0 <= value <= _MOST  # neither of which NaN is


def _step(last: float, value: float) -> float:
    if value >= last:
        return value - last
    return value if value < last * _RESET_BELOW else 0.0

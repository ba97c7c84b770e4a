"""Any gauge (memory, queue length, temperature): the release is compared with releases that never happened.

Every instant of the history is taken as a deploy that changed nothing, a placebo in time. One contrast,

    S_t = median of the t points after - median of the 36 points before,    t = 3, 6, 12, 18, 24, 36,

is measured at each of them, and T = max over t of S_t / q90_t, where q90_t is the 90 % quantile of |S_t|
among the placebos. The release fails when its own T is above the (1 - alpha) quantile of the placebos' T.
Trends, seasons, autocorrelation and heavy tails are in the placebos too, so none of them needs a model; rank
tests that take points for independent raise many times their promised false alarms on such series. Where the
contrast of one period (a day) earlier makes the placebos smaller, it is subtracted.

Neighbouring placebos overlap: 36 are taken to tell as much as one, and the quantile is that of so many fewer.
Where they are too few for alpha, by a factor k, the largest T is raised k times, which keeps alpha for any T
of finite mean (measured: without it a history of 200 points gives 10 % at alpha 1 %). Fewer than 1/alpha
placebos in all are insufficient data.

Given a control (the same gauge where the new release is not), points are differences to it, in the history
and after the deploy. What is missing or no number is a gap; a window holds at least half of its points or is
not measured. After 36 points the gauge has said what it can.

Source: placebo tests in time as in A. Abadie, Using Synthetic Controls, J. Econ. Lit. 59 (2021), 3.4 and 4;
the quantile is that of split conformal prediction, Vovk, Gammerman, Shafer (2005), chapter 2.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, inf, isfinite
from typing import Literal

Direction = Literal["up", "down", "both"]
Points = Sequence[float | None]

BEFORE = 36  # points
AFTER = (3, 6, 12, 18, 24, 36)
_ALIKE = AFTER[-1]  # placebos so near each other share points, and tell about as much as one
_ROUNDING = 1e-9  # of the level: smaller contrasts are arithmetic, not change


@dataclass(frozen=True, slots=True)
class Placebo:
    """What the history says of deploys that changed nothing; `scales` and `earlier` go with AFTER."""

    alpha: float
    worse: Direction
    before: float  # median of the 36 points before the deploy
    earlier: tuple[float, ...]  # the contrasts one period earlier; zeros where they are not subtracted
    scales: tuple[float, ...]  # q90_t
    threshold: float
    windows: int


@dataclass(frozen=True, slots=True)
class InsufficientData:
    """The history cannot carry this alpha: an answer of its own, neither failed nor healthy."""

    windows: int
    needed: int
    reason: str


@dataclass(frozen=True, slots=True)
class GaugeWatch:
    """One gauge after one deploy; JSON-able, at most 36 points long."""

    placebo: Placebo
    points: tuple[float | None, ...] = ()
    largest: float = 0.0  # T so far
    failed_at: int | None = None  # index of the point that failed the release

    @property
    def capital(self) -> float:
        """1/alpha when fired, else 0: fired with chance at most alpha, it is worth at most 1 in expectation,
        whenever one looks. It enters a combination of signals as their capitals do."""
        return 0.0 if self.failed_at is None else 1.0 / self.placebo.alpha

    @property
    def finished(self) -> bool:
        return self.failed_at is not None or len(self.points) >= AFTER[-1]


def calibrate(
    history: Points, alpha: float, *, period: int | None = None, worse: Direction = "both"
) -> Placebo | InsufficientData:
    """Measure the placebos in the history, oldest point first, which ends where the deploy begins.

    `period` is the season's length in points (a day). Raises ValueError for an alpha outside (0, 1)."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    points = [_number(point) for point in history]
    needed = ceil(1 / alpha - 1e-9)
    before = _median(points[-BEFORE:]) if len(points) >= BEFORE else None
    if before is None:
        return InsufficientData(0, needed, f"The {BEFORE} points before the deploy hold too many gaps.")
    rounding = _ROUNDING * max((abs(point) for point in points if point is not None), default=0.0)
    contrasts = _contrasts(points, rounding)
    chosen = _measured(contrasts, None)
    scales = _scales(chosen)
    earlier = (0.0,) * len(AFTER)
    if period is not None and period >= AFTER[-1] and len(points) - period >= BEFORE:
        seasonal = _measured(contrasts, period)
        own = contrasts[len(points) - period]
        if len(seasonal) >= needed and own is not None:
            seasonal_scales = _scales(seasonal)
            if sum(seasonal_scales) < sum(scales):
                chosen, scales, earlier = seasonal, seasonal_scales, own
    if len(chosen) < needed:
        return InsufficientData(
            len(chosen), needed, f"{len(chosen)} windows of history; alpha {alpha:g} needs {needed}."
        )
    largest = sorted(
        max(_size(contrast, scale, worse) for contrast, scale in zip(row, scales, strict=True))
        for row in chosen
    )
    worth = len(largest) / _ALIKE
    rank = ceil((1 - alpha) * (worth + 1) / worth * len(largest) - 1e-9)
    threshold = largest[min(rank, len(largest)) - 1] * max(1.0, 1.0 / (alpha * (worth + 1)))
    return Placebo(alpha, worse, before, earlier, scales, threshold, len(largest))


def watch(placebo: Placebo) -> GaugeWatch:
    return GaugeWatch(placebo)


def observe(state: GaugeWatch, point: float | None) -> GaugeWatch:
    """Take in the next point after the deploy (None where there was none)."""
    if state.finished:
        return state
    placebo, points = state.placebo, (*state.points, _number(point))
    state = replace(state, points=points)
    if len(points) not in AFTER:
        return state
    median = _median(points)
    if median is None:
        return state
    which = AFTER.index(len(points))
    rounding = _ROUNDING * max(abs(median), abs(placebo.before))
    contrast = _rounded(median - placebo.before, rounding) - placebo.earlier[which]
    largest = max(state.largest, _size(contrast, placebo.scales[which], placebo.worse))
    fired = largest > placebo.threshold
    return replace(state, largest=largest, failed_at=len(points) - 1 if fired else None)


def beside(points: Points, control: Points) -> list[float | None]:
    """The points minus those of the control in the same instant; a gap where either has none."""
    pairs = ((_number(point), _number(other)) for point, other in zip(points, control, strict=True))
    return [None if point is None or other is None else _number(point - other) for point, other in pairs]


def increases(counter: Points) -> list[float | None]:
    """A counter as a gauge: its increase since the point before. Over a reset (it fell) or a gap the
    increase is not known, which is a gap too."""
    found: list[float | None] = [None] if counter else []
    for earlier, later in pairwise(counter):
        first, second = _number(earlier), _number(later)
        known = first is not None and second is not None and second >= first
        found.append(_number(second - first) if known and first is not None and second is not None else None)
    return found


def _contrasts(points: list[float | None], rounding: float) -> list[tuple[float, ...] | None]:
    """S_t for all t at each instant of the history, None where a window is not whole."""
    before = [None] * BEFORE + _rolling_medians(points, BEFORE)
    after = [_rolling_medians(points, width) for width in AFTER]
    found: list[tuple[float, ...] | None] = []
    for instant in range(len(points)):
        level = before[instant]
        medians = [row[instant] if instant < len(row) else None for row in after]
        whole = [
            _rounded(median - level, rounding)
            for median in medians
            if median is not None and level is not None
        ]
        found.append(tuple(whole) if len(whole) == len(AFTER) else None)
    return found


def _measured(contrasts: list[tuple[float, ...] | None], period: int | None) -> list[tuple[float, ...]]:
    if period is None:
        return [row for row in contrasts if row is not None]
    return [
        tuple(now - then for now, then in zip(row, earlier, strict=True))
        for row, earlier in zip(contrasts[period:], contrasts, strict=False)
        if row is not None and earlier is not None
    ]


def _scales(rows: list[tuple[float, ...]]) -> tuple[float, ...]:
    """q90 of |S_t|; where even that is 0, the largest one, so that rare steps of the history have a size."""
    scales = []
    for which in range(len(AFTER)):
        sizes = sorted(abs(row[which]) for row in rows) or [0.0]
        scales.append(sizes[ceil(0.9 * len(sizes)) - 1] or sizes[-1])
    return tuple(scales)


def _size(contrast: float, scale: float, worse: Direction) -> float:
    signed = abs(contrast) if worse == "both" else contrast if worse == "up" else -contrast
    if signed <= 0:
        return 0.0
    return signed / scale if scale > 0 else inf


def _rolling_medians(points: Sequence[float | None], width: int) -> list[float | None]:
    """The median of each `width` neighbouring points; the first starts at index 0."""
    window: list[float] = []
    medians: list[float | None] = []
    for end, point in enumerate(points):
        if point is not None:
            insort(window, point)
        leaving = points[end - width] if end >= width else None
        if leaving is not None:
            del window[bisect_left(window, leaving)]
        if end >= width - 1:
            medians.append(_middle(window) if 2 * len(window) >= width else None)
    return medians


def _median(points: Sequence[float | None]) -> float | None:
    present = sorted(point for point in points if point is not None)
    return _middle(present) if present and 2 * len(present) >= len(points) else None


def _middle(ordered: list[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else ordered[half - 1] / 2 + ordered[half] / 2


def _number(point: float | None) -> float | None:
    return float(point) if point is not None and isfinite(point) else None


def _rounded(contrast: float, rounding: float) -> float:
    return 0.0 if abs(contrast) <= rounding else contrast

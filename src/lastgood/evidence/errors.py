"""Errors and probes: is the new release's error rate above r0 pb + d?

    unit     what is taken to be independent                     bets
    tick     ticks (default): errors within one may be a burst   scores.py, and outage bets to the power 1/D
    request  every request by itself: strongest, fails in bursts ratios.py

The old release's rate pb comes from the requests it serves beside the new one, tick by tick, so that
what swings both decides nothing. Where it serves none, a known rate p0 stands for it, or its history: the
Clopper-Pearson upper bound at alpha/10, with 0.9 alpha left for the test. A probe is one arm with a known
rate. Where only one of two releases had requests, counts wait until both have some.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, log

from lastgood.domain.errors import UsageError
from lastgood.evidence import ratios, scores
from lastgood.evidence.baseline import PRIOR_RATE, predicted_rate, upper_bound
from lastgood.evidence.capital import Capital
from lastgood.evidence.ceiling import LARGEST_TICK, log_boost
from lastgood.evidence.counts import Counts
from lastgood.evidence.odds import LARGEST, OMEGA_WEIGHTS, OMEGAS, clip

BURST = 30.0  # D: the most requests one fault is taken to fail at once, where nothing better is known
OUTAGE_OMEGAS = (10.0, 200.0)
OUTAGE_CEILING = log(30.0)  # no single tick multiplies an outage bet by more
TICK_WEIGHTS = (*(0.75 * weight for weight in scores.SCORE_WEIGHTS), 0.125, 0.125)
HISTORY_SHARE = 0.1  # of alpha: that the history's bound is wrong


@dataclass(frozen=True, slots=True)
class ErrorTest:
    """What is asked. `alpha`: bound on ever failing a release that is no worse. `horizon`: ticks of the
    watch. `p0`: known rate of the old release; `history`: (requests, errors) of it. `r0`, `d`: a new rate up
    to r0 pb + d is no worse. `cluster`: D, 1 or more. Raises UsageError naming the field."""

    alpha: float
    horizon: int
    p0: float | None = None
    history: tuple[float, float] | None = None
    r0: float = 1.0
    d: float = 0.0
    unit: str = "tick"
    cluster: float | None = None

    def __post_init__(self) -> None:
        demand("alpha", 1e-100 <= self.alpha < 1, self.alpha, "a probability between 0 and 1, such as 0.001")
        whole = isinstance(self.horizon, int) and self.horizon >= 1
        demand("horizon", whole, self.horizon, "a whole number of ticks, 1 or more")
        demand("p0", self.p0 is None or 0 <= self.p0 <= 1, self.p0, "a rate from 0 to 1")
        demand("r0", 0 < self.r0 <= 1e6, self.r0, "a ratio above 0, such as 1 or 1.25")
        demand("d", 0 <= self.d < 1, self.d, "a difference of rates from 0 to 1, such as 0.001")
        demand("unit", self.unit in ("tick", "request"), self.unit, "`tick` or `request`")
        fits = self.cluster is None or (self.cluster >= 1 and isfinite(self.cluster))
        demand("cluster", fits, self.cluster, "the most requests one fault fails at once, 1 or more")
        if self.history is not None:
            requests, errors = self.history
            fits = 0 <= errors <= requests < 1e15 and requests > 0
            demand("history", fits, list(self.history), "[requests, errors], at least one request")

    @property
    def known_rate(self) -> float | None:
        """What stands for pb where nothing runs beside: p0, or the history's upper bound."""
        if self.p0 is not None or self.history is None:
            return self.p0
        return upper_bound(*self.history, HISTORY_SHARE * self.alpha)

    @property
    def level(self) -> float:
        """What is left of alpha for the test itself."""
        uses_history = self.p0 is None and self.history is not None
        return (1.0 - HISTORY_SHARE) * self.alpha if uses_history else self.alpha

    @property
    def prior_rate(self) -> float:
        """Where the prediction of pb begins."""
        if self.p0 is not None:
            return clip(self.p0)
        if self.history is not None and self.history[1] > 0:
            return clip(self.history[1] / self.history[0])
        return PRIOR_RATE

    @property
    def burst(self) -> float:
        return self.cluster if self.cluster is not None else BURST if self.unit == "tick" else 1.0


@dataclass(frozen=True, slots=True)
class ErrorEvidence:
    """What was seen so far; JSON by `lastgood.domain.codec`. `waiting`: counts of ticks in which only one of
    the releases had requests. `ignored`: ticks whose counts were impossible."""

    capital: Capital
    waiting: Counts = field(default_factory=Counts)
    seen: Counts = field(default_factory=Counts)
    ignored: int = 0


def begin(test: ErrorTest) -> ErrorEvidence:
    return ErrorEvidence(Capital(TICK_WEIGHTS if test.unit == "tick" else OMEGA_WEIGHTS, test.horizon))


def take_in(test: ErrorTest, evidence: ErrorEvidence, tick: Counts) -> ErrorEvidence:
    """One tick on. Impossible counts are no observation: the tick passes without evidence and is counted."""
    if not tick.possible:
        return ErrorEvidence(evidence.capital.idle(), evidence.waiting, evidence.seen, evidence.ignored + 1)
    counts = evidence.waiting + tick
    edge = _edge(test)
    if counts.nc > 0 and counts.nb > 0:
        factors = _beside(test, counts, evidence.seen)
        capital = evidence.capital.grow(factors)
    elif counts.nc > 0 and edge is not None:
        capital = _alone(test, evidence.capital, counts, edge)
    else:
        return ErrorEvidence(evidence.capital.idle(), counts, evidence.seen, evidence.ignored)
    return ErrorEvidence(capital, Counts(), evidence.seen + counts, evidence.ignored)


def failed(test: ErrorTest, evidence: ErrorEvidence) -> bool:
    """Whether the release is failed. It stays so."""
    return evidence.capital.reached(test.level)


def _edge(test: ErrorTest) -> float | None:
    rate = test.known_rate
    return None if rate is None else test.r0 * rate + test.d


def _beside(test: ErrorTest, counts: Counts, seen: Counts) -> list[float]:
    def bets(omegas: tuple[float, ...]) -> list[float]:
        logs = ratios.against_beside(counts, seen, omegas, test.r0, test.d, test.prior_rate)
        return [ratio / test.burst for ratio in logs]

    if test.unit == "request":
        return bets(OMEGAS)
    foreseen = predicted_rate(seen, 1.0, test.prior_rate) * (counts.nc + counts.nb)
    judged = scores.against_beside(counts, test.r0, test.d, foreseen)
    return [*judged, *_capped(bets(OUTAGE_OMEGAS))]


def _alone(test: ErrorTest, capital: Capital, counts: Counts, edge: float) -> Capital:
    if edge >= LARGEST:
        return capital.idle()
    if test.unit == "tick":
        outage = [ratio / test.burst for ratio in ratios.against_rate(counts, edge, OUTAGE_OMEGAS)]
        return capital.grow([*scores.against_rate(counts, edge), *_capped(outage)])

    def factors(errors: float) -> list[float]:
        logs = ratios.against_rate(Counts(counts.nc, errors), edge, OMEGAS)
        return [ratio / test.burst for ratio in logs]

    own = factors(counts.xc)
    whole = counts.nc == int(counts.nc) and counts.xc == int(counts.xc)
    if test.burst > 1.0 or not whole or counts.nc > LARGEST_TICK:
        return capital.grow(own)
    ceiling = -log(test.level)
    boost = log_boost(capital, int(counts.nc), int(counts.xc), clip(edge), ceiling, factors)
    return capital.grow([factor + boost for factor in own], ceiling)


def _capped(logs: list[float]) -> list[float]:
    return [min(ratio, OUTAGE_CEILING) for ratio in logs]


def demand(name: str, fits: bool, value: object, right: str) -> None:
    if not fits:
        raise UsageError(f"{name} is {value!r}.", "Nothing was judged.", f"Write {right}.")

"""Good enough to promote: is the new release's error rate below r1 pb + d?

The same capitals as errors.py with the sides changed: they bet against "pc >= r1 pb + d", on a new release as
good as the old one or better (r = 1, 1/2, 1/10, weighted 2:1:1). All is staked at once. Silence wins nothing,
so a release that got no traffic is never good.

    unit     beside the old release                                   against a known rate
    request  e = (q1/q0)^xc ((1-q1)/(1-q0))^xb, q0 = nc r1/(nc r1+nb),    likelihood ratio of r p0
             q1 = nc r/(nc r+nb); with d > 0 the likelihood ratio
    tick     s = xb/(xc+xb), null mean at most 1-q0 (scores.py)       half s = xc/nc, half the ratio to 1/D

Without errors on either side nothing tells pc from r1 pb: such a service needs a d ("up to 1 in 1000 more is
good enough"). The release is good when 1/alpha is reached; alpha 0.05 is the custom.

Source of the first line: Lindon, Sanden, Shirikian, KDD 2022 (arXiv 2205.14762), counts as thinned Poisson
processes; by log(1+x) <= x it holds for binomial counts too, whatever the rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from lastgood.evidence import scores
from lastgood.evidence.baseline import lower_bound, predicted_rate
from lastgood.evidence.capital import Capital
from lastgood.evidence.counts import Counts
from lastgood.evidence.errors import HISTORY_SHARE, ErrorEvidence, ErrorTest, demand
from lastgood.evidence.kelly import stake_if_many
from lastgood.evidence.odds import LARGEST, SMALLEST, clip, project
from lastgood.evidence.ratios import log_ratio

RATIOS = (1.0, 0.5, 0.1)  # r
WEIGHTS = (0.5, 0.25, 0.25)
STAKES = (0.95, 0.5, 0.2)  # of a bet, where no share of errors tells how much
R1 = 2.0
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class PromotionTest:
    """What is asked: as in ErrorTest, where `alpha` bounds the chance of ever calling a release good whose
    rate is r1 pb + d or more. `r1`: 1 or more. Raises UsageError naming the field."""

    alpha: float = ALPHA
    p0: float | None = None
    history: tuple[float, float] | None = None
    r1: float = R1
    d: float = 0.0
    unit: str = "tick"
    cluster: float | None = None

    def __post_init__(self) -> None:
        demand("r1", 1 <= self.r1 <= 1e6, self.r1, "a ratio of 1 or more, such as 2")
        self.settings  # noqa: B018  raises for what is wrong with the others

    @property
    def settings(self) -> ErrorTest:
        return ErrorTest(
            self.alpha,
            1,
            p0=self.p0,
            history=self.history,
            d=self.d,
            unit=self.unit,
            cluster=self.cluster,
        )

    @property
    def known_rate(self) -> float | None:
        """What stands for pb where nothing runs beside: p0, or the history's lower bound."""
        if self.p0 is not None or self.history is None:
            return self.p0
        return lower_bound(*self.history, HISTORY_SHARE * self.alpha)


def begin(test: PromotionTest) -> ErrorEvidence:
    return ErrorEvidence(
        Capital((*(weight / 2 for weight in WEIGHTS), *(weight / 2 for weight in WEIGHTS)), 1)
    )


def take_in(test: PromotionTest, evidence: ErrorEvidence, tick: Counts) -> ErrorEvidence:
    """One tick on; impossible counts and counts of only one release are treated as in errors.py."""
    if not tick.possible:
        return ErrorEvidence(evidence.capital.idle(), evidence.waiting, evidence.seen, evidence.ignored + 1)
    counts = evidence.waiting + tick
    known = test.known_rate
    if counts.nc > 0 and counts.nb > 0:
        factors = _beside(test, counts, evidence.seen)
    elif counts.nc > 0 and known is not None:
        factors = _alone(test, counts, known)
    else:
        return ErrorEvidence(evidence.capital.idle(), counts, evidence.seen, evidence.ignored)
    return ErrorEvidence(evidence.capital.grow(factors), Counts(), evidence.seen + counts, evidence.ignored)


def good(test: PromotionTest, evidence: ErrorEvidence) -> bool:
    """Whether the release is good enough. It stays so."""
    return evidence.capital.reached(test.settings.level)


def _beside(test: PromotionTest, counts: Counts, seen: Counts) -> list[float]:
    if test.unit == "tick":
        return 2 * _scores_beside(test, counts)
    nc, nb, r1 = counts.nc, counts.nb, test.r1
    if test.d == 0.0:
        q0 = nc * r1 / (nc * r1 + nb)
        return 2 * [
            counts.xc * log(q1 / q0) + counts.xb * log((1.0 - q1) / (1.0 - q0))
            for q1 in (nc * r / (nc * r + nb) for r in RATIOS)
        ]
    logs = []
    for r in RATIOS:
        b = predicted_rate(seen, r, test.settings.prior_rate)
        c = clip(r * b)
        c0, b0 = project(c, b, nc, nb, r1, test.d)
        logs.append(log_ratio(nc, counts.xc, c, c0) + log_ratio(nb, counts.xb, b, b0))
    return 2 * logs


def _scores_beside(test: PromotionTest, counts: Counts) -> list[float]:
    nc, nb, r1 = counts.nc, counts.nb, test.r1
    mu = nb / (nc * r1 + nb)
    errors = counts.xc + counts.xb
    if test.d == 0.0:
        if errors == 0.0:
            return [0.0] * len(RATIOS)
        relative = counts.xb / errors / mu - 1.0
        return [log(1.0 + stake_if_many(mu, r1 / r, errors) * relative) for r in RATIOS]
    z, _ = scores.contrast(counts, r1, test.d)
    share = max(-z / mu, -1.0)
    return [log(1.0 + stake * share) for stake in STAKES]


def _alone(test: PromotionTest, counts: Counts, known: float) -> list[float]:
    edge = test.r1 * known + test.d
    if edge <= SMALLEST:
        return [0.0] * (2 * len(RATIOS))
    edge = clip(edge)
    burst = test.settings.burst
    logs = [log_ratio(counts.nc, counts.xc, clip(r * known), edge) / burst for r in RATIOS]
    if test.unit == "request" or edge >= LARGEST:
        return 2 * logs
    share = (edge - counts.xc / counts.nc) / (1.0 - edge)
    return [*logs, *(log(1.0 + stake * share) for stake in STAKES)]

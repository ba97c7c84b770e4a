"""How fast any test could have been: log(1/alpha) / KL requests of the new release, on average.

Sources: A. Wald, Sequential tests of statistical hypotheses (1945); for two releases the divergence to the
nearest pair that is no worse (Turner, Ly, Grünwald, arXiv 2106.02693).
"""

from __future__ import annotations

from math import inf, log

from lastgood.evidence.odds import clip, project


def divergence(rate: float, other: float) -> float:
    """KL(rate || other) of one request, in nats; `other` within (0, 1)."""
    one = rate * log(rate / other) if rate > 0.0 else 0.0
    zero = (1.0 - rate) * log((1.0 - rate) / (1.0 - other)) if rate < 1.0 else 0.0
    return one + zero


def limit_requests(
    alpha: float, pc: float, pb: float, old_for_each_new: float | None = None, r0: float = 1.0, d: float = 0.0
) -> float:
    """Requests of the new release that the fastest test of level `alpha` needs on average when the true rates
    are pc and pb. `old_for_each_new`: nb/nc; None: pb is known. inf where the new release is no worse."""
    if pc <= r0 * pb + d:
        return inf
    if old_for_each_new is None:
        gain = divergence(pc, clip(r0 * pb + d))
    else:
        c0, b0 = project(clip(pc), clip(pb), 1.0, old_for_each_new, r0, d)
        gain = divergence(pc, c0) + old_for_each_new * divergence(pb, b0)
    return -log(alpha) / gain if gain > 0.0 else inf

"""Odds: the alternatives the error bets put their money on, and the nearest rates that are no worse.

Source of the projection: Turner, Ly, Grünwald, Generic e-variables for exact sequential k-sample tests (arXiv
2106.02693). For a null that is convex in (pc, pb) the likelihood ratio of (c, b) against its projection has
expectation <= 1 under every rate of the null, since the logarithm of that expectation is concave with its
maximum, 0, at the projection.
"""

from __future__ import annotations

OMEGAS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 200.0)
OMEGA_WEIGHTS = tuple(weight / 15 for weight in (2, 3, 3, 2, 2, 1, 2))
SMALLEST = 1e-9
LARGEST = 1.0 - 1e-9


def clip(rate: float) -> float:
    """A rate within [1e-9, 1 - 1e-9], so that no logarithm of it is infinite."""
    return min(max(rate, SMALLEST), LARGEST)


def odds_up(rate: float, omega: float) -> float:
    """The rate whose odds are `omega` times those of `rate` (0 to 1): omega p / (1 - p + omega p)."""
    return omega * rate / (1.0 - rate + omega * rate)


def project(c: float, b: float, nc: float, nb: float, r0: float = 1.0, d: float = 0.0) -> tuple[float, float]:
    """(c0, b0) on the edge {pc = r0 pb + d} that is nearest to (c, b): it minimises
    nc KL(c || c0) + nb KL(b || b0). (c, b) may lie on either side of the edge.

    `c`, `b`: rates of the new and the old release, within (0, 1); `nc`, `nb`: requests, both above 0;
    `r0` above 0, `d` at least 0. Without a margin it is the pooled rate. What comes back lies within
    [1e-9, 1 - 1e-9], to the last digits of a float.
    """
    if r0 == 1.0 and d == 0.0:
        pooled = clip((nc * c + nb * b) / (nc + nb))
        return pooled, pooled
    # moving each rate towards the other until they meet the edge cannot overshoot: it lies in between
    there = min(max((c - d) / r0, SMALLEST), LARGEST)
    low, high = min(b, there), min(max(b, there), (LARGEST - d) / r0)
    if high <= low:
        return clip(r0 * b + d), clip(b)
    b0 = 0.5 * (low + high)
    for _ in range(60):
        c0 = r0 * b0 + d
        gap_c, gap_b = c - c0, b - b0
        spread_c, spread_b = c0 * (1.0 - c0), b0 * (1.0 - b0)
        slope = nc * r0 * gap_c / spread_c + nb * gap_b / spread_b  # falls as b0 grows
        if slope > 0.0:
            low = b0
        else:
            high = b0
        bend = -nc * r0 * r0 * (1.0 / spread_c + gap_c * (1.0 - 2.0 * c0) / spread_c**2) - nb * (
            1.0 / spread_b + gap_b * (1.0 - 2.0 * b0) / spread_b**2
        )
        step = b0 - slope / bend
        nearer = step if low < step < high else 0.5 * (low + high)
        if abs(nearer - b0) <= 1e-15 * b0:
            break
        b0 = nearer
    return clip(r0 * b0 + d), clip(b0)

"""Every outcome of a tick with its probability: what a bet expects is then a sum, not a simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from hypothesis import strategies as st

from lastgood.evidence.counts import Counts

pasts = st.builds(
    lambda nc, nb, share_c, share_b: Counts(nc, int(nc * share_c), nb, int(nb * share_b)),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.floats(0, 1),
    st.floats(0, 1),
)


def chance(requests: int, errors: int, rate: float) -> float:
    return math.comb(requests, errors) * rate**errors * (1 - rate) ** (requests - errors)


def outcomes(nc: int, nb: int, pc: float, pb: float) -> Iterator[tuple[Counts, float]]:
    for xc, xb in product(range(nc + 1), range(nb + 1)):
        yield Counts(nc, xc, nb, xb), chance(nc, xc, pc) * chance(nb, xb, pb)

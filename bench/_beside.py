"""The same rollouts judged by us and by the peers' rules: one hour, 50/50, 100 requests/s an arm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean

import numpy as np

from bench._peers import Minute, argo_rollouts, flagger, kayenta, z_test
from bench._report import Row
from bench._simulated import bursts
from lastgood.evidence import errors
from lastgood.evidence.counts import Counts

ALPHA = 1e-3
PER_SECOND, SECONDS = 100, 3600
CASES = ((0.01, 0.01), (0.001, 0.002), (0.01, 0.05), (0.005, 0.5))  # the first is healthy
Z_TEST = "z-test each minute"
PEERS: Mapping[str, Callable[[Sequence[Minute]], int | None]] = {
    "Flagger": flagger,
    "Argo Rollouts": argo_rollouts,
    "Kayenta after 1 h": lambda minutes: kayenta(minutes, 60),
    "Kayenta each 10 min": lambda minutes: kayenta(minutes, 10),
    Z_TEST: z_test,
}


def beside_peers(rollouts: int) -> Iterator[Row]:
    for old, new in CASES:
        ours: list[float | None] = []
        theirs: dict[str, list[float | None]] = {name: [] for name in PEERS}
        for seed in range(rollouts):
            chance = np.random.default_rng([seed, 37, int(1e5 * new)])
            xc = bursts(chance, PER_SECOND, new, 1, SECONDS)
            xb = bursts(chance, PER_SECOND, old, 1, SECONDS)
            ours.append(_ours(xc.tolist(), xb.tolist()))
            minutes = _minutes(xc.tolist(), xb.tolist())
            for name, rule in PEERS.items():
                minute = rule(minutes)
                theirs[name].append(None if minute is None else 60.0 * minute)
        yield from _rows(old, new, ours, theirs)


def _rows(
    old: float, new: float, ours: list[float | None], theirs: Mapping[str, list[float | None]]
) -> Iterator[Row]:
    healthy = new == old
    case = f"healthy, {100 * old:g} % errors" if healthy else f"errors {100 * old:g} -> {100 * new:g} %"
    share = "rolled back" if healthy else "caught within the hour"
    goal = f"<= {ALPHA + 3 * (ALPHA / len(ours)) ** 0.5:.4f}" if healthy else ">= 1"
    yield Row(case, share, "of rollouts", _share(ours), goal=goal)
    for name, found in theirs.items():
        yield Row(case, share, "of rollouts", _share(ours), name, _share(found))
        if not healthy and _mean(found) is not None:
            goal = None if name == Z_TEST else "<= 1 x"  # quick, for it fails healthy releases as well
            yield Row(case, "mean time to it", "s", _mean(ours), name, _mean(found), goal)


def _ours(xc: list[int], xb: list[int]) -> float | None:
    test = errors.ErrorTest(ALPHA, SECONDS)
    evidence = errors.begin(test)
    for second, (own, other) in enumerate(zip(xc, xb, strict=True), 1):
        evidence = errors.take_in(test, evidence, Counts(PER_SECOND, own, PER_SECOND, other))
        if errors.failed(test, evidence):
            return float(second)
    return None


def _minutes(xc: list[int], xb: list[int]) -> list[Minute]:
    each = 60 * PER_SECOND
    return [
        (each, sum(xc[start : start + 60]), each, sum(xb[start : start + 60]))
        for start in range(0, SECONDS, 60)
    ]


def _share(found: list[float | None]) -> float:
    return sum(one is not None for one in found) / len(found)


def _mean(found: list[float | None]) -> float | None:
    caught = [one for one in found if one is not None]
    return fmean(caught) if caught else None

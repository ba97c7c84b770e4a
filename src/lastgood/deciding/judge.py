"""The judge: readings in, verdict out; it holds no clock and its state is data.

Requests of the new release are compared with those of the old one beside it in the same seconds (Fisher's
exact test, alpha spent over the looks); without an old one beside it, with an accepted error rate. Requests
that are slow count like errors, tested with half of alpha each. A probe fails the release after so many
failures in a row, an unexpected exit and a broken invariant at once: these are no samples but facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lastgood.domain.policy import Detection
from lastgood.domain.signal import Outcome, Reading, Verdict
from lastgood.evidence.fisher import exact_one_sample, exact_two_sample, spent_at_look

ACCEPTED_ERROR_RATE = 0.05  # of a first release, with nothing beside it to compare with
_GROWTH = 1.3  # between looks: few looks, since each thins out what the next may spend


@dataclass(frozen=True, slots=True)
class Arm:
    """Requests of one release since watching began."""

    total: int = 0
    errors: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """What the judge has seen in one phase; JSON-able, so that a watch survives restarts."""

    new: Arm = field(default_factory=Arm)
    old: Arm = field(default_factory=Arm)
    looks: int = 0
    looked_at: int = 0  # requests of both arms at the last look
    probe_failures: Mapping[str, int] = field(default_factory=dict)  # in a row
    probe_passes: int = 0
    exits: int = 0
    before: int = 0  # requests of the new release in earlier phases of this deploy
    facts: tuple[str, ...] = ()  # each one alone fails the release
    data_facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of watching. `old` is "" where nothing runs beside the new instance."""

    new: str
    old: str
    at_least: timedelta
    at_most: timedelta
    minimum_requests: int


def take_in(
    watched: Watched, readings: Iterable[Reading], phase: Phase, detection: Detection, broken: frozenset[str]
) -> Watched:
    """`broken` names the invariants that were broken before the release: they say nothing of it."""
    for reading in readings:
        match reading.kind:
            case "outcomes" if reading.instance_id == phase.new:
                watched = replace(watched, new=_counted(watched.new, reading, detection))
            case "outcomes" if reading.instance_id == phase.old:
                watched = replace(watched, old=_counted(watched.old, reading, detection))
            case "probe" if reading.instance_id == phase.new:
                watched = _probed(watched, reading, detection)
            case "exit" if reading.instance_id == phase.new:
                watched = _exited(watched, reading, detection)
            case "invariant" if reading.bad and reading.signal not in broken:
                fact = f"The invariant {reading.signal} is broken: {reading.detail}."
                watched = replace(watched, data_facts=_with(watched.data_facts, fact))
            case _:
                pass
    return watched


def judge(
    watched: Watched, phase: Phase, detection: Detection, elapsed: timedelta
) -> tuple[Watched, Verdict]:
    """The verdict now. Looks at the counts only when they grew, since each look spends some of alpha."""
    if watched.facts or watched.data_facts:
        return watched, _by_fact(watched, detection)
    requests = watched.new.total + watched.old.total
    if (
        requests >= watched.looked_at * _GROWTH
        and requests > 0
        and watched.new.total >= detection.minimum_requests
    ):
        watched = replace(watched, looks=watched.looks + 1, looked_at=requests)
        failed = _worse(watched, detection)
        if failed is not None:
            return watched, failed
    return watched, _not_failed(watched, phase, detection, elapsed)


def next_phase(watched: Watched) -> Watched:
    """What an earlier phase saw stays evidence in the next one (and what it spent of alpha stays spent):
    alpha holds for the whole deploy, and a bake compares with the old release as it was beside the canary."""
    return Watched(watched.new, watched.old, watched.looks, watched.looked_at, before=watched.new.total)


def _by_fact(watched: Watched, detection: Detection) -> Verdict:
    """Facts are no samples: no share of alpha is spent on them."""
    return Verdict(
        Outcome.FAILED,
        "facts",
        (*watched.facts, *watched.data_facts),
        detection.false_alarm,
        data_suspect=bool(watched.data_facts),
        figures=_figures(watched),
    )


def _worse(watched: Watched, detection: Detection) -> Verdict | None:
    level = spent_at_look(detection.false_alarm / 2, watched.looks)
    for signal, bad_new, bad_old in (
        ("errors", watched.new.errors, watched.old.errors),
        ("slow requests", watched.new.slow, watched.old.slow),
    ):
        new, old = watched.new.total, watched.old.total
        if old:
            chance = exact_two_sample(bad_new, new, bad_old, old)
            beside = f"against {_share(bad_old, old)} beside it"
        else:
            chance = exact_one_sample(bad_new, new, ACCEPTED_ERROR_RATE)
            beside = f"where up to {ACCEPTED_ERROR_RATE:.0%} is accepted"
        if chance < level:
            reason = (
                f"{_share(bad_new, new)} {signal} {beside} "
                f"({bad_new} of {new} requests; chance of a false alarm below {detection.false_alarm:.2g})."
            )
            return Verdict(
                Outcome.FAILED, signal, (reason,), detection.false_alarm, figures=_figures(watched)
            )
    return None


def _not_failed(watched: Watched, phase: Phase, detection: Detection, elapsed: timedelta) -> Verdict:
    def verdict(outcome: Outcome, reason: str) -> Verdict:
        return Verdict(outcome, "requests", (reason,), detection.false_alarm, figures=_figures(watched))

    here = watched.new.total - watched.before
    enough = here >= phase.minimum_requests
    probes_decide = detection.no_traffic == "probes" and here == 0 and watched.probe_passes > 0
    seen = f"{here} of {phase.minimum_requests} requests seen"
    if elapsed >= phase.at_least and enough:
        return verdict(
            Outcome.HEALTHY, f"{watched.new.total} requests, {watched.new.errors} errors: no worse."
        )
    if elapsed >= phase.at_least and probes_decide:
        return verdict(
            Outcome.HEALTHY, f"No requests came; {watched.probe_passes} probes passed and none failed."
        )
    if elapsed >= phase.at_most:
        return verdict(
            Outcome.INSUFFICIENT,
            f"Only {seen} within {phase.at_most.total_seconds():g} s: neither good nor bad can be said.",
        )
    return verdict(Outcome.UNDECIDED, f"{seen}, {watched.new.errors} errors.")


def _counted(arm: Arm, reading: Reading, detection: Detection) -> Arm:
    limit = detection.slow_after
    slow = (
        0
        if limit is None
        else sum(1 for latency in reading.latencies_seconds if latency > limit.total_seconds())
    )
    return Arm(arm.total + reading.total, arm.errors + reading.bad, arm.slow + slow)


def _probed(watched: Watched, reading: Reading, detection: Detection) -> Watched:
    in_a_row = watched.probe_failures.get(reading.signal, 0) + 1 if reading.bad else 0
    watched = replace(
        watched,
        probe_failures={**watched.probe_failures, reading.signal: in_a_row},
        probe_passes=watched.probe_passes + (reading.total - reading.bad),
    )
    if in_a_row < detection.probe_failures:
        return watched
    fact = f"The probe {reading.signal} failed {in_a_row} times in a row: {reading.detail}."
    return replace(watched, facts=_with(watched.facts, fact))


def _exited(watched: Watched, reading: Reading, detection: Detection) -> Watched:
    watched = replace(watched, exits=watched.exits + reading.bad)
    if watched.exits <= detection.crashes_tolerated:
        return watched
    fact = f"The process ended by itself: {reading.detail}."
    return replace(watched, facts=_with(watched.facts, fact))


def _with(facts: tuple[str, ...], fact: str) -> tuple[str, ...]:
    return facts if fact in facts or len(facts) >= 10 else (*facts, fact)


def _share(bad: int, total: int) -> str:
    return f"{100 * bad / total:.1f} %" if total else "none"


def _figures(watched: Watched) -> dict[str, float]:
    return {
        "requests": watched.new.total,
        "errors": watched.new.errors,
        "slow": watched.new.slow,
        "requests_beside": watched.old.total,
        "errors_beside": watched.old.errors,
        "looks": watched.looks,
    }

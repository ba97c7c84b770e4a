"""The judge: what was watched in, a verdict with reasons out; it holds no clock and no state.

Requests and the documents' signals fail a release when their evidence together reaches 1/alpha (watched.py).
A probe fails it after so many failures in a row, an unexpected exit, a broken invariant and an alert that
began since at once: these are no samples but facts. Healthy is what was shown to be good; silence is neither.
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil, exp, log

from lastgood.deciding.overriding import evidence_counts, standing_data_facts, standing_facts
from lastgood.deciding.questions import ACCEPTED_ERROR_RATE, REQUEST_WEIGHTS, Arm
from lastgood.deciding.watched import Phase, Watched, is_good, is_good_as_written
from lastgood.domain.policy import Detection
from lastgood.domain.signal import Outcome, Verdict
from lastgood.domain.watching import SYNTHETIC

_WRITTEN_FAIL_AT_MOST = 0.1  # of the written requests, on the old release
_CLEAN_REQUESTS = 4.0  # divided by good_below: about what it takes without errors to be shown good enough


def judge(watched: Watched, phase: Phase, detection: Detection, elapsed: timedelta) -> Verdict:
    """The verdict now."""
    if standing_facts(watched) or standing_data_facts(watched):
        return _by_fact(watched, detection)
    failed = watched.combined.reached(detection.false_alarm) and evidence_counts(watched)
    if failed and _enough_to_fail(watched, detection):
        return _worse(watched, phase, detection)
    return _not_failed(watched, phase, detection, elapsed)


def _enough_to_fail(watched: Watched, detection: Detection) -> bool:
    """Fewer than `minimum_requests` say nothing: of real ones, or of written ones where those say it. Signals
    with a count of their own need no requests."""
    strongest = _strongest(watched)
    if strongest == SYNTHETIC:
        return watched.counted[SYNTHETIC].seen.nc >= detection.minimum_requests
    return strongest not in REQUEST_WEIGHTS or watched.new.total >= detection.minimum_requests


def _strongest(watched: Watched) -> str:
    return max(_shares(watched), key=lambda found: found[1])[0]


def _by_fact(watched: Watched, detection: Detection) -> Verdict:
    """Facts are no samples: no share of alpha is spent on them."""
    return Verdict(
        Outcome.FAILED,
        "facts",
        (*standing_facts(watched), *standing_data_facts(watched), *watched.notes),
        detection.false_alarm,
        data_suspect=bool(standing_data_facts(watched)),
        figures=_figures(watched),
    )


def _worse(watched: Watched, phase: Phase, detection: Detection) -> Verdict:
    strongest = _strongest(watched)
    said = _in_words(watched, phase, detection, strongest)
    reason = f"{said}; chance of a false alarm below {detection.false_alarm:.2g}."
    reasons = (reason, *watched.notes)
    return Verdict(Outcome.FAILED, strongest, reasons, detection.false_alarm, figures=_figures(watched))


def _shares(watched: Watched) -> list[tuple[str, float]]:
    """Signal -> logarithm of what it adds to the evidence."""
    logs = watched.combined.logs
    return [
        (name, log(weight) + logs.get(name, 0.0))
        for name, weight in watched.combined.weights.items()
        if weight
    ]


def _in_words(watched: Watched, phase: Phase, detection: Detection, signal: str) -> str:
    new, old = watched.new, watched.old if phase.old else watched.history or Arm()
    beside = "beside it" if phase.old else "before"
    if signal in ("errors", "slow"):
        what = "errors" if signal == "errors" else "slow requests"
        bad, bad_old = (new.errors, old.errors) if signal == "errors" else (new.slow, old.slow)
        known = (
            f"{_share(bad_old, old.total)} {beside}"
            if old.total
            else f"{ACCEPTED_ERROR_RATE:.0%} that is accepted"
        )
        return f"{_share(bad, new.total)} {what} against {known} ({bad:,} of {new.total:,} requests)"
    if signal == "latency":
        return _slower_in_words(watched, detection)
    if signal in watched.counted:
        seen = watched.counted[signal].seen
        known = f", {_share(seen.xb, seen.nb)} beside it" if seen.nb else ""
        return f"{signal}: {_share(seen.xc, seen.nc)} bad ones{known} ({seen.xc:,.0f} of {seen.nc:,.0f})"
    return f"{signal} moved more than in all of its history"


def _slower_in_words(watched: Watched, detection: Detection) -> str:
    """At the latency where the two releases differ most."""
    evidence = watched.latency
    if evidence is None or evidence.histogram is None or not evidence.histogram.cuts:
        return "Slower than the old release beside it"
    cuts = evidence.histogram.cuts
    above = [(_above(evidence.new, index), _above(evidence.old, index)) for index in range(len(cuts))]
    widest = max(range(len(cuts)), key=lambda index: above[index][0] - above[index][1])
    spared = cuts[widest] * (1 + (detection.latency_margin or 0.0)) + detection.latency_slack.total_seconds()
    new, old = above[widest]
    return (
        f"{100 * new:.1f} % of its requests took more than {spared:.2g} s, "
        f"where {100 * old:.1f} % of the old one's beside it took more than {cuts[widest]:.2g} s"
    )


def _above(counts: tuple[int, ...], index: int) -> float:
    """The share of what lies above that cut."""
    return sum(counts[index + 1 :]) / max(1, sum(counts))


def _not_failed(watched: Watched, phase: Phase, detection: Detection, elapsed: timedelta) -> Verdict:
    def verdict(outcome: Outcome, reason: str) -> Verdict:
        reasons = (reason, *watched.notes, *_unseen(watched))
        return Verdict(outcome, "requests", reasons, detection.false_alarm, figures=_figures(watched))

    here = watched.new.total - watched.before
    good = not phase.must_be_good or is_good(watched, detection) or not evidence_counts(watched)
    seen = f"{watched.new.total:,} requests, {watched.new.errors:,} errors"
    if elapsed >= phase.at_least and here >= phase.minimum_requests and good:
        return verdict(Outcome.HEALTHY, f"{seen}: {_how_good(watched, phase, detection)}.")
    if elapsed >= phase.at_least and _too_thin(watched, phase, detection, elapsed):
        passed = f"{watched.probe_passes:,} probes passed and none failed"
        return verdict(Outcome.HEALTHY, f"Too few requests came to say more ({seen}); {passed}.")
    if elapsed >= phase.at_least and _written_suffice(watched, phase, detection, elapsed):
        return verdict(Outcome.HEALTHY, f"{seen}: too few to say more; {_written(watched)}.")
    if elapsed >= phase.at_most:
        said = f"{seen} within {phase.at_most.total_seconds():g} s: neither good nor bad can be said."
        return verdict(Outcome.INSUFFICIENT, f"{said} {_missing(watched, phase, detection)}")
    return verdict(
        Outcome.UNDECIDED,
        f"{seen}; evidence of harm {_evidence(watched)} of {1 / detection.false_alarm:,.0f}.",
    )


def _too_thin(watched: Watched, phase: Phase, detection: Detection, elapsed: timedelta) -> bool:
    """Whether the documents let probes decide, and at this rate requests will not suffice in time."""
    if detection.no_traffic != "probes" or not watched.probe_passes or watched.new.errors:
        return False
    return too_few_come(watched, phase, detection, elapsed)


def _written_suffice(watched: Watched, phase: Phase, detection: Detection, elapsed: timedelta) -> bool:
    """Real requests are too few, none of them failed, and written ones show the release to be good."""
    few = too_few_come(watched, phase, detection, elapsed)
    shown = is_good_as_written(watched, detection) and not _written_wrong(watched)
    return few and not watched.new.errors and shown


def _written_wrong(watched: Watched) -> bool:
    """The old release does not answer them well either: that the new one is no worse says nothing then."""
    if SYNTHETIC not in watched.counted:
        return False
    seen = watched.counted[SYNTHETIC].seen
    return seen.xb > _WRITTEN_FAIL_AT_MOST * seen.nb


def too_few_come(watched: Watched, phase: Phase, detection: Detection, elapsed: timedelta) -> bool:
    """Whether at this rate real requests will not suffice by the deadline of the phase."""
    here = watched.new.total - watched.before
    by_then = here * max(1.0, phase.at_most / elapsed) if elapsed else 0.0
    return by_then < _needed(watched, phase, detection)


def _written(watched: Watched) -> str:
    seen = watched.counted[SYNTHETIC].seen
    return (
        f"{seen.nc:,.0f} written requests to it, {seen.xc:,.0f} errors, and {seen.nb:,.0f} to the old one "
        f"beside it, {seen.xb:,.0f} errors, show it to be good enough"
    )


def _needed(watched: Watched, phase: Phase, detection: Detection) -> int:
    clean = ceil(_CLEAN_REQUESTS / detection.good_below) - watched.before if phase.must_be_good else 0
    return max(phase.minimum_requests, clean)


def _how_good(watched: Watched, phase: Phase, detection: Detection) -> str:
    if not evidence_counts(watched):
        return "the verdict on it was overridden"
    if phase.must_be_good:
        edge = f"{detection.good_ratio:g} times the old one's rate plus {detection.good_below:.1%}"
        return f"good enough (below {edge}, at 95 %)"
    return "no worse than before"


def _missing(watched: Watched, phase: Phase, detection: Detection) -> str:
    here = watched.new.total - watched.before
    if here < phase.minimum_requests:
        return f"{phase.minimum_requests:,} requests are wanted here, {here:,} came."
    needed = _needed(watched, phase, detection)
    return f"About {needed:,} requests without an error show it (good_below in rollback-detection.yml)."


def _unseen(watched: Watched) -> tuple[str, ...]:
    told = [f"{name} cannot be seen: {why}." for name, why in sorted(watched.unknown.items())]
    told += [
        f"{name} says nothing yet: {one.missing}."
        for name, one in sorted(watched.gauges.items())
        if one.missing
    ]
    if _written_wrong(watched):
        told.append(f"{SYNTHETIC} says nothing: the old release fails the written requests too.")
    return tuple(told)


def _evidence(watched: Watched) -> str:
    held = watched.combined.log_value
    return f"{exp(held):,.1f}" if held < 20 else f"10^{held / log(10):.0f}"


def _share(bad: float, total: float) -> str:
    return f"{100 * bad / total:.1f} %" if total else "none"


def _figures(watched: Watched) -> dict[str, float]:
    return {
        "requests": watched.new.total,
        "errors": watched.new.errors,
        "slow": watched.new.slow,
        "requests_beside": watched.old.total,
        "errors_beside": watched.old.errors,
        "evidence_log10": round(max(watched.combined.log_value, -300.0) / log(10), 3),
        "best_evidence_log10": round(watched.combined.best / log(10), 3),
    }

"""Watched: what has been seen of a release in one deploy, as evidence; a value, JSON by `domain.codec`.

    errors    requests that failed: beside the old release; in the bake against the old one as it was beside
    slow      requests slower than `slow_after`, in the same way
    latency   the whole distribution, only beside the old release: alone, more traffic alone makes it slower
    NAME      a signal of the documents: events and bad ones, or a number with its history (gauges.py)

Requests are gathered into ticks, because errors come in bursts: what falls into one tick counts as one event.
Every signal bets with a capital of its own, and their weighted sum decides (evidence/combination.py): valid
whatever they have to do with each other. Alpha is spent once a deploy: evidence goes on from phase to phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lastgood.deciding import gauges
from lastgood.deciding.questions import (
    REQUEST_WEIGHTS,
    TICK,
    Arm,
    error_test,
    good_test,
    is_gauge,
    latency_test,
    weights,
)
from lastgood.domain.policy import Detection
from lastgood.domain.signal import Reading
from lastgood.domain.watching import SYNTHETIC, Measure
from lastgood.evidence import errors, latency, promotion
from lastgood.evidence.combination import Combination
from lastgood.evidence.counts import Counts
from lastgood.evidence.errors import ErrorEvidence
from lastgood.evidence.latency import LatencyEvidence

_LATENCIES_A_TICK = 20_000


@dataclass(frozen=True, slots=True)
class Pending:
    """Of the tick that goes on."""

    new: Arm = field(default_factory=Arm)
    old: Arm = field(default_factory=Arm)
    new_latencies: tuple[float, ...] = ()
    old_latencies: tuple[float, ...] = ()
    events: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of watching. `old` is "" where nothing runs beside the new instance. With `must_be_good`
    it ends only when the release is shown to be good enough for more traffic."""

    new: str
    old: str
    at_least: timedelta
    at_most: timedelta
    minimum_requests: int
    must_be_good: bool = False
    warm: str = ""  # the old instance where it runs without traffic: written requests reach it all the same


@dataclass(frozen=True, slots=True)
class Watched:
    """`ticked_at`: seconds into the phase at which the last tick ended. `history`: the old release's requests
    as they are compared with where nothing runs beside. `unknown`: signal -> why it cannot be seen. `facts`
    and `data_facts`: each one alone fails the release; `notes` say something and decide nothing."""

    combined: Combination
    counted: Mapping[str, ErrorEvidence]
    good: Mapping[str, ErrorEvidence]
    latency: LatencyEvidence | None = None
    gauges: Mapping[str, gauges.Gauge] = field(default_factory=dict)
    history: Arm | None = None
    histories: Mapping[str, Arm] = field(default_factory=dict)  # of signals, before the release
    new: Arm = field(default_factory=Arm)
    old: Arm = field(default_factory=Arm)
    pending: Pending = field(default_factory=Pending)
    ticked_at: float = 0.0
    before: int = 0  # requests of the new release in earlier phases of this deploy
    probe_failures: Mapping[str, int] = field(default_factory=dict)  # in a row
    probe_passes: int = 0
    exits: int = 0
    unknown: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    data_facts: tuple[str, ...] = ()
    written_good: ErrorEvidence | None = None  # that written requests show it to be good
    overridden: tuple[str, ...] = ()  # what fails the release no more (overriding.py)


def begin(detection: Detection, history: Arm | None = None) -> Watched:
    """`history`: what earlier deploys saw of the old release; None where nothing is known of it."""
    shares = weights(detection)
    counted = {
        name: errors.begin(error_test(detection, name))
        for name in shares
        if name != "latency" and not is_gauge(detection, name)
    }
    good = {name: promotion.begin(good_test(detection)) for name in counted if name in REQUEST_WEIGHTS}
    slower = latency.begin(latency_test(detection)) if "latency" in shares else None
    written = promotion.begin(good_test(detection)) if SYNTHETIC in counted else None
    return Watched(Combination(shares), counted, good, slower, history=history, written_good=written)


def next_phase(watched: Watched) -> Watched:
    """Evidence goes on. Where nothing will run beside, the old release as it was seen beside is the history:
    it is fixed now, so that a bake does not choose what it is compared with."""
    seen = watched.old if watched.old.total else watched.history
    return replace(
        watched, history=seen, pending=Pending(), ticked_at=0.0, before=watched.new.total, probe_failures={}
    )


def take_in(
    watched: Watched,
    readings: Iterable[Reading],
    phase: Phase,
    detection: Detection,
    broken: frozenset[str],
    elapsed: timedelta,
) -> Watched:
    """`broken` names the invariants that were broken before the release: they say nothing of it."""
    for reading in readings:
        if reading.kind != "unknown" and reading.signal in watched.unknown:
            watched = replace(watched, unknown=_without(watched.unknown, reading.signal))
        watched = _one(watched, reading, phase, detection, broken)
    if elapsed.total_seconds() - watched.ticked_at >= TICK.total_seconds():
        watched = replace(_ticked(watched, phase, detection), ticked_at=elapsed.total_seconds())
    return watched


def _one(
    watched: Watched, reading: Reading, phase: Phase, detection: Detection, broken: frozenset[str]
) -> Watched:
    own = reading.instance_id in (phase.new, "")
    match reading.kind:
        case "outcomes" if reading.instance_id in (phase.new, phase.old):
            return _requests(watched, reading, reading.instance_id == phase.new, detection)
        case "probe" if own:
            return _probed(watched, reading, detection)
        case "exit" if own:
            return _exited(watched, reading, detection)
        case "invariant" if reading.bad and reading.signal not in broken:
            fact = f"The invariant {reading.signal} is broken: {reading.detail}."
            return replace(watched, data_facts=_with(watched.data_facts, fact))
        case "alert" if reading.bad:
            fact = f"An alert of {reading.signal} began to burn: {reading.detail}."
            return replace(watched, facts=_with(watched.facts, fact))
        case "fingerprint" if own and reading.bad:
            note = f"{reading.signal} logs errors that the old release never logged: {reading.detail}."
            return replace(watched, notes=_with(watched.notes, note))
        case "errors":
            return _events(watched, reading, phase)
        case "gauge" | "history":
            return _numbers(watched, reading, phase, detection)
        case "unknown":
            return replace(watched, unknown={**watched.unknown, reading.signal: reading.detail})
        case _:
            return watched


def _requests(watched: Watched, reading: Reading, is_new: bool, detection: Detection) -> Watched:
    limit = detection.slow_after
    slow = 0
    if limit is not None:
        slow = sum(1 for seconds in reading.latencies_seconds if seconds > limit.total_seconds())
    arm = Arm(reading.total, reading.bad, slow)
    pending = watched.pending
    if is_new:
        kept = (pending.new_latencies + reading.latencies_seconds)[:_LATENCIES_A_TICK]
        pending = replace(pending, new=pending.new + arm, new_latencies=kept)
        return replace(watched, pending=pending, new=watched.new + arm)
    kept = (pending.old_latencies + reading.latencies_seconds)[:_LATENCIES_A_TICK]
    pending = replace(pending, old=pending.old + arm, old_latencies=kept)
    return replace(watched, pending=pending, old=watched.old + arm)


def _events(watched: Watched, reading: Reading, phase: Phase) -> Watched:
    if reading.signal not in watched.counted:
        return watched
    here = watched.pending.events.get(reading.signal, Counts())
    if reading.instance_id and reading.instance_id == _beside(phase, reading.signal):
        here += Counts(nb=reading.total, xb=reading.bad)
    elif reading.instance_id in (phase.new, ""):
        here += Counts(nc=reading.total, xc=reading.bad)
    events = {**watched.pending.events, reading.signal: here}
    return replace(watched, pending=replace(watched.pending, events=events))


def _beside(phase: Phase, signal: str) -> str:
    """The old instance that this signal sees beside the new one, if any."""
    return phase.old or (phase.warm if signal == SYNTHETIC else "")


def _numbers(watched: Watched, reading: Reading, phase: Phase, detection: Detection) -> Watched:
    signal = next((one for one in detection.signals if one.name == reading.signal), None)
    if phase.old and reading.instance_id == phase.old:
        return watched
    if signal is None or reading.signal not in watched.combined.weights:
        return watched
    if signal.measures is Measure.ERRORS:
        past = Arm(reading.total, reading.bad)
        return replace(watched, histories={**watched.histories, reading.signal: past})
    alpha = watched.combined.alpha_of(signal.name, detection.false_alarm)
    gauge = watched.gauges.get(signal.name, gauges.Gauge())
    gauge = gauges.take_in(gauge, reading, signal, alpha)
    logs = {signal.name: gauge.log_capital}
    found = {**watched.gauges, signal.name: gauge}
    return replace(watched, gauges=found, combined=watched.combined.take(logs))


def _ticked(watched: Watched, phase: Phase, detection: Detection) -> Watched:
    """The tick ends: what it held becomes evidence."""
    pending, past = watched.pending, watched.history
    counted, good = dict(watched.counted), dict(watched.good)
    for name in ("errors", "slow"):
        if name in counted:
            counts = _counts(pending, name)
            test = error_test(detection, name, past, bool(_beside(phase, name)))
            counted[name] = errors.take_in(test, counted[name], counts)
            good[name] = promotion.take_in(good_test(detection), good[name], counts)
    written = watched.written_good
    for name, counts in pending.events.items():
        if written is not None and name == SYNTHETIC:
            written = promotion.take_in(good_test(detection), written, counts)
        test = error_test(detection, name, watched.histories.get(name), bool(_beside(phase, name)))
        counted[name] = errors.take_in(test, counted[name], counts)
    slower = watched.latency
    if slower is not None and phase.old:
        spared = [
            max(0.0, seconds - detection.latency_slack.total_seconds()) for seconds in pending.new_latencies
        ]
        slower = latency.take_in(latency_test(detection), slower, spared, pending.old_latencies)
    logs = {name: evidence.capital.log_value for name, evidence in counted.items()}
    if slower is not None:
        logs["latency"] = slower.capital.log_value
    return replace(
        watched,
        counted=counted,
        good=good,
        written_good=written,
        latency=slower,
        combined=watched.combined.take(logs),
        pending=Pending(),
    )


def _counts(pending: Pending, name: str) -> Counts:
    new, old = pending.new, pending.old
    if name == "slow":
        return Counts(new.total, min(new.slow, new.total), old.total, min(old.slow, old.total))
    return Counts(new.total, new.errors, old.total, old.errors)


def is_good(watched: Watched, detection: Detection) -> bool:
    """Shown to be good enough for more traffic, in every way that requests tell."""
    test = good_test(detection)
    return all(promotion.good(test, evidence) for evidence in watched.good.values())


def is_good_as_written(watched: Watched, detection: Detection) -> bool:
    """The same, by written requests alone."""
    written = watched.written_good
    return written is not None and promotion.good(good_test(detection), written)


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


def _without(texts: Mapping[str, str], name: str) -> dict[str, str]:
    return {one: text for one, text in texts.items() if one != name}

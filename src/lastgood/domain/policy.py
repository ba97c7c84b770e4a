"""Policies: what the documents say lastgood may do by itself, and within which limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from lastgood.domain.signal import Probe
from lastgood.domain.watching import Synthetic, WatchedSignal


class DataPolicy(StrEnum):
    """What a rollback does with the data, least loss first (`downgrade` and `repair` stand between)."""

    KEEP = "keep"
    REWIND = "rewind"


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """Give the candidate `percent` of the traffic until `minimum_requests` of its own were seen, it is shown
    to be good enough and `at_least` has passed; no answer within `at_most` is undecided."""

    percent: int
    at_least: timedelta
    at_most: timedelta
    minimum_requests: int


@dataclass(frozen=True, slots=True)
class Detection:
    false_alarm: float = 0.001  # bound on rolling a healthy release back, a deploy
    slow_after: timedelta | None = None  # a request slower than this counts as slow
    minimum_requests: int = 20
    good_ratio: float = (
        2.0  # good enough for more traffic: an error rate below good_ratio times the old one's
    )
    good_below: float = 0.01  # ... plus this
    latency_margin: float | None = (
        0.5  # so many times slower, and by latency_slack, is no worse; None: not asked
    )
    latency_slack: timedelta = timedelta(milliseconds=250)
    canary: tuple[CanaryStep, ...] = (
        CanaryStep(10, timedelta(seconds=10), timedelta(minutes=5), 50),
        CanaryStep(50, timedelta(seconds=10), timedelta(minutes=5), 100),
    )
    bake: timedelta = timedelta(minutes=5)
    probes: tuple[Probe, ...] = ()  # asked of the candidate besides its readiness while watched
    probe_failures: int = 3  # in a row
    crashes_tolerated: int = 0
    no_traffic: str = "wait"  # wait (until at_most, then undecided) | probes (let probes alone decide)
    signals: tuple[WatchedSignal, ...] = ()  # watched besides requests, probes, exits and invariants
    synthetic: Synthetic | None = None  # sent where real requests are too few


@dataclass(frozen=True, slots=True)
class QuietWindow:
    """Minutes of the day, local time. It begins on each of the `days` (Monday is 0); one that ends at or
    before its start ends on the next day."""

    start: int
    end: int
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Triggers:
    on_failed: str = "rollback"  # rollback | pause | ask | notify (a dry run: only said)
    ask_for: timedelta = timedelta(minutes=10)  # with `ask`: without an answer by then it is rolled back
    on_undecided: str = "rollback"  # rollback (the candidate leaves; exit code 6) | promote
    rollbacks_per_day: int = 5
    quarantine: bool = True
    approval_for_rewind: bool = True  # a rewind by itself is allowed only when False
    approval_to_promote: bool = False
    approve_within: timedelta = timedelta(days=1)  # else the candidate leaves
    cool_down: timedelta = timedelta(0)  # after a rollback no deploy begins for so long
    flapping_times: int = 0  # rollbacks within `flapping_within` after which no deploy begins; 0: no limit
    flapping_within: timedelta = timedelta(hours=1)
    quiet_hours: tuple[QuietWindow, ...] = ()  # no deploy begins in them
    time_zone: str = "UTC"  # of the quiet hours


@dataclass(frozen=True, slots=True)
class Versions:
    keep_releases: int = 5
    exclude: tuple[str, ...] = (".git", "__pycache__", "*.pyc", ".venv", "node_modules")


@dataclass(frozen=True, slots=True)
class Invariant:
    """A query of a store whose single value must equal `expect`; or a command that must exit with 0."""

    name: str
    store: str
    query: str = ""
    command: tuple[str, ...] = ()
    expect: str = "0"
    every: timedelta = timedelta(seconds=2)
    limit: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Consistency:
    on_rollback: DataPolicy = DataPolicy.KEEP
    on_broken_invariant: DataPolicy = DataPolicy.KEEP
    rewind_at_most_rows: int = 0  # more rows at stake than this always needs a person; 0: always
    hold_for_points: bool = False  # hold traffic while markers are set
    keep_replaced: timedelta = timedelta(days=7)
    invariants: tuple[Invariant, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    last: int = 10
    hourly: int = 24
    daily: int = 7
    weekly: int = 4
    monthly: int = 12


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    schedule: str = "0 3 * * *"
    stores: tuple[str, ...] = ()  # empty: all
    vaults: tuple[str, ...] = ()  # empty: all
    retention: Retention = field(default_factory=Retention)
    verify: str = "restore"  # restore | read | none


@dataclass(frozen=True, slots=True)
class Replication:
    """`lag_limits` maps a store to the longest lag of its copies that is tolerated."""

    minimum_vaults: int = 1
    lag_limits: Mapping[str, timedelta] = field(default_factory=dict)

"""rollback-detection.yml: how a bad release is noticed."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from lastgood.documents.fields import Duration, PositiveDuration, Strict, write_duration
from lastgood.documents.probe import ProbeEntry
from lastgood.documents.synthetic import SyntheticEntry
from lastgood.documents.watched_signal import AnySignal
from lastgood.domain.policy import CanaryStep, Detection

_DEFAULT = Detection()


class CanaryEntry(Strict):
    """A share of the traffic that the candidate gets before it gets all."""

    percent: int = Field(ge=1, le=99, description="Share of the requests, in percent.")
    at_least: Duration = Field(timedelta(seconds=10), description="Shortest time to watch.")
    at_most: Duration = Field(timedelta(minutes=5), description="No answer by then is undecided.")
    minimum_requests: int = Field(50, ge=0, description="Requests the candidate must have answered.")

    @model_validator(mode="after")
    def _times_are_ordered(self) -> Self:
        if self.at_most < self.at_least:
            longer = write_duration(self.at_least)
            raise ValueError(f"has at_most below at_least; write an at_most of {longer} or more")
        return self

    def to_domain(self) -> CanaryStep:
        return CanaryStep(self.percent, self.at_least, self.at_most, self.minimum_requests)


class RollbackDetectionDocument(Strict):
    """How a bad release is noticed: what is watched, for how long, and with which error probability."""

    kind: Literal["rollback/detection"] = Field(description="Always `rollback/detection`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    false_alarm: float = Field(
        _DEFAULT.false_alarm,
        gt=0,
        lt=0.5,
        description="Probability, a deploy, of rolling back a release that is healthy.",
    )
    slow_after: PositiveDuration | None = Field(
        None, description="A request that takes longer counts as slow; without it none does."
    )
    minimum_requests: int = Field(
        _DEFAULT.minimum_requests, ge=1, description="Fewer requests than this say nothing about a release."
    )
    good_ratio: float = Field(
        _DEFAULT.good_ratio,
        ge=1,
        le=100,
        description="Good enough for more traffic: an error rate below this many times the old one's ...",
    )
    good_below: float = Field(
        _DEFAULT.good_below,
        gt=0,
        lt=0.5,
        description="... plus this. Without any errors it takes about 4 / good_below requests to show it.",
    )
    latency_margin: float | None = Field(
        _DEFAULT.latency_margin,
        ge=0,
        le=100,
        description="Slower by this share of the old one's latency is no worse; `null` compares none.",
    )
    latency_slack: Duration = Field(
        _DEFAULT.latency_slack, description="Slower by less than this is never worse."
    )
    canary: tuple[CanaryEntry, ...] = Field(
        tuple(
            CanaryEntry(
                percent=step.percent,
                at_least=step.at_least,
                at_most=step.at_most,
                minimum_requests=step.minimum_requests,
            )
            for step in _DEFAULT.canary
        ),
        description="Shares of traffic on the way to all of it; `[]` gives a ready release all at once.",
    )
    bake: Duration = Field(
        _DEFAULT.bake, description="Time to watch with all traffic, while the last good release stays warm."
    )
    probes: tuple[ProbeEntry, ...] = Field((), description="Asked of the candidate besides its readiness.")
    probe_failures: int = Field(
        _DEFAULT.probe_failures, ge=1, description="Failures of one probe in a row that make a release bad."
    )
    crashes_tolerated: int = Field(
        _DEFAULT.crashes_tolerated, ge=0, description="Crashes of the candidate that are overlooked."
    )
    no_traffic: Literal["wait", "probes"] = Field(
        "wait", description="Without requests: `wait` until at_most (then undecided), or let `probes` decide."
    )
    signals: tuple[AnySignal, ...] = Field(
        (), description="What else tells of a release: metrics, alerts, logs, numbers of the business."
    )

    synthetic: SyntheticEntry | None = Field(
        None, description="Written requests, sent while the candidate gets fewer real ones than are needed."
    )

    @model_validator(mode="after")
    def _canary_grows(self) -> Self:
        shares = [step.percent for step in self.canary]
        if shares != sorted(set(shares)):
            raise ValueError(
                "has canary steps that do not grow; order them by percent, each more than the last"
            )
        return self

    def to_domain(self) -> Detection:
        return Detection(
            false_alarm=self.false_alarm,
            slow_after=self.slow_after,
            minimum_requests=self.minimum_requests,
            good_ratio=self.good_ratio,
            good_below=self.good_below,
            latency_margin=self.latency_margin,
            latency_slack=self.latency_slack,
            canary=tuple(step.to_domain() for step in self.canary),
            bake=self.bake,
            probes=tuple(probe.to_domain() for probe in self.probes),
            probe_failures=self.probe_failures,
            crashes_tolerated=self.crashes_tolerated,
            no_traffic=self.no_traffic,
            signals=tuple(signal.to_domain() for signal in self.signals),
            synthetic=self.synthetic.to_domain() if self.synthetic is not None else None,
        )

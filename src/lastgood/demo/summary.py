"""Summary: what the customers saw and what the ledger holds, counted. Pure.

Times are seconds; those of answers are on the customers' clock (`time.monotonic()`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lastgood.adapters.load import Answer


@dataclass(frozen=True, slots=True)
class BadRelease:
    """`verdict_at` on the customers' clock. `taken_back` are changes of data that the rollback undid."""

    label: str
    why: str
    verdict_at: float
    taken_back: int = 0


@dataclass(frozen=True, slots=True)
class Noticed:
    """`detection_seconds`: from its first request to the verdict. `traffic_back_seconds`: from the verdict
    to when the last request it got was sent; 0 when it got none after it."""

    label: str
    why: str
    served: int
    failed: int
    detection_seconds: float
    traffic_back_seconds: float
    taken_back: int


@dataclass(frozen=True, slots=True)
class Disaster:
    """The machine was lost at `lost_at` and served again, proven, at `back_at`; `data_of` is the time that
    the data was recovered to."""

    lost_at: float
    back_at: float
    data_of: float
    orders_lost: int
    rows_back: int


@dataclass(frozen=True, slots=True)
class Summary:
    """`failed_by_lastgood` are requests without a whole answer, or answered with an error by nobody (the
    proxy), while the machine stood; what a bad release answered itself is counted with it."""

    answered: int
    failed_by_releases: int
    failed_by_lastgood: int
    failed_while_lost: int
    bad: tuple[Noticed, ...]
    rto_seconds: float
    rpo_seconds: float
    orders_lost: int
    rows_back: int
    seconds: float

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def summarize(
    answers: Sequence[Answer],
    bad: Sequence[BadRelease],
    disaster: Disaster,
    seconds: float,
    crashes: str = "",
) -> Summary:
    """`crashes` is the label of a release that ends: what it was answering then has no answer at all, and no
    release's name."""
    labels = {release.label for release in bad}
    lost = [answer for answer in answers if answer.failed and _while_lost(answer, disaster)]
    crashed = [release for release in bad if release.label == crashes]
    by_releases = [
        answer
        for answer in answers
        if answer.failed
        and (answer.release in labels or any(_cut_off(answer, answers, one) for one in crashed))
    ]
    failed = sum(1 for answer in answers if answer.failed)
    return Summary(
        answered=len(answers) - failed,
        failed_by_releases=len(by_releases),
        failed_by_lastgood=failed - len(by_releases) - len(lost),
        failed_while_lost=len(lost),
        bad=tuple(_noticed(answers, release) for release in bad),
        rto_seconds=disaster.back_at - disaster.lost_at,
        rpo_seconds=disaster.lost_at - disaster.data_of,
        orders_lost=disaster.orders_lost,
        rows_back=disaster.rows_back,
        seconds=seconds,
    )


def _cut_off(answer: Answer, answers: Sequence[Answer], crashed: BadRelease) -> bool:
    """Unanswered while that release served: from its first request to the verdict on its end."""
    first = min((one.sent_at for one in answers if one.release == crashed.label), default=crashed.verdict_at)
    return not answer.release and first <= answer.sent_at <= crashed.verdict_at


def _while_lost(answer: Answer, disaster: Disaster) -> bool:
    return answer.ended_at >= disaster.lost_at and answer.due_at <= disaster.back_at


def _noticed(answers: Sequence[Answer], release: BadRelease) -> Noticed:
    own = [answer for answer in answers if answer.release == release.label]
    first = min((answer.sent_at for answer in own), default=release.verdict_at)
    last = max((answer.sent_at for answer in own), default=release.verdict_at)
    return Noticed(
        label=release.label,
        why=release.why,
        served=len(own),
        failed=sum(1 for answer in own if answer.failed),
        detection_seconds=release.verdict_at - first,
        traffic_back_seconds=max(0.0, last - release.verdict_at),
        taken_back=release.taken_back,
    )

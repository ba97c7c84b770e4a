"""Alpha over time: the false rollbacks that were promised at most, and those that people say there were.

Every deploy spends its own alpha, so over many deploys their sum bounds the expected number. A deploy whose
release failed by a fact (a probe, a crash, an alert) was no test: nothing is promised of it, and it is told
apart. Whether more came than promised is asked by the exact chance of so many or more, alphas as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lastgood.domain.history import History
from lastgood.domain.signal import Outcome

FALSE_ALARM = "false alarm"
_SURPRISING = 0.05


@dataclass(frozen=True, slots=True)
class Reckoning:
    """`promised`: expected false rollbacks at most. `chance`: of so many `false_alarms` or more if the
    promise held. `by_fact`: alarms called false that no test raised."""

    deploys: int
    promised: float
    failed: int
    false_alarms: int
    by_fact: int
    chance: float

    @property
    def broken(self) -> bool:
        return self.chance < _SURPRISING

    def in_words(self) -> str:
        called = f"{self.false_alarms} of {self.deploys} deploys failed by a false alarm, as people called it"
        facts = f", and {self.by_fact} more by a fact, of which nothing is promised" if self.by_fact else ""
        said = f"{called}{facts}; promised were at most {self.promised:.3g} ({self.failed} failed in all)."
        if not self.false_alarms:
            return said
        return f"{said} So many or more come with a chance of {self.chance:.2g} if the promise holds."


def reckon(history: History) -> Reckoning:
    """Over all deploys that came to a verdict, dry runs among them."""
    alphas: dict[str, dict[str, float]] = {}
    failed: set[str] = set()
    tested: set[str] = set()
    for _, given in history.verdicts:
        verdict = given.verdict
        alphas.setdefault(given.run_id, {})[given.service] = verdict.false_alarm
        if verdict.outcome is Outcome.FAILED:
            failed.add(given.run_id)
            if verdict.signal != "facts":
                tested.add(given.run_id)
    called = {one.run_id for _, one in history.decisions if one.what == FALSE_ALARM} & failed
    each = [sum(of_services.values()) for of_services in alphas.values()]
    false = len(called & tested)
    return Reckoning(
        len(alphas), sum(each), len(failed), false, len(called - tested), so_many_or_more(each, false)
    )


def so_many_or_more(chances: Iterable[float], count: int) -> float:
    """Chance of at least `count` among independent events of these chances (Poisson binomial, exact)."""
    if count <= 0:
        return 1.0
    below = [1.0, *[0.0] * (count - 1)]  # chances of 0 .. count - 1 so far
    reached = 0.0
    for chance in chances:
        reached += below[-1] * chance
        for index in range(count - 1, 0, -1):
            below[index] = below[index] * (1 - chance) + below[index - 1] * chance
        below[0] *= 1 - chance
    return reached

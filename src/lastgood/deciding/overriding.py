"""Overriding: a person (or a dry run) lets a deploy go on although it failed.

What was known then fails it no more in this deploy: the evidence of its requests and signals, and facts of
the kinds that were there. A new kind of fact still does: who accepted slowness did not accept a crash.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lastgood.deciding.watched import Watched
from lastgood.domain.policy import Detection

EVIDENCE = "evidence"


def override(watched: Watched, detection: Detection) -> Watched:
    """What fails the release now fails it no more."""
    found = {*watched.overridden, *map(_kind, (*watched.facts, *watched.data_facts))}
    if watched.combined.reached(detection.false_alarm):
        found.add(EVIDENCE)
    return replace(watched, overridden=tuple(sorted(found)))


def standing_facts(watched: Watched) -> tuple[str, ...]:
    return tuple(fact for fact in watched.facts if _kind(fact) not in watched.overridden)


def standing_data_facts(watched: Watched) -> tuple[str, ...]:
    return tuple(fact for fact in watched.data_facts if _kind(fact) not in watched.overridden)


def evidence_counts(watched: Watched) -> bool:
    return EVIDENCE not in watched.overridden


def _kind(fact: str) -> str:
    """Without its details and its count: `The probe health failed 4 times in a row` is no new fact."""
    return re.sub(r"\d+ times", "N times", fact.partition(": ")[0])

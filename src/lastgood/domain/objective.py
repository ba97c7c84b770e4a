"""Objectives: what was promised, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Objective:
    """RTO: longest time until it serves again. RPO: longest span of data that may be lost."""

    rto: timedelta
    rpo: timedelta


@dataclass(frozen=True, slots=True)
class Activity:
    """Something the business does, with the services it needs and how long it can do without."""

    name: str
    tier: int
    services: tuple[str, ...]
    objective: Objective
    maximum_tolerable_downtime: timedelta
    depends_on: tuple[str, ...] = ()  # activities that it cannot go on without


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    person: str
    contact: str
    alternate: str = ""


@dataclass(frozen=True, slots=True)
class Continuity:
    purpose: str = ""
    activities: tuple[Activity, ...] = ()
    roles: tuple[Role, ...] = ()
    drill_every: timedelta = timedelta(days=30)

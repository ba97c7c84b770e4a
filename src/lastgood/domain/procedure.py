"""Procedures: runbooks written by people, as steps that run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Action:
    """`kind` names a step of the software (restore, rollback, recover, backup, check) or `command`, `ask`."""

    title: str
    kind: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    limit: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Procedure:
    name: str
    when: str
    actions: tuple[Action, ...]

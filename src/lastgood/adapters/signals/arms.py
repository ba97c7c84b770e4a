"""Arms: the new instance, and the old one beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lastgood.ports.runtime import Instance


@dataclass(frozen=True, slots=True)
class Arm:
    instance: Instance
    label: str  # of its release

    @property
    def id(self) -> str:
        return self.instance.instance_id

    def places(self) -> Mapping[str, str]:
        """What ${...} stands for in the texts of a signal (domain/watching.py)."""
        return {
            "instance": self.id,
            "release": self.instance.release_id,
            "label": self.label,
            "host": self.instance.host,
            "port": str(self.instance.port),
        }


@dataclass(frozen=True, slots=True)
class Arms:
    """`old` is None where nothing runs beside the new instance."""

    new: Arm
    old: Arm | None = None

    def both(self) -> tuple[Arm, ...]:
        return (self.new,) if self.old is None else (self.new, self.old)

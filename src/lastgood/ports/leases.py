"""Leases: one run at a time on each service and store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol


class Leases(Protocol):
    def hold(self, subjects: Sequence[str], run_id: str) -> AbstractContextManager[Mapping[str, int]]:
        """Hold all of them or none, until the block or the process ends: subject -> fencing token, a number
        that grows with every holder. Raises Busy naming the run that holds one."""

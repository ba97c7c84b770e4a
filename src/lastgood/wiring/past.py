"""What Prometheus keeps of a rollout that is over; there may be no system here."""

from __future__ import annotations

from pathlib import Path

from lastgood.adapters.secrets import read_secret
from lastgood.adapters.signals.prometheus.past import read_past
from lastgood.domain.past import Grown, PastCounters


def read_counters(asked: PastCounters) -> Grown:
    """Files that hold secrets count from where the command is typed."""
    return read_past(asked, lambda reference: read_secret(reference, Path.cwd()))

"""The sources of the signals that rollback-detection.yml names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters.signals.alerts import alerts_source
from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.lines import journal_source, log_source
from lastgood.adapters.signals.memory import memory_source
from lastgood.adapters.signals.notes import Notes
from lastgood.adapters.signals.numbers import AskStore, command_source, sql_source
from lastgood.adapters.signals.prometheus import prometheus_source
from lastgood.domain.watching import (
    AlertsOfAlertmanager,
    Journal,
    LogFile,
    MemoryGrowth,
    NumberCommand,
    PrometheusQuery,
    StoreQuery,
    WatchedSignal,
)
from lastgood.ports.runtime import Instance
from lastgood.ports.signal import SignalSource


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What sources need of the system. `folder` is that of the documents; `notes` is the signals' alone."""

    folder: Path
    notes: Path
    read_secret: Callable[[str], str]
    ask_store: AskStore
    find: Callable[[str], Instance | None]


def configured_source(signal: WatchedSignal, arms: Arms, around: Surroundings) -> SignalSource:
    """Nothing is asked before `open`."""
    notes = Notes(around.notes)
    match signal.seen:
        case PrometheusQuery() as seen:
            return prometheus_source(signal, seen, arms, around.read_secret)
        case AlertsOfAlertmanager() as seen:
            return alerts_source(signal, seen, arms, around.read_secret, notes)
        case LogFile() as seen:
            return log_source(signal, seen, arms, notes, around.folder)
        case Journal() as seen:
            return journal_source(signal, seen, arms)
        case StoreQuery() as seen:
            return sql_source(signal, seen, around.ask_store)
        case NumberCommand() as seen:
            return command_source(signal, seen, arms, around.folder)
        case MemoryGrowth() as seen:
            return memory_source(signal, seen, arms, around.find, notes)

"""Signal `memory`: how fast an instance grows, beside the old one when it was as old.

A young process grows while it warms up: only the same age compares. What each watched instance held at each
age is kept in a note, so that it is the measure for the release after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from lastgood.adapters.runtimes.shim import descendants, process_table
from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.looking import LookingSource, Unseen, unknown
from lastgood.adapters.signals.notes import Notes
from lastgood.adapters.signals.repeating import utc_now
from lastgood.domain.errors import ActionFailed
from lastgood.domain.signal import Reading
from lastgood.domain.watching import MemoryGrowth, WatchedSignal
from lastgood.ports.runtime import Instance

LEAST_POINTS = 6  # before a growth is told
_MOST_POINTS = 60  # of one window; pairs of them are compared
_MOST_KEPT = 2000
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")

Point = tuple[float, float]
"""(age of the process in seconds, bytes resident)."""


def memory_source(
    signal: WatchedSignal,
    seen: MemoryGrowth,
    arms: Arms,
    find: Callable[[str], Instance | None],
    notes: Notes,
) -> LookingSource:
    """`find` as Runtime.find: the process of an instance changes when it is restarted."""
    ids = tuple(arm.id for arm in arms.both())
    return LookingSource(
        signal.name, signal.every, ids, lambda: _Looking(signal, seen, arms, find, notes).look
    )


class _Looking:
    def __init__(
        self,
        signal: WatchedSignal,
        seen: MemoryGrowth,
        arms: Arms,
        find: Callable[[str], Instance | None],
        notes: Notes,
    ) -> None:
        self._signal, self._find, self._notes = signal, find, notes
        self._window_seconds = seen.window.total_seconds()
        self._new, self._old = arms.new.id, arms.old.id if arms.old is not None else ""
        self._points = _points_in(notes.read(self._note_of(self._new)))
        self._old_points = _points_in(notes.read(self._note_of(self._old))) if self._old else ()

    def look(self) -> tuple[Reading, ...]:
        age, held = self._measured()
        if self._points and age < self._points[-1][0]:
            self._points = ()  # it was restarted
        if not self._points or age - self._points[-1][0] >= self._window_seconds / _MOST_POINTS:
            self._points = (*self._points, (age, held))[-_MOST_KEPT:]
            self._notes.write(self._note_of(self._new), self._points)
        now = growth(self._points, age, self._window_seconds)
        if now is None:
            return (unknown(self._signal.name, self._new, "it was watched for too short a time"),)
        readings = [self._reading(self._new, now, f"{held / 1e6:.0f} MB at {age:.0f} s")]
        if self._old:
            then = growth(self._old_points, age, self._window_seconds)
            told = "at the same age, when it was new"
            readings.append(
                unknown(self._signal.name, self._old, "it was not watched at this age")
                if then is None
                else self._reading(self._old, then, told)
            )
        return tuple(readings)

    def _measured(self) -> Point:
        try:
            instance = self._find(self._new)
        except ActionFailed as error:
            raise Unseen(error.happened) from error
        if instance is None or instance.pid is None:
            raise Unseen("no process of it is known")
        return measure(instance.pid)

    def _reading(self, instance_id: str, value: float, detail: str) -> Reading:
        return Reading(self._signal.name, "gauge", instance_id, utc_now(), detail=detail, value=value)

    def _note_of(self, instance_id: str) -> str:
        return f"{instance_id}-{self._signal.name}"


def measure(pid: int) -> Point:
    """Age of the process, and what it, its group and all that descend from it hold. Raises Unseen when it is
    gone. Pages that they share count for each: it is the growth that is told."""
    table = process_table()
    if pid not in table:
        raise Unseen("its process is gone")
    main = table[pid]
    family = {stat.pid for stat in table.values() if stat.session == pid or stat.group == pid}
    family |= {pid} | {stat.pid for stat in descendants(table, {pid})}
    age = float(Path("/proc/uptime").read_text("ascii").split()[0]) - main.start_ticks / _TICKS
    return age, float(sum(_resident_bytes(one) for one in family))


def growth(points: Sequence[Point], age: float, window_seconds: float) -> float | None:
    """Bytes a minute over the window before `age`: the median of the slopes between all pairs of points
    (Theil, Sen), which a garbage collection does not bend. None when the points do not say."""
    chosen = [point for point in points if age - window_seconds <= point[0] <= age]
    step = max(1, -(-len(chosen) // _MOST_POINTS))
    chosen = chosen[::-step][::-1]
    if len(chosen) < LEAST_POINTS or age - chosen[-1][0] > window_seconds / 2:
        return None
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(chosen)
        for later in chosen[index + 1 :]
        if later[0] > earlier[0]
    ]
    return 60 * median(slopes) if slopes else None


def _resident_bytes(pid: int) -> int:
    """https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html; 0 for one that has ended meanwhile."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _points_in(noted: Any) -> tuple[Point, ...]:
    if not isinstance(noted, list):
        return ()
    pairs = [pair for pair in noted if isinstance(pair, list) and len(pair) == 2]
    return tuple((float(age), float(held)) for age, held in pairs)

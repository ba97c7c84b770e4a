"""Whether a deploy may begin now: cool-down, flapping, quiet hours. Going back is never held up by these.

Quiet hours are what clocks on the wall show: a window is as long as that day makes it, 23 or 25 hours
included, and an hour that comes twice is quiet twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from lastgood.domain.history import History
from lastgood.domain.policy import QuietWindow, Triggers

_MINUTE = timedelta(minutes=1)
_WEEK = 7 * 24 * 60  # minutes


def reason_to_wait(history: History, service: str, triggers: Triggers, now: datetime) -> str:
    """Why no deploy of the service may begin now, in a sentence; "" when it may."""
    return (
        _flapping(history, service, triggers, now)
        or _cooling(history, service, triggers, now)
        or _quiet(triggers, now)
    )


def _flapping(history: History, service: str, triggers: Triggers, now: datetime) -> str:
    times = history.rollbacks_since(service, now - triggers.flapping_within)
    if not triggers.flapping_times or times < triggers.flapping_times:
        return ""
    return (
        f"{service} went back {times} times within {_length(triggers.flapping_within)}: it flaps, and a "
        "person must look at it (`flapping`)."
    )


def _cooling(history: History, service: str, triggers: Triggers, now: datetime) -> str:
    back = [switch.at for switch in history.switches.get(service, ()) if switch.rolled_back]
    if not back or now >= back[-1] + triggers.cool_down:
        return ""
    until = back[-1] + triggers.cool_down
    return (
        f"{service} went back at {back[-1]:%Y-%m-%d %H:%M} UTC and cools down until "
        f"{until:%Y-%m-%d %H:%M:%S} UTC (`cool_down`)."
    )


def _quiet(triggers: Triggers, now: datetime) -> str:
    if not triggers.quiet_hours or not is_quiet(triggers, now):
        return ""
    end = quiet_until(triggers, now)
    until = f"until {end:%A %H:%M} {triggers.time_zone}" if end else "always"
    return f"These are quiet hours, {until} (`quiet_hours`)."


def is_quiet(triggers: Triggers, now: datetime) -> bool:
    local = now.astimezone(_zone(triggers.time_zone))
    minute = 60 * local.hour + local.minute
    return any(_covers(window, local.weekday(), minute) for window in triggers.quiet_hours)


def quiet_until(triggers: Triggers, now: datetime) -> datetime | None:
    """Local time at which the quiet ends; None when it does not within a week.

    Minute by minute: no arithmetic on local times can be trusted across a change of the clocks."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(_WEEK + 1):
        minute += _MINUTE
        if not is_quiet(triggers, minute):
            return minute.astimezone(_zone(triggers.time_zone))
    return None


def _covers(window: QuietWindow, day: int, minute: int) -> bool:
    if window.start < window.end:
        return day in window.days and window.start <= minute < window.end
    evening = day in window.days and minute >= window.start
    morning = (day - 1) % 7 in window.days and minute < window.end
    return evening or morning


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _length(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"

"""Whether a deploy may begin: cool-down, flapping, and quiet hours across midnight and clock changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lastgood.deciding.beginning import is_quiet, quiet_until, reason_to_wait
from lastgood.documents.automatic_rollback_triggers import AutomaticRollbackTriggersDocument, read_window
from lastgood.domain.history import History, Switch
from lastgood.domain.policy import QuietWindow, Triggers

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)  # a Wednesday


def after(*minutes_ago: int) -> History:
    """A service that went back so many minutes ago, and was promoted before each."""
    switches = [
        Switch(NOW - timedelta(minutes=ago + before), "r", "i", rolled_back=before == 0)
        for ago in sorted(minutes_ago, reverse=True)
        for before in (1, 0)
    ]
    return History(switches={"web": tuple(switches)})


def waits(triggers: Triggers, history: History | None = None, now: datetime = NOW) -> str:
    return reason_to_wait(history or History(), "web", triggers, now)


def test_nothing_holds_a_deploy_by_default() -> None:
    assert waits(Triggers(), after(0, 1, 2, 3)) == ""


def test_a_service_cools_down_after_it_went_back() -> None:
    """The newest way back counts, its end is told, and another service is not concerned."""
    triggers = Triggers(cool_down=timedelta(minutes=30))
    assert "until 2026-06-10 12:10:00 UTC" in waits(triggers, after(300, 20))
    assert waits(triggers, after(30)) == ""
    assert waits(triggers) == ""
    assert reason_to_wait(after(1), "other", triggers, NOW) == ""


def test_a_service_that_flaps_needs_a_person() -> None:
    """So many ways back within the window, and not promotions, count."""
    triggers = Triggers(flapping_times=3, flapping_within=timedelta(hours=1))
    assert "went back 3 times within 1 h" in waits(triggers, after(10, 20, 30))
    assert waits(triggers, after(10, 20)) == ""
    assert waits(triggers, after(10, 20, 61)) == ""


def quiet(*windows: str, zone: str = "UTC") -> Triggers:
    return Triggers(quiet_hours=tuple(map(read_window, windows)), time_zone=zone)


@pytest.mark.parametrize(
    ("windows", "at", "expected"),
    [
        (("22:00-06:00",), "2026-06-10T21:59", False),
        (("22:00-06:00",), "2026-06-10T22:00", True),
        (("22:00-06:00",), "2026-06-11T05:59", True),
        (("22:00-06:00",), "2026-06-11T06:00", False),
        (("fri 16:00-24:00", "sat-sun 00:00-24:00"), "2026-06-12T15:59", False),
        (("fri 16:00-24:00", "sat-sun 00:00-24:00"), "2026-06-12T16:00", True),
        (("fri 16:00-24:00", "sat-sun 00:00-24:00"), "2026-06-14T23:59", True),
        (("fri 16:00-24:00", "sat-sun 00:00-24:00"), "2026-06-15T00:00", False),
        (("fri 22:00-06:00",), "2026-06-13T05:00", True),  # the night that began on Friday
        (("fri 22:00-06:00",), "2026-06-12T05:00", False),
        (("sun 22:00-06:00",), "2026-06-15T05:00", True),  # Monday follows Sunday
        (("sat-mon 10:00-11:00",), "2026-06-14T10:30", True),
        (("mon,wed 12:00-13:30",), "2026-06-10T13:00", True),
    ],
)
def test_windows_cover_the_night_and_the_days_they_name(
    windows: tuple[str, ...], at: str, expected: bool
) -> None:
    assert is_quiet(quiet(*windows), datetime.fromisoformat(at).replace(tzinfo=UTC)) is expected


def test_the_end_of_the_quiet_is_told_in_its_own_zone() -> None:
    """Windows that touch are one; 20:00 UTC is 22:00 in Berlin in summer and 21:00 in winter."""
    triggers = quiet("22:00-24:00", "00:00-06:30", zone="Europe/Berlin")
    summer = datetime(2026, 6, 10, 20, 0, tzinfo=UTC)
    assert "until Thursday 06:30 Europe/Berlin" in waits(triggers, now=summer)
    assert waits(triggers, now=datetime(2026, 1, 10, 20, 0, tzinfo=UTC)) == ""


@pytest.mark.parametrize(
    ("window", "quiet_at", "ends"),
    [
        # the night in which 02:00 to 03:00 does not exist: the quiet ends when clocks show 03:00
        ("00:00-02:30", "2026-03-29T00:30+00:00", "2026-03-29T01:00+00:00"),
        ("22:00-06:00", "2026-03-29T00:59+00:00", "2026-03-29T04:00+00:00"),
        # the night in which it comes twice: quiet both times
        ("00:00-03:00", "2026-10-25T00:30+00:00", "2026-10-25T02:00+00:00"),
        ("02:15-02:45", "2026-10-25T00:20+00:00", "2026-10-25T00:45+00:00"),
        ("02:15-02:45", "2026-10-25T01:20+00:00", "2026-10-25T01:45+00:00"),
    ],
)
def test_a_change_of_the_clocks_moves_no_window(window: str, quiet_at: str, ends: str) -> None:
    triggers, moment = quiet(window, zone="Europe/Berlin"), datetime.fromisoformat(quiet_at)
    assert is_quiet(triggers, moment)
    found = quiet_until(triggers, moment)
    assert found is not None
    assert found.astimezone(UTC) == datetime.fromisoformat(ends)


def test_quiet_that_never_ends_says_so() -> None:
    triggers = quiet("00:00-24:00")
    assert quiet_until(triggers, NOW) is None
    assert "always" in waits(triggers)


@given(
    some.integers(0, 1439),
    some.integers(1, 1440),
    some.sets(some.integers(0, 6), min_size=1),
    some.integers(0, 365 * 24 * 60),
)
def test_going_on_until_the_end_is_not_quiet_and_before_it_is(
    start: int, end: int, days: set[int], minute: int
) -> None:
    """For any window, also across the nights in which the clocks change."""
    if start == end:
        return
    triggers = replace(
        quiet(zone="Europe/Berlin"), quiet_hours=(QuietWindow(start, end, tuple(sorted(days))),)
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    if not is_quiet(triggers, moment):
        return
    ends = quiet_until(triggers, moment)
    if ends is None:
        assert len(days) == 7
        return
    assert not is_quiet(triggers, ends)
    assert is_quiet(triggers, ends.astimezone(UTC) - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("late", "is no window of time"),
        ("25:00-26:00", "no time of the day"),
        ("10:61-11:00", "no time of the day"),
        ("10:00-10:00", "has no length"),
        ("24:00-06:00", "has no length"),
        ("someday 10:00-11:00", "names no days with `someday`"),
        ("mon-funday 10:00-11:00", "names no days"),
    ],
)
def test_a_window_that_is_none_is_told_with_the_right_form(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_window(text)


def test_an_unknown_time_zone_is_told() -> None:
    for zone in ("Europe/Atlantis", "../etc/passwd", "", "Europe"):
        with pytest.raises(ValueError, match="is no time zone"):
            AutomaticRollbackTriggersDocument(kind="automatic/rollback/triggers", version=1, time_zone=zone)

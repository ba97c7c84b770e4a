"""automatic-rollback-triggers.yml: what lastgood may do by itself when a verdict falls."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, WithJsonSchema

from lastgood.documents.fields import Duration, PositiveDuration, Strict
from lastgood.domain.policy import QuietWindow, Triggers

_DEFAULT = Triggers()
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(?:(?P<days>[a-z, -]+?) +)?(?P<start>\d{1,2}:\d\d) *- *(?P<end>\d{1,2}:\d\d)", re.IGNORECASE
)
_EXAMPLES = ["22:00-06:00", "fri 16:00-24:00", "sat-sun 00:00-24:00", "mon,wed 12:00-13:30"]


def read_window(text: str) -> QuietWindow:
    """`[DAYS] HH:MM-HH:MM`; days as `fri`, `sat-sun` or `mon,wed`. Raises ValueError with the right form."""
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"is no window of time; write one like {', '.join(_EXAMPLES)}")
    start, end = _minutes(found["start"]), _minutes(found["end"])
    if start == end or start >= 24 * 60:
        raise ValueError("has no length; a whole day is 00:00-24:00")
    return QuietWindow(start, end, _days(found["days"]) if found["days"] else QuietWindow(0, 1).days)


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or 60 * hours + minutes > 24 * 60:
        raise ValueError(f"holds {text}, which is no time of the day; write 00:00 to 24:00")
    return 60 * hours + minutes


def _days(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = (name.strip() for name in part.partition("-"))
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError(f"names no days with `{part.strip()}`; days are {', '.join(_DAYS)}")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return tuple(sorted(found))


def _is_window(text: str) -> str:
    read_window(text)
    return text


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name) if name != "UTC" else None
    except (OSError, ValueError) as error:  # a name that is not known is a KeyError, elsewhere
        raise ValueError("is no time zone; write one like Europe/Berlin or UTC") from error
    except KeyError:
        raise ValueError("is no time zone that this machine knows; write one like Europe/Berlin") from None
    return name


Window = Annotated[
    str,
    AfterValidator(_is_window),
    WithJsonSchema({"type": "string", "examples": _EXAMPLES}),
]
Zone = Annotated[str, AfterValidator(_is_zone)]


class FlappingEntry(Strict):
    """When a service counts as going back and forth."""

    times: int = Field(_DEFAULT.flapping_times, ge=0, description="So many rollbacks (0: no limit) ...")
    within: PositiveDuration = Field(
        _DEFAULT.flapping_within, description="... within this time, and a person must look at it."
    )


class AutomaticRollbackTriggersDocument(Strict):
    """What lastgood may do by itself when a verdict falls, and within which limits."""

    kind: Literal["automatic/rollback/triggers"] = Field(description="Always `automatic/rollback/triggers`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    on_failed: Literal["rollback", "pause", "ask", "notify"] = Field(
        "rollback",
        description=(
            "A bad release: `rollback`; `pause` until a person acts; `ask` a person and roll back without an "
            "answer; `notify`, a dry run: it goes on, and what would have been done is recorded."
        ),
    )
    ask_for: PositiveDuration = Field(
        _DEFAULT.ask_for, description="With `on_failed: ask`: no answer by then rolls it back."
    )
    on_undecided: Literal["rollback", "promote"] = Field(
        "rollback", description="Too little was seen: the candidate leaves (`rollback`) or stays (`promote`)."
    )
    rollbacks_per_day: int = Field(
        _DEFAULT.rollbacks_per_day, ge=0, description="More than this in 24 hours needs a person; 0: always."
    )
    quarantine: bool = Field(
        _DEFAULT.quarantine, description="A bad release is never started again unless a person lifts it."
    )
    approval_for_rewind: bool = Field(
        _DEFAULT.approval_for_rewind, description="A rollback that takes data back waits for a person."
    )
    approval_to_promote: bool = Field(
        _DEFAULT.approval_to_promote,
        description="After the bake a healthy release waits for `lastgood approve`, the old one warm.",
    )
    approve_within: PositiveDuration = Field(
        _DEFAULT.approve_within, description="Without that approval by then, the candidate leaves."
    )
    cool_down: Duration = Field(
        _DEFAULT.cool_down,
        description="After a rollback of a service no deploy of it begins for so long (but `deploy --now`).",
    )
    flapping: FlappingEntry = Field(
        FlappingEntry(times=_DEFAULT.flapping_times, within=_DEFAULT.flapping_within),
        description="A service that goes back again and again gets no deploy but `deploy --now`.",
    )
    quiet_hours: tuple[Window, ...] = Field(
        (), description="No deploy begins in them (but `deploy --now`); going back is never held up."
    )
    time_zone: Zone = Field(_DEFAULT.time_zone, description="Of the quiet hours, like Europe/Berlin.")

    def to_domain(self) -> Triggers:
        return Triggers(
            on_failed=self.on_failed,
            ask_for=self.ask_for,
            on_undecided=self.on_undecided,
            rollbacks_per_day=self.rollbacks_per_day,
            quarantine=self.quarantine,
            approval_for_rewind=self.approval_for_rewind,
            approval_to_promote=self.approval_to_promote,
            approve_within=self.approve_within,
            cool_down=self.cool_down,
            flapping_times=self.flapping.times,
            flapping_within=self.flapping.within,
            quiet_hours=tuple(read_window(text) for text in self.quiet_hours),
            time_zone=self.time_zone,
        )

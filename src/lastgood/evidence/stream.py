"""A recorded stream, field by field: what is wrong with it is said with the field's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from numbers import Real
from typing import Any, TypeGuard

from lastgood.domain.errors import UsageError
from lastgood.evidence.counts import Counts

Stream = Mapping[str, Any]
"""One JSON object; see replay.py."""

KNOWN = {
    "errors": ("p0", "history", "r0", "d", "unit", "cluster"),
    "probe": ("p0", "history", "r0", "d", "unit", "cluster"),
    "promote": ("p0", "history", "r0", "r1", "d", "unit", "cluster"),
    "latency": ("history", "concurrent", "slack", "cluster"),
    "gauge": ("history", "period"),
}
EVERYWHERE = ("kind", "alpha", "horizon", "ticks", "name", "started_at", "tick_seconds", "rolled_back_at")


def kind_of(stream: Stream) -> str:
    if not isinstance(stream, Mapping):
        raise _wrong("stream", stream, "one JSON object with a kind and ticks")
    kind = stream.get("kind")
    if kind not in KNOWN:
        raise _wrong("kind", kind, f"one of {', '.join(KNOWN)}")
    return str(kind)


def unknown_fields(stream: Stream) -> tuple[str, ...]:
    """Fields that no one reads: perhaps a slip of the pen."""
    known = (*EVERYWHERE, *KNOWN[kind_of(stream)])
    return tuple(sorted(set(stream) - set(known)))


def number(stream: Stream, field: str, default: float | None = None) -> float:
    value = stream.get(field)
    if value is None:
        if default is None:
            raise UsageError(f"{field} is missing.", "Nothing was judged.", f"Add {field}, a number.")
        return default
    if not is_number(value):
        raise _wrong(field, value, "a number")
    return as_float(value)


def whole(stream: Stream, field: str) -> int:
    value = number(stream, field)
    if value != value or value != int(min(max(value, -1e18), 1e18)):
        raise _wrong(field, stream.get(field), "a whole number")
    return int(value)


def pair(stream: Stream, field: str) -> tuple[float, float] | None:
    value = stream.get(field)
    if value is None:
        return None
    parts = _parts(value)
    if parts is None or len(parts) != 2 or not all(is_number(part) for part in parts):
        raise _wrong(field, value, "[requests, errors]")
    return as_float(parts[0]), as_float(parts[1])


def samples(stream: Stream, field: str) -> list[float | None]:
    """A list of numbers, or null for a gap."""
    value = stream.get(field)
    parts = _parts(value)
    if parts is None:
        raise _wrong(field, value, "a list of numbers")
    return [sample(part, f"{field}[{index}]") for index, part in enumerate(parts)]


def ticks(stream: Stream) -> Iterator[Any]:
    value = stream.get("ticks")
    if value is None or isinstance(value, str | Mapping) or not hasattr(value, "__iter__"):
        raise _wrong("ticks", value, "a list, one entry a tick")
    return iter(value)


def counts(tick: object, index: int) -> Counts:
    """[nc, xc, nb, xb] of a tick. Impossible numbers pass: the test ignores such a tick, as it would live."""
    parts = _parts(tick)
    if parts is None or len(parts) != 4 or not all(is_number(part) for part in parts):
        raise _wrong(f"ticks[{index}]", tick, "[nc, xc, nb, xb], with nb = 0 where nothing runs beside")
    return Counts(*(as_float(part) for part in parts))


def arms(tick: object, index: int) -> tuple[list[float | None], list[float | None]]:
    """[[new samples], [old samples]] of a tick; the old ones may be left out."""
    parts = _parts(tick)
    lists = None if parts is None or len(parts) not in (1, 2) else [_parts(part) for part in parts]
    if lists is None or any(part is None for part in lists):
        raise _wrong(f"ticks[{index}]", tick, "[[new latencies], [old latencies]]")
    new, *old = (
        [sample(each, f"ticks[{index}][{arm}][{place}]") for place, each in enumerate(part or ())]
        for arm, part in enumerate(lists)
    )
    return new, old[0] if old else []


def sample(value: object, where: str) -> float | None:
    if value is None:
        return None
    if not is_number(value):
        raise _wrong(where, value, "a number, or null for a gap")
    return as_float(value)


def is_number(value: object) -> TypeGuard[Real]:
    return isinstance(value, Real) and not isinstance(value, bool)


def as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return inf if value > 0 else -inf


def _parts(value: object) -> list[Any] | None:
    if value is None or isinstance(value, str | Mapping) or not hasattr(value, "__iter__"):
        return None
    return list(value)


def _wrong(field: str, value: object, right: str) -> UsageError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return UsageError(f"{field} is {shown}.", "Nothing was judged from there on.", f"Write {right}.")

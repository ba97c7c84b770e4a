"""Signals `sql` and `command`: one number of the business, by a query of a store or printed by a program."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from lastgood.adapters.process import run
from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.looking import Look, LookingSource, Unseen, unknown
from lastgood.adapters.signals.repeating import utc_now
from lastgood.domain.errors import ActionFailed
from lastgood.domain.signal import Reading
from lastgood.domain.system import fill
from lastgood.domain.watching import NumberCommand, StoreQuery, WatchedSignal, tells_apart

AskStore = Callable[[str, str], str]
"""(store name, query) -> the single value as text. Raises ActionFailed when it cannot be asked."""

_SAID_CHARACTERS = 80


def sql_source(signal: WatchedSignal, seen: StoreQuery, ask: AskStore) -> LookingSource:
    """A query cannot be ended from here: past its limit it is unknown until it comes back, and it delays no
    other signal."""

    def number() -> float:
        try:
            return number_in(ask(seen.store, seen.query))
        except ActionFailed as error:
            raise Unseen(error.happened) from error

    return _source(signal, {"": number})


def command_source(signal: WatchedSignal, seen: NumberCommand, arms: Arms, folder: Path) -> LookingSource:
    """`folder` is where the command runs."""

    def number_by(command: tuple[str, ...]) -> Callable[[], float]:
        def number() -> float:
            try:
                done = run(command, limit=signal.limit, folder=folder)
            except ActionFailed as error:
                raise Unseen(error.happened) from error
            except OSError as error:
                raise Unseen(f"`{command[0]}` could not be run: {error.strerror or error}") from error
            if done.exit_code:
                raise Unseen(f"`{command[0]}` ended with exit code {done.exit_code}")
            return number_in(done.text)

        return number

    apart = tells_apart(seen.command)
    chosen = arms.both() if apart else (arms.new,)
    return _source(
        signal,
        {
            arm.id if apart else "": number_by(tuple(fill(word, arm.places()) for word in seen.command))
            for arm in chosen
        },
    )


def number_in(text: str) -> float:
    """Raises Unseen for what is no finite number."""
    try:
        value = float(text.strip())
    except ValueError as error:
        raise Unseen(f"`{text.strip()[:_SAID_CHARACTERS]}` is no number") from error
    if not math.isfinite(value):
        raise Unseen(f"its value is {value}")
    return value


def _source(signal: WatchedSignal, numbers: Mapping[str, Callable[[], float]]) -> LookingSource:
    def reading(instance_id: str, number: Callable[[], float]) -> Reading:
        try:
            return Reading(signal.name, "gauge", instance_id, utc_now(), value=number())
        except Unseen as unseen:
            return unknown(signal.name, instance_id, str(unseen))

    def begin() -> Look:
        return lambda: tuple(reading(instance_id, number) for instance_id, number in numbers.items())

    return LookingSource(
        signal.name, signal.every, tuple(numbers), begin, overdue_after=signal.limit * len(numbers)
    )

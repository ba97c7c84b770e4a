"""Signal `invariant`: what must always be true of the data, asked of the stores or of a command."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from lastgood.adapters.signals.commands import ask_command, no_answer
from lastgood.adapters.signals.repeating import Repeating, utc_now
from lastgood.domain.errors import ActionFailed
from lastgood.domain.policy import Invariant
from lastgood.domain.signal import Reading

AskStore = Callable[[str, str], str]
"""(store name, query) -> the single value as text. Raises ActionFailed when it cannot be asked."""


class InvariantSource:
    """Asks each invariant at its `every`.

    What could not be asked gives no reading; `unknown` says by invariant why. A query that takes longer
    than its limit is unknown until it comes back: it cannot be ended from here, and it delays no other.
    """

    name = "invariants"

    def __init__(
        self,
        invariants: Sequence[Invariant],
        instance_id: str,
        ask: AskStore,
        folder: Path | None = None,
    ) -> None:
        """`folder` is where commands run."""
        self._invariants, self._instance_id = tuple(invariants), instance_id
        self._ask, self._folder = ask, folder
        self._asking = Repeating()
        self._asked_at: dict[str, float] = {}
        self._unknown: dict[str, str] = {}

    @property
    def unknown(self) -> dict[str, str]:
        """Invariant -> why it cannot be said whether it holds."""
        return dict(self._unknown)

    def open(self) -> None:
        for invariant in self._invariants:
            self._asking.ask(
                f"invariant {invariant.name}", invariant.every, partial(self._readings, invariant)
            )

    def read(self, now: datetime) -> tuple[Reading, ...]:
        for invariant in self._invariants:
            asked_at = self._asked_at.get(invariant.name)
            if asked_at is not None and time.monotonic() - asked_at > invariant.limit.total_seconds():
                self._unknown[invariant.name] = no_answer(invariant.limit)
        return self._asking.taken()

    def close(self) -> None:
        self._asking.close()

    def _readings(self, invariant: Invariant) -> tuple[Reading, ...]:
        self._asked_at[invariant.name] = time.monotonic()
        held, detail = check_invariant(invariant, self._ask, self._folder)
        del self._asked_at[invariant.name]
        if held is None:
            self._unknown[invariant.name] = detail
            return ()
        self._unknown.pop(invariant.name, None)
        bad = 0 if held else 1
        return (Reading(invariant.name, "invariant", self._instance_id, utc_now(), 1, bad, detail),)


def check_invariant(
    invariant: Invariant, ask: AskStore, folder: Path | None = None
) -> tuple[bool | None, str]:
    """(whether it holds, what came). None instead when it could not be asked; then what hindered it."""
    if invariant.command:
        try:
            held, detail = ask_command(invariant.command, invariant.limit, {}, folder)
        except TimeoutError as error:  # slow says nothing about the data
            held, detail = None, str(error)
        return held, f"{invariant.name}: {detail}"
    try:
        value = ask(invariant.store, invariant.query).strip()
    except ActionFailed as error:
        return None, f"{invariant.name}: {error.happened}"
    if value == invariant.expect.strip():
        return True, f"{invariant.name}: {value}"
    return False, f"{invariant.name}: {value}, expected {invariant.expect}"

"""JournalSource: lines of systemd's journal, followed by `journalctl -o json -f`.

One journalctl an arm. It goes on at its cursor when it ended; what is not read waits in the journal itself.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from lastgood.adapters.process import Followed, follow, run
from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.lines.classify import MOST_CHARACTERS, Classifier, level_of_priority
from lastgood.adapters.signals.lines.counting import Count, new_kind_readings
from lastgood.adapters.signals.lines.kinds import NewKinds, kind_of
from lastgood.adapters.signals.lines.splitting import Splitter
from lastgood.adapters.signals.looking import Look, LookingSource, unknown
from lastgood.adapters.signals.repeating import utc_now
from lastgood.domain.errors import ActionFailed
from lastgood.domain.signal import Reading
from lastgood.domain.system import fill
from lastgood.domain.watching import Journal, WatchedSignal, tells_apart

PATIENCE_SECONDS = 5.0
_PAST_LINES = 20_000
_PART_BYTES = 262_144
_LONGEST_LOOK = timedelta(seconds=0.5)
_NEXT_PART_WITHIN = timedelta(milliseconds=20)


def journal_source(
    signal: WatchedSignal, seen: Journal, arms: Arms, patience_seconds: float = PATIENCE_SECONDS
) -> LookingSource:
    apart = tells_apart(seen.matches)
    matches = {
        arm.id if apart else "": tuple(fill(match, arm.places()) for match in seen.matches)
        for arm in (arms.both() if apart else (arms.new,))
    }
    looking: list[_Looking] = []

    def begin() -> Look:
        looking.append(_Looking(signal, seen, arms, matches, patience_seconds))
        return looking[-1].look

    return LookingSource(signal.name, signal.every, tuple(matches), begin, lambda: looking.pop().close())


def follow_command(
    matches: Sequence[str], since: datetime, cursor: str, folder: Path | None
) -> tuple[str, ...]:
    """From `cursor` on where there is one, else from the instant `since`."""
    start = ("--after-cursor", cursor) if cursor else ("--since", f"@{since.timestamp():.0f}")
    return (*_journalctl(folder), "--follow", "--lines=all", *start, *matches)


def past_command(matches: Sequence[str], folder: Path | None) -> tuple[str, ...]:
    return (*_journalctl(folder), f"--lines={_PAST_LINES}", *matches)


def _journalctl(folder: Path | None) -> tuple[str, ...]:
    place = ("--directory", str(folder)) if folder is not None else ()
    return (
        "journalctl",
        "--output=json",
        "--output-fields=MESSAGE,PRIORITY",
        "--no-pager",
        "--quiet",
        *place,
    )


def read_entry(line: bytes) -> tuple[str, int | None, str] | None:
    """(message, rank of its level, cursor) of a line of `journalctl -o json`; None when it is none.

    MESSAGE is a list of numbers where it is no UTF-8, a list of texts where the field stands twice, and null
    where it was too long (systemd.journal-fields, JOURNAL EXPORT FORMATS).
    """
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or "__CURSOR" not in entry:
        return None
    message = entry.get("MESSAGE")
    if isinstance(message, list):
        if all(isinstance(one, int) and 0 <= one < 256 for one in message):
            message = bytes(message[:MOST_CHARACTERS]).decode("utf-8", "replace")
        else:
            message = " ".join(str(one) for one in message)
    text = message[:MOST_CHARACTERS] if isinstance(message, str) else ""
    return text, level_of_priority(entry.get("PRIORITY")), str(entry["__CURSOR"])


class _Following:
    """The journal of one arm."""

    def __init__(self, matches: Sequence[str], folder: Path | None, classifier: Classifier) -> None:
        self._matches, self._folder, self._classifier = matches, folder, classifier
        self._since, self._cursor = utc_now(), ""
        self._process: Followed | None = None
        self._splitter = Splitter()
        self._complaint = ""
        self.count = Count()

    def look(self, note: Callable[[str], None]) -> str:
        """Why nothing can be seen; empty when it can."""
        if self._process is None:
            command = follow_command(self._matches, self._since, self._cursor, self._folder)
            try:
                self._process = follow(command)
            except (ActionFailed, OSError) as error:
                return str(getattr(error, "happened", error))
        ends_at = time.monotonic() + _LONGEST_LOOK.total_seconds()
        while time.monotonic() < ends_at:
            part = self._process.read(_PART_BYTES, _NEXT_PART_WITHIN)
            if part is None:
                self.close()
                return f"journalctl ended{f': {self._complaint}' if self._complaint else ''}"
            if not part:
                break
            self.count.take(self._splitter.lines(part), self._error_in, note)
        return ""

    def past(self, note: Callable[[str], None], limit: timedelta) -> bool:
        """Whether what the journal holds of it could be read."""
        try:
            told = run(past_command(self._matches, self._folder), limit=limit)
        except (ActionFailed, OSError):
            return False
        errors = [said for line in told.output.split(b"\n") if (said := self._error_in(line)) is not None]
        for said in errors:
            note(kind_of(said))
        return told.exit_code == 0

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process = None
        self._splitter.forget()

    def _error_in(self, line: bytes) -> str | None:
        entry = read_entry(line)
        if entry is None:  # journalctl's own words
            self._complaint = line.decode("utf-8", "replace")[:200]
            return None
        text, level, self._cursor = entry
        return self._classifier.error_in_text(text, level)


class _Looking:
    def __init__(
        self,
        signal: WatchedSignal,
        seen: Journal,
        arms: Arms,
        matches: dict[str, tuple[str, ...]],
        patience_seconds: float,
    ) -> None:
        self._signal = signal
        classifier = Classifier(seen.lines)
        self._arms = {one: _Following(words, seen.folder, classifier) for one, words in matches.items()}
        self._new, self._old = arms.new.id, arms.old.id if arms.old is not None else None
        comparable = seen.lines.new_kinds and self._old in self._arms
        self._kinds = NewKinds(patience_seconds) if comparable else None
        self._begun = False
        self._lock = threading.Lock()
        self._closed = False

    def look(self) -> tuple[Reading, ...]:
        with self._lock:
            return () if self._closed else self._look()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for arm in self._arms.values():
                arm.close()

    def _look(self) -> tuple[Reading, ...]:
        if self._kinds is not None and not self._begun and self._old is not None:
            past = self._arms[self._old].past(self._kinds.old, self._signal.limit)
            self._kinds.comparable = self._kinds.comparable and past
        self._begun = True
        readings = []
        for one in sorted(self._arms, key=lambda one: one == self._new):
            why = self._arms[one].look(self._noting(one))
            name = self._signal.name
            readings.append(unknown(name, one, why) if why else self._arms[one].count.reading(name, one))
        if self._kinds is not None:
            readings += new_kind_readings(self._signal.name, self._new, self._kinds)
        return tuple(readings)

    def _noting(self, instance_id: str) -> Callable[[str], None]:
        if self._kinds is None:
            return lambda kind: None
        return self._kinds.old if instance_id == self._old else self._kinds.new

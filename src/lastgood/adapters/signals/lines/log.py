"""LogSource: lines of log files, of each arm its own or of one that both write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.lines.classify import Classifier
from lastgood.adapters.signals.lines.counting import Count, new_kind_readings
from lastgood.adapters.signals.lines.kinds import NewKinds, kind_of
from lastgood.adapters.signals.lines.splitting import Splitter
from lastgood.adapters.signals.lines.tail import Tail
from lastgood.adapters.signals.looking import Look, LookingSource, unknown
from lastgood.adapters.signals.notes import Notes
from lastgood.domain.signal import Reading
from lastgood.domain.system import fill
from lastgood.domain.watching import LogFile, WatchedSignal, tells_apart

PATIENCE_SECONDS = 5.0
_PART_BYTES = 1_000_000
_MOST_BYTES = 64_000_000  # in one look; what is beyond is passed over
_MOST_PAST_BYTES = 20_000_000  # of what stood there before, the last


def log_source(
    signal: WatchedSignal,
    seen: LogFile,
    arms: Arms,
    notes: Notes,
    folder: Path,
    patience_seconds: float = PATIENCE_SECONDS,
) -> LookingSource:
    """A relative path counts from `folder`."""
    apart = not seen.path or tells_apart((seen.path,))
    paths: dict[str, Path | None] = {}
    for arm in arms.both() if apart else (arms.new,):
        filled = folder / fill(seen.path, arm.places()) if seen.path else arm.instance.output
        paths[arm.id if apart else ""] = filled
    looking: list[_Looking] = []

    def begin() -> Look:
        looking.append(_Looking(signal, seen, arms, paths, notes, patience_seconds))
        return looking[-1].look

    def end() -> None:
        looking.pop().close()

    return LookingSource(signal.name, signal.every, tuple(paths), begin, end)


class _File:
    """One log file, read from where it ends now; what stands there already is read once, as the past."""

    def __init__(self, path: Path) -> None:
        self.path, self.tail, self.count = path, Tail(path, at_end=True), Count()
        self._splitter, self._anew = Splitter(), self.tail.anew

    def lines(self) -> Iterator[list[bytes]]:
        read = 0
        while part := self.tail.read(_PART_BYTES):
            if self.tail.anew != self._anew:
                self._splitter.forget()
                self._anew = self.tail.anew
            yield self._splitter.lines(part)
            read += len(part)
            if read >= _MOST_BYTES:
                self.count.skipped_bytes += self.tail.skip_to_end()
                self._splitter.forget()
                return


class _Looking:
    def __init__(
        self,
        signal: WatchedSignal,
        seen: LogFile,
        arms: Arms,
        paths: dict[str, Path | None],
        notes: Notes,
        patience_seconds: float,
    ) -> None:
        self._signal, self._notes, self._note = signal, notes, f"{arms.new.id}-{signal.name}"
        self._classifier = Classifier(seen.lines)
        self._files = {one: _File(path) for one, path in paths.items() if path is not None}
        self._nowhere = [one for one, path in paths.items() if path is None]
        self._new = arms.new.id if arms.new.id in paths else ""
        self._old = arms.old.id if arms.old is not None else None
        self._kinds = NewKinds(patience_seconds) if seen.lines.new_kinds and self._old else None
        self._begun = False
        self._lock = threading.Lock()
        self._closed = False

    def look(self) -> tuple[Reading, ...]:
        with self._lock:
            return () if self._closed else self._look()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for file in self._files.values():
                file.tail.close()

    def _look(self) -> tuple[Reading, ...]:
        if self._kinds is not None and not self._begun:
            self._read_past(self._kinds)
        self._begun = True
        readings = [unknown(self._signal.name, one, "its output is kept nowhere") for one in self._nowhere]
        for one in sorted(
            self._files, key=lambda one: one == self._new
        ):  # the old first: it is what is known
            readings.append(self._of(one, self._files[one]))
        if self._kinds is not None:
            readings += new_kind_readings(self._signal.name, self._new, self._kinds)
        return tuple(readings)

    def _of(self, instance_id: str, file: _File) -> Reading:
        note = self._noting(instance_id)
        for lines in file.lines():
            file.count.take(lines, self._classifier.error_in, note)
        if file.tail.missing and not file.count.total:
            return unknown(self._signal.name, instance_id, file.tail.missing)
        return file.count.reading(self._signal.name, instance_id)

    def _noting(self, instance_id: str) -> Callable[[str], None]:
        if self._kinds is None:
            return lambda kind: None
        return self._kinds.old if instance_id == self._old else self._kinds.new

    def _read_past(self, kinds: NewKinds) -> None:
        """What the old release logged is known; what the new one logged since its start is new. A file that
        both write is known as it was when the release was first watched."""
        if self._old in self._files:
            whole = self._past(self._files[self._old].path, kinds.old)
            kinds.comparable = kinds.comparable and whole
            self._past(self._files[self._new].path, kinds.new)
            return
        noted = self._notes.read(self._note)
        if isinstance(noted, list):
            for kind in noted:
                kinds.old(str(kind))
            return
        for file in self._files.values():
            kinds.comparable = self._past(file.path, kinds.old)
        self._notes.write(self._note, sorted(kinds.known))

    def _past(self, path: Path, note: Callable[[str], None]) -> bool:
        """Whether there was a past to read: without one, nothing can be told to be new."""
        found = False
        for file in (path.with_name(f"{path.name}.1"), path):
            tail, splitter, read = Tail(file, at_end=False), Splitter(), 0
            found = found or not tail.missing
            tail.back_from_end(_MOST_PAST_BYTES)
            while read < 2 * _MOST_PAST_BYTES and (part := tail.read(_PART_BYTES)):  # it may grow meanwhile
                read += len(part)
                for line in splitter.lines(part):
                    if (said := self._classifier.error_in(line)) is not None:
                        note(kind_of(said))
            tail.close()
        return found

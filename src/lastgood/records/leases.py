"""Leases as locked files: the death of a process releases what it held."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from lastgood.domain.codec import dumps
from lastgood.domain.errors import ActionFailed, Busy
from lastgood.records.files import locked, percent_encoded, write_whole


class FolderLeases:
    """Two files a subject: NAME.lock is locked, NAME.json names the holder (the last one when it is free)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, subjects: Sequence[str], run_id: str) -> Iterator[Mapping[str, int]]:
        with ExitStack() as held:
            tokens = {}
            for subject in sorted(set(subjects)):  # one order for all: two runs never wait for each other
                held.enter_context(locked(self._file(subject, "lock"), partial(self._taken, subject)))
                tokens[subject] = int(self._last(subject).get("token", 0)) + 1
                write_whole(
                    self._file(subject, "json"),
                    dumps({"token": tokens[subject], "run": run_id, "pid": os.getpid()}),
                )
            yield tokens

    def _taken(self, subject: str) -> Busy:
        run = self._last(subject).get("run", "another run")
        return Busy(
            f"The run {run} is working on {subject} now.",
            "Two runs on it at once could undo each other, so nothing was started.",
            f"Wait for it (`lastgood runs show {run}`) or stop it (`lastgood cancel {run}`), then try again.",
        )

    def _last(self, subject: str) -> Mapping[str, int | str]:
        file = self._file(subject, "json")
        try:
            holder: Mapping[str, int | str] = json.loads(file.read_text(encoding="ascii"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ActionFailed(
                f"The lease {file} cannot be read ({error}).",
                "Which fencing tokens were given out is not known, so none is given out now.",
                "See that no run is active (`lastgood runs`), then remove that file.",
            ) from error
        return holder

    def _file(self, subject: str, kind: str) -> Path:
        return self._folder / f"{percent_encoded(subject)}.{kind}"

"""Runs as folders: plan.json and request.json first, then steps.jsonl, outcome.json at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from lastgood.domain.codec import Json, dumps, from_json, loads
from lastgood.domain.errors import ActionFailed, Busy, Refused, UsageError
from lastgood.domain.plan import Plan
from lastgood.domain.run import Run, RunState, RunSummary, StepRecord, Word
from lastgood.records.files import is_locked, locked, not_written, sync_folder, write_whole
from lastgood.records.words import add_word, put_question, question_in, words_in

T = TypeVar("T")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, besides the plan; of that only what a list shows ("" in records of version 0.1.0,
    whose plans are read instead)."""

    id: str
    engine: str
    created_at: datetime
    waiting: bool
    kind: str = ""
    title: str = ""
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    who: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    state: RunState
    says: str
    way_back: str
    mend: str
    at: datetime


class FolderRuns:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, run_id: str, plan: Plan, engine: str, created_at: datetime, waiting: bool) -> Path:
        final = self._path(run_id)
        if final.exists():
            self._same_plan(run_id, plan)
            return final
        aside = self._folder / f".{run_id}.{os.getpid()}.part"
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            write_whole(aside / "plan.json", dumps(plan))
            request = Request(run_id, engine, created_at, waiting, plan.kind, plan.title, plan.subjects)
            write_whole(aside / "request.json", dumps(request))
            aside.rename(final)
            sync_folder(self._folder)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise not_written(final, error) from error
        return final

    def folder(self, run_id: str) -> Path:
        path = self._path(run_id)
        if not path.is_dir():
            raise UsageError(
                f"There is no run {run_id!r}.",
                "Nothing was changed.",
                "`lastgood runs` lists those there are.",
            )
        return path

    def load(self, run_id: str) -> Run:
        folder = self.folder(run_id)
        # The lock is looked at before the outcome: a run that ends in between is then seen as ended.
        walked = is_locked(folder / "lock")
        request = _read(Request, folder / "request.json")
        outcome = _read_if_there(Outcome, folder / "outcome.json")
        return Run(
            id=run_id,
            plan=_read(Plan, folder / "plan.json"),
            state=outcome.state if outcome else _state_without_outcome(folder, request, walked),
            created_at=request.created_at,
            engine=request.engine,
            steps=_steps(folder / "steps.jsonl"),
            finished_at=outcome.at if outcome else None,
            says=outcome.says if outcome else "",
            way_back=outcome.way_back if outcome else "",
            mend=outcome.mend if outcome else "",
            asks="" if outcome else question_in(folder),
            words=words_in(folder),
        )

    def list(self) -> tuple[Run, ...]:
        names = sorted(path.name for path in self._folder.glob("*") if _ID.fullmatch(path.name))
        runs = [self._load_or_say_why(name) for name in names]
        return tuple(sorted(runs, key=lambda run: (run.created_at, run.id), reverse=True))

    def summaries(self, only_unfinished: bool = False) -> tuple[RunSummary, ...]:
        names = [path.name for path in self._folder.glob("*") if _ID.fullmatch(path.name)]
        if only_unfinished:
            names = [name for name in names if not (self._folder / name / "outcome.json").exists()]
        runs = [self._summary_or_why_not(name) for name in names]
        return tuple(sorted(runs, key=lambda run: (run.created_at, run.id), reverse=True))

    def record_step(self, run_id: str, record: StepRecord) -> None:
        file = self.folder(run_id) / "steps.jsonl"
        if any(known.path == record.path for known in _steps(file)):
            return
        try:
            with file.open("a+b") as stream:
                # a line torn by a crash is closed first, so that it spoils itself alone
                torn = stream.tell() > 0 and not _ends_with_newline(file)
                stream.write((b"\n" if torn else b"") + dumps(record).encode() + b"\n")
        except OSError as error:
            raise not_written(file, error) from error

    def finish(self, run_id: str, state: RunState, says: str, way_back: str, mend: str, at: datetime) -> None:
        write_whole(self.folder(run_id) / "outcome.json", dumps(Outcome(state, says, way_back, mend, at)))

    def lock(self, run_id: str) -> AbstractContextManager[None]:
        return locked(self.folder(run_id) / "lock", lambda: _walked_elsewhere(run_id))

    def request_stop(self, run_id: str) -> None:
        write_whole(self.folder(run_id) / "stop", "")

    def stop_requested(self, run_id: str) -> bool:
        return (self.folder(run_id) / "stop").exists()

    def ask(self, run_id: str, question: str) -> None:
        put_question(self.folder(run_id), question)

    def say(self, run_id: str, word: Word) -> None:
        add_word(self.folder(run_id), word)

    def words(self, run_id: str) -> tuple[Word, ...]:
        return words_in(self.folder(run_id))

    def approve(self, run_id: str, who: str, note: str, at: datetime) -> None:
        state = self.load(run_id).state
        if state is not RunState.WAITING:
            raise Refused(
                f"The run {run_id} does not wait for approval: it is {state.value}.",
                "Nothing was changed.",
                f"See `lastgood runs show {run_id}`.",
            )
        write_whole(self.folder(run_id) / "approval.json", dumps(Approval(who, note, at)))

    def _path(self, run_id: str) -> Path:
        if not _ID.fullmatch(run_id):
            raise UsageError(
                f"{run_id!r} is no run id.",
                "Nothing was changed.",
                "Run ids are letters, digits and . _ -; `lastgood runs` lists those there are.",
            )
        return self._folder / run_id

    def _same_plan(self, run_id: str, plan: Plan) -> None:
        if (self._path(run_id) / "plan.json").read_text(encoding="ascii") != dumps(plan):
            raise ActionFailed(
                f"The run {run_id} is recorded already, with another plan.",
                "It was left as it is; nothing was started.",
                "Start the new plan under a run id of its own.",
            )

    def _load_or_say_why(self, run_id: str) -> Run:
        try:
            return self.load(run_id)
        except ActionFailed as error:
            changed = datetime.fromtimestamp((self._folder / run_id).stat().st_mtime, UTC)
            plan = Plan(kind="unreadable", title="a run whose records are damaged", subjects=(), steps=())
            return Run(
                run_id, plan, RunState.FAILED, changed, engine="", says=error.happened, mend=error.mend
            )

    def _summary_or_why_not(self, run_id: str) -> RunSummary:
        try:
            return self._summary(run_id)
        except ActionFailed as error:
            changed = datetime.fromtimestamp((self._folder / run_id).stat().st_mtime, UTC)
            return RunSummary(
                run_id,
                "unreadable",
                "a run whose records are damaged",
                (),
                RunState.FAILED,
                changed,
                engine="",
                says=error.happened,
            )

    def _summary(self, run_id: str) -> RunSummary:
        folder = self.folder(run_id)
        walked = is_locked(folder / "lock")  # before the outcome is read, as in `load`
        request = _read(Request, folder / "request.json")
        outcome = _read_if_there(Outcome, folder / "outcome.json")
        shown: Request | Plan = request if request.kind else _read(Plan, folder / "plan.json")
        return RunSummary(
            run_id,
            shown.kind,
            shown.title,
            shown.subjects,
            outcome.state if outcome else _state_without_outcome(folder, request, walked),
            request.created_at,
            request.engine,
            outcome.at if outcome else None,
            outcome.says if outcome else "",
            "" if outcome else question_in(folder),
        )


def _state_without_outcome(folder: Path, request: Request, walked: bool) -> RunState:
    if request.waiting and not (folder / "approval.json").exists():
        return RunState.WAITING
    return RunState.RUNNING if walked else RunState.INTERRUPTED


def _steps(file: Path) -> tuple[StepRecord, ...]:
    """The whole lines; one that a crash tore is left out (the engine's own record has the step)."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    whole = (data for data in map(_json_or_torn, lines) if data is not None)
    return tuple(from_json(StepRecord, data) for data in whole)


def _json_or_torn(line: bytes) -> Json | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _ends_with_newline(file: Path) -> bool:
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def _read(kind: type[T], file: Path) -> T:
    try:
        return loads(kind, file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise ActionFailed(
            f"{file} cannot be read ({error}).",
            "What this run was to do is not known any more; it was left as it is.",
            "Look at what it was working on, then remove its folder.",
        ) from error


def _read_if_there(kind: type[T], file: Path) -> T | None:
    return _read(kind, file) if file.exists() else None


def _walked_elsewhere(run_id: str) -> Busy:
    return Busy(
        f"Another process is walking the run {run_id} now.",
        "Nothing was started: a run has one process at a time.",
        f"Follow it with `lastgood runs show {run_id}`, or stop it with `lastgood cancel {run_id}`.",
    )

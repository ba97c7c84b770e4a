"""The engine for every day: DBOS on a SQLite database in the run's own folder.

A database a run: no history to collect, no two processes ever share one, and it is kept or thrown away with
its run. No Conductor, no telemetry, no server, no network. DBOS decides what runs and records it, in its
thread; the bodies are done in the caller's (handover.py).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.domain.errors import ActionFailed, Busy, DiskFull
from lastgood.engine.handover import Halted, Handover
from lastgood.ports.engine import StepBody, Walk

if TYPE_CHECKING:
    from dbos import DBOSConfig

    Workflow = Callable[[str], str]

EXECUTOR = "lastgood"
VERSION = "engine-1"
"""Pinned: DBOS's own version is a hash of the code, and every upgrade would strand the pending runs."""

WORKFLOW = "run_v1"
RECORD_LIMIT = timedelta(seconds=15)
"""How long recording the end of a walk may take."""

# DBOS is one per process: a second run at once in this process would take over the first one's database.
_one_at_a_time = threading.Lock()


class DbosEngine:
    name = "dbos"

    def execute(self, run_id: str, folder: Path, walk: Walk) -> str:
        handover = Handover()
        failures: list[BaseException] = []
        with _launched(folder, _workflow(walk, handover, failures)) as workflow:
            recorded = _begin_or_resume(run_id, workflow)
            if recorded is not None:
                return recorded
            handover.serve(lambda: _not_begun(folder))
            if failures:
                raise failures[0]
            return _recorded_end(run_id, folder)


def _workflow(walk: Walk, handover: Handover, failures: list[BaseException]) -> Workflow:
    """The one workflow. What the walk raises goes to the caller and not to DBOS, which would record it as the
    end of the run: so the run stays pending and resumes."""
    from dbos import DBOS

    def recorded_step(path: str, body: StepBody) -> str:
        try:
            return DBOS.run_step({"name": path}, handover.ask, body)
        except Exception as error:
            failures.append(_not_recorded(f"The result of step {path}", error))
            raise Halted from error

    def run_v1(run_id: str) -> str:
        try:
            return walk(recorded_step)
        except Halted:
            raise
        except BaseException as error:
            failures.append(error)
            raise Halted from error
        finally:
            handover.close()

    return run_v1


@contextmanager
def _launched(folder: Path, run_v1: Workflow) -> Iterator[Workflow]:
    """DBOS with this one workflow, running: launching recovers a pending run. It is gone afterwards."""
    from dbos import DBOS

    if not _one_at_a_time.acquire(blocking=False):
        raise Busy(
            "This process walks another run now.",
            "The engine takes one run a process; nothing was started.",
            "Wait for that run to end, or use `--engine inline`.",
        )
    try:
        _silence()
        workflow = DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(run_v1)
        _launch(folder / "engine.db")
        yield workflow
    finally:
        DBOS.destroy(destroy_registry=True)
        _one_at_a_time.release()


def _launch(file: Path) -> None:
    from dbos import DBOS

    try:
        DBOS(config=_config(file))
        DBOS.launch()
    except Exception as error:
        raise ActionFailed(
            f"The engine could not open its records {file} ({type(error).__name__}: {error}).",
            "No step was run; nothing was changed.",
            "See that the disk has room and that this user may write there, or use `--engine inline`.",
        ) from error


def _begin_or_resume(run_id: str, workflow: Workflow) -> str | None:
    """The result of a run that has ended; None once the workflow is on its way."""
    from dbos import DBOS, SetWorkflowID

    status = DBOS.get_workflow_status(run_id)
    if status is None:
        with SetWorkflowID(run_id):
            DBOS.start_workflow(workflow, run_id)
    elif status.status == "SUCCESS":
        return str(status.output)
    elif status.status == "ERROR":
        # written only by a fault of the engine itself: what is recorded stays, the walk goes on after it
        DBOS.rewind_workflow(run_id, start_step=1 + len(DBOS.list_workflow_steps(run_id)))
    elif status.status not in ("PENDING", "ENQUEUED"):
        DBOS.resume_workflow(run_id)
    return None


def _recorded_end(run_id: str, folder: Path) -> str:
    from dbos import DBOS

    until = time.monotonic() + RECORD_LIMIT.total_seconds()
    while time.monotonic() < until:
        status = DBOS.get_workflow_status(run_id)
        if status is not None and status.status == "SUCCESS":
            return str(status.output)
        time.sleep(0.002)
    raise ActionFailed(
        f"The end of the run {run_id} was not recorded within {RECORD_LIMIT.total_seconds():g} s ({folder}).",
        "Every step is done and recorded; the run counts as interrupted.",
        "See that the disk has room and answers, then run the command again: it only records the end.",
    )


def _config(file: Path) -> DBOSConfig:
    from dbos import DBOSPortableJSONSerializer
    from sqlalchemy.engine import URL

    return {
        "name": "lastgood",
        "system_database_url": URL.create("sqlite", database=str(file)).render_as_string(),
        "executor_id": EXECUTOR,
        "application_version": VERSION,
        "serializer": DBOSPortableJSONSerializer(),
        "enable_otlp": False,
        "log_level": "CRITICAL",
        "notification_listener_polling_interval_sec": 0.05,
        "scheduler_polling_interval_sec": 3600.0,
    }


def _silence() -> None:
    """DBOS adds a handler of its own to a logger that has none."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _not_recorded(what: str, error: Exception) -> ActionFailed:
    if "disk is full" in str(error):
        return DiskFull(
            f"{what} could not be recorded: the disk of the state folder is full.",
            "The step may be done but unrecorded; the run goes on from it when it is resumed.",
            "Free some room on that disk and run the command again.",
        )
    return ActionFailed(
        f"{what} could not be recorded ({type(error).__name__}: {error}).",
        "The step may be done but unrecorded; the run goes on from it when it is resumed.",
        "Mend what the engine names and run the command again, or start a new run with `--engine inline`.",
    )


def _not_begun(folder: Path) -> ActionFailed:
    return ActionFailed(
        f"The engine did not begin to walk the run in {folder}.",
        "No step was run.",
        "See that the disk has room and answers and run the command again, or use `--engine inline`.",
    )

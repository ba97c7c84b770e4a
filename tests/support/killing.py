"""Work in a child process that is killed, as a machine's power failure would end it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NOBODY = 65534 if os.geteuid() == 0 else None
"""Another user without rights, or None: then this user is one already."""


@contextmanager
def home_of_nobody() -> Iterator[Path]:
    """A folder that NOBODY owns and reaches (pytest's own folders are closed to others)."""
    home = Path(tempfile.mkdtemp(prefix="lastgood-"))
    try:
        if NOBODY is not None:
            os.chown(home, NOBODY, NOBODY)
        yield home
    finally:
        shutil.rmtree(home)


def in_child(work: Callable[[], object], user: int | None = None) -> int:
    """Start `work` in a forked child, as another user where one is named; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        work()
        code = 0
    finally:  # the child must never return into pytest
        if code:
            traceback.print_exc()
        os._exit(code)


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_after(pid: int, seconds: float) -> bool:
    """Kill the child and all it started at once; whether it was still running."""
    time.sleep(seconds)
    family = [pid, *descendants(pid)]
    for member in family:
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    return exit_code(pid) == -signal.SIGKILL


def descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return children + [grandchild for child in children for grandchild in descendants(child)]

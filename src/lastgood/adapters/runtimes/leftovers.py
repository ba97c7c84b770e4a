"""What a service left running after its shim was killed: found by its marks, then ended.

While the shim lives it is the parent of everything; without it, processes belong to the instance that
- are the recorded main process, or in its group or session while it lives,
- carry the instance's folder in their environment, or write to its log (each alone can be lost: programs
  that set their title overwrite their environment, daemons close their output),
- descend from one of these.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.runtimes.identity import ProcessIdentity
from lastgood.adapters.runtimes.shim import MARK, ProcessStat, descendants, process_table, send_signal
from lastgood.domain.errors import RuntimeFailed

KILL_LIMIT = timedelta(seconds=10)
_LOOK_EVERY_SECONDS = 0.02


def end_leftovers(folder: Path, main: ProcessIdentity | None, within: timedelta) -> bool | None:
    """End them all. None: there were none. True: all ended on TERM; False: KILL was needed.

    Raises RuntimeFailed when something still runs KILL_LIMIT after KILL.
    """
    began = time.monotonic()
    known: set[tuple[int, int]] = {(main.pid, main.start_ticks)} if main and main.alive() else set()
    asked: set[tuple[int, int]] = set()
    killed = False
    while left := _belonging(folder, known):
        passed = time.monotonic() - began
        killed = killed or passed >= within.total_seconds()
        if passed > (within + KILL_LIMIT).total_seconds():
            raise RuntimeFailed(
                f"Processes {', '.join(str(stat.pid) for stat in left)} of {folder.name} could not be ended.",
                "They may still answer requests and hold files.",
                "End them by hand as their user, then run the command again.",
            )
        for stat in left:
            if killed:
                send_signal(stat, signal.SIGKILL)
            elif stat.identity not in asked:
                send_signal(stat, signal.SIGTERM)
        asked |= {stat.identity for stat in left}
        known |= asked
        time.sleep(_LOOK_EVERY_SECONDS)
    return None if not asked else not killed


def _belonging(folder: Path, known: set[tuple[int, int]]) -> list[ProcessStat]:
    table = process_table()
    living = {stat.pid for stat in table.values() if stat.identity in known}
    ours = {
        stat.pid
        for stat in table.values()
        if stat.pid in living or stat.group in living or stat.session in living or _marked(stat.pid, folder)
    }
    ours |= {stat.pid for stat in descendants(table, ours)}
    ours -= _self_and_ancestors(table)
    return [table[pid] for pid in ours if table[pid].state not in "ZX"]


def _marked(pid: int, folder: Path) -> bool:
    return _in_environment(pid, f"{MARK}={folder}".encode()) or any(
        _writes_to(pid, descriptor, folder / "output.log") for descriptor in (1, 2)
    )


def _in_environment(pid: int, variable: bytes) -> bool:
    try:
        return variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # ended, or another user's
        return False


def _writes_to(pid: int, descriptor: int, log: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/fd/{descriptor}").readlink() == log
    except OSError:  # ended, closed, or another user's
        return False


def _self_and_ancestors(table: dict[int, ProcessStat]) -> set[int]:
    """lastgood may itself have been started by the service."""
    line, pid = set(), os.getpid()
    while pid in table and pid not in line:
        line.add(pid)
        pid = table[pid].parent
    return line

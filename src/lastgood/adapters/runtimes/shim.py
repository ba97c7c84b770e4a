"""The shim: a stand-alone program (standard library only) that keeps one service running.

Started as `python -I -S shim.py FOLDER` with {"launch", "command", "environment"} as JSON on standard input
(the environment may hold secrets, so it is never in argv or on disk). The first process waits for one answer
of the second, prints it and exits; the second is the shim: own session, sub-reaper of all that the service
starts, holder of the lock of the instance's folder. It outlives lastgood, and when it exits by itself
nothing of the service is left.

Answers: {"started": PID} {"taken": true} {"superseded": true} {"failed": REASON}
Files in FOLDER: lock, process.json (this shim's record), output.log and output.log.1, shim.log;
read from there: order.json (its `launch` must be ours), stop ({"within_seconds": ...}: do not go on), app/.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_AFTER_SECONDS = 60.0
REST_GRACE_SECONDS = 2.0  # what a crashed main process left behind gets to end on TERM
DEFAULT_STOP_SECONDS = 10.0  # when TERM came without a stop file: the machine is going down
OUTPUT_LIMIT_BYTES = 20_000_000
LOOK_EVERY_SECONDS = 2.0
MARK = "LASTGOOD_INSTANCE"

_PR_SET_CHILD_SUBREAPER = 36
_WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}


class ProcessStat(NamedTuple):
    """One line of /proc/PID/stat. `start_ticks` (since boot) tells a process from a later one of its pid."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int

    @property
    def identity(self) -> tuple[int, int]:
        return self.pid, self.start_ticks


def main() -> None:
    """The first process: hand the order to the shim, pass its answer on, exit."""
    folder, order = Path(sys.argv[1]), json.load(sys.stdin)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        _become_shim(folder)
        Shim(folder, order["launch"], order["command"], order["environment"]).supervise(writer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.write(1, said or b'{"failed": "the shim ended before the command ran (see its shim.log)"}')


def _become_shim(folder: Path) -> None:
    import ctypes  # not above: whoever looks at instances imports this file

    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open(folder / "shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for here, there in ((nothing, 0), (nothing, 1), (log, 2)):
        os.dup2(here, there)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)


class Shim:
    def __init__(self, folder: Path, launch: str, command: list[str], environment: dict[str, str]) -> None:
        self.folder, self.launch, self.command = folder, launch, command
        self.environment = {**environment, MARK: str(folder)}
        self.stopping = self.childless = self.unsaved = False
        self.ended: int | None = None  # exit code of the main process, once it has ended
        self.main_pid = 0
        self.record: dict[str, Any] = {
            "launch": launch,
            "boot_id": boot_id(),
            "shim": _identity(os.getpid()),
            "process": None,
            "started_at": time.time(),
            "exits": 0,
            "last_exit": None,
            "stopped": False,
            "killed": False,
        }

    def supervise(self, answer_to: int) -> None:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        answer = self._take_up(lock)
        os.write(answer_to, json.dumps(answer).encode())
        os.close(answer_to)
        if "started" not in answer:
            return
        pause = SHORTEST_PAUSE_SECONDS
        while not self.stopping:
            began = time.monotonic()
            while self.ended is None and not self.stopping:
                self._attend(LOOK_EVERY_SECONDS)
            if self.stopping:
                break
            self._save(process=None, exits=self.record["exits"] + 1, last_exit=self.ended)
            self._end_all(time.monotonic() + REST_GRACE_SECONDS)
            pause = SHORTEST_PAUSE_SECONDS if time.monotonic() - began > SETTLED_AFTER_SECONDS else pause
            self._attend_until(time.monotonic() + pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            if not self.stopping and (problem := self._start()):
                print(f"restart failed: {problem}", file=sys.stderr, flush=True)
                self.ended = 127
        killed = self._end_all(None)
        self._save(process=None, last_exit=self.ended, stopped=True, killed=killed)

    def _take_up(self, lock: int) -> dict[str, Any]:
        """Become the one shim of this instance and start the service for the first time."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return {"taken": True}
        order = json.loads((self.folder / "order.json").read_bytes())
        if order["launch"] != self.launch or (self.folder / "stop").exists():
            return {"superseded": True}
        try:
            write_aside(self.folder / "process.json", self.record)
            problem = self._start()
        except OSError as error:
            problem = str(error)
        if problem:
            (self.folder / "process.json").unlink(missing_ok=True)
            return {"failed": problem}
        return {"started": self.main_pid}

    def _start(self) -> str:
        """Fork, record, then let the child execute the command; the reason when it could not be executed."""
        problem_reader, problem_writer = os.pipe()  # closed by exec: end of file means that it worked
        go_reader, go_writer = os.pipe()  # a child never runs before it is recorded, should we be killed here
        self.ended, self.childless = None, False
        self.main_pid = os.fork()
        if self.main_pid == 0:
            os.close(go_writer)
            self._become_service(go_reader, problem_writer)
        os.close(problem_writer)
        os.close(go_reader)
        self._save(process=_identity(self.main_pid))
        os.write(go_writer, b"!")
        os.close(go_writer)
        with os.fdopen(problem_reader, "rb") as pipe:
            problem = pipe.read().decode()
        if problem:
            os.waitpid(self.main_pid, 0)
            self._save(process=None)
        return problem

    def _become_service(self, go: int, problem: int) -> NoReturn:
        try:
            os.setsid()
            log = self.folder / "output.log"
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for here, there in ((nothing, 0), (output, 1), (output, 2)):
                os.dup2(here, there)
            os.chdir(self.folder / "app")
            for number in (
                signal.SIGPIPE,
                signal.SIGXFSZ,
            ):  # the interpreter ignores them; services expect not
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            if os.read(go, 1):
                os.execvpe(self.command[0], self.command, self.environment)
        except OSError as error:
            os.write(problem, (error.strerror or str(error)).encode())
        except ValueError as error:  # a NUL in an argument or a variable
            os.write(problem, str(error).encode())
        finally:
            os._exit(127)

    def _attend(self, seconds: float) -> None:
        """Wait for a signal, at most so long; reap; keep the log within its bound."""
        came = signal.sigtimedwait(_WATCHED, seconds)
        self.stopping = self.stopping or (came is not None and came.si_signo == signal.SIGTERM)
        try:
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                if reaped[0] == self.main_pid:
                    self.ended = os.waitstatus_to_exitcode(reaped[1])
            self.childless = False
        except ChildProcessError:
            self.childless = True
        if self.unsaved:
            self._save()
        bound_output(self.folder / "output.log")

    def _attend_until(self, deadline: float) -> None:
        while not self.stopping and (left := deadline - time.monotonic()) > 0:
            self._attend(left)

    def _end_all(self, deadline: float | None) -> bool:
        """TERM, after the deadline (None: the stop file's) KILL, until nothing is left. Was KILL needed?"""
        began, killed = time.monotonic(), False
        asked: set[tuple[int, int]] = set()
        self._attend(0)
        while not self.childless:
            last = deadline if deadline is not None else began + self._stop_seconds()
            killed = killed or time.monotonic() >= last
            for stat in descendants(process_table(), {os.getpid()}):
                if killed:
                    send_signal(stat, signal.SIGKILL)
                elif stat.identity not in asked and send_signal(stat, signal.SIGTERM):
                    asked.add(stat.identity)
            self._attend(0.05 if killed else min(max(last - time.monotonic(), 0.001), 0.1))
        return killed

    def _stop_seconds(self) -> float:
        try:
            return float(json.loads((self.folder / "stop").read_bytes())["within_seconds"])
        except FileNotFoundError:
            return DEFAULT_STOP_SECONDS

    def _save(self, **changes: Any) -> None:
        """Record; with a full disk the service is kept running and the record is tried again."""
        self.record.update(changes)
        try:
            write_aside(self.folder / "process.json", self.record)
            self.unsaved = False
        except OSError as error:
            self.unsaved = True
            print(f"process.json: {error}", file=sys.stderr, flush=True)


def stat_of(pid: int) -> ProcessStat | None:
    """None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the name before it may hold spaces and brackets
    return ProcessStat(
        pid, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19])
    )


def process_table() -> dict[int, ProcessStat]:
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    return {stat.pid: stat for pid in pids if (stat := stat_of(pid)) is not None}


def descendants(table: dict[int, ProcessStat], roots: set[int]) -> list[ProcessStat]:
    """Those that descend from the roots (roots left out) and have not ended."""
    family, grew = set(roots), True
    while grew:
        more = {stat.pid for stat in table.values() if stat.parent in family} - family
        family |= more
        grew = bool(more)
    return [table[pid] for pid in family - roots if pid in table and table[pid].state not in "ZX"]


def send_signal(stat: ProcessStat, number: int) -> bool:
    """Signal exactly this process: the pid is held by a descriptor before its identity is looked at."""
    try:
        descriptor = os.pidfd_open(stat.pid)
    except ProcessLookupError:
        return False
    try:
        now = stat_of(stat.pid)
        if now is None or now.start_ticks != stat.start_ticks:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(descriptor)
    return True


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def write_aside(file: Path, content: object) -> None:
    """Durable and whole: written beside, synced, renamed, and the folder synced."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def bound_output(log: Path, limit_bytes: int = OUTPUT_LIMIT_BYTES) -> None:
    """Past the limit keep its end in one old file and empty it. The service holds it open for appending, so
    it goes on at the start of the emptied file; writing through a pipe of ours would end with us."""
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        return
    if size <= limit_bytes:
        return
    try:
        with log.open("rb") as source, log.with_name(f"{log.name}.1").open("wb") as target:
            source.seek(max(0, size - limit_bytes))
            while block := source.read(1 << 20):
                target.write(block)
    except OSError as error:  # a full disk: the bound matters more than the old lines
        print(f"{log.name}.1: {error}", file=sys.stderr, flush=True)
    os.truncate(log, 0)


def _identity(pid: int) -> dict[str, int] | None:
    stat = stat_of(pid)
    return None if stat is None else {"pid": pid, "start_ticks": stat.start_ticks}


if __name__ == "__main__":
    main()

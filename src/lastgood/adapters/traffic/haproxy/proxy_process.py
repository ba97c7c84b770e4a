"""The haproxy process itself: a daemon that outlives lastgood and is found again by its record."""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from lastgood.adapters import process
from lastgood.adapters.traffic.haproxy.places import Places, replace_file
from lastgood.domain.errors import TrafficFailed

START_LIMIT = timedelta(seconds=20)
TERM_LIMIT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Identity:
    """A process for certain: a pid alone may by now be another's."""

    pid: int
    start_ticks: int
    boot_id: str

    @staticmethod
    def of(pid: int) -> Identity | None:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return Identity(pid, int(stat.rpartition(")")[2].split()[19]), boot_id)


class ProxyProcess:
    def __init__(self, places: Places, service: str) -> None:
        self._places = places
        self._service = service

    def start(self, program: Path, replaces: int | None, take_listeners: bool) -> None:
        """Start from the configuration file; returns when it listens. With `replaces` that process gives
        its listeners over and ends when its requests are answered. Raises TrafficFailed."""
        command = [str(program), "-D", "-f", str(self._places.configuration), "-p", str(self._places.pid)]
        self._validate(program)
        if replaces is not None:
            command += ["-x", str(self._places.admin_socket)] if take_listeners else []
            command += ["-sf", str(replaces)]
        done = process.run(command, limit=START_LIMIT, folder=self._places.folder)
        if done.exit_code != 0:
            raise TrafficFailed(
                f"The proxy of {self._service} did not start: {_alerts(done.error_text)}",
                "The service cannot be reached; nothing else was changed.",
                "Find what holds the port with `ss -ltnp` and end it, or give the service another port in "
                "system.yml."
                if "cannot bind" in done.error_text
                else "Correct what it complains about, then run the command again.",
            )
        self.adopt(int(self._places.pid.read_text().split()[0]))

    def adopt(self, pid: int) -> None:
        """Record the process with this pid as ours."""
        identity = Identity.of(pid)
        if identity is not None and identity != self._recorded():
            replace_file(self._places.process, json.dumps(asdict(identity)))

    def running(self) -> int | None:
        """The pid of the recorded process; None when it has ended."""
        with self._opened() as found:
            return found[0] if found else None

    def stop(self) -> None:
        """TERM, then KILL after TERM_LIMIT; returns when it is gone."""
        with self._opened() as found:
            if found is not None:
                _, descriptor = found
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                if not _ended(descriptor, TERM_LIMIT):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    _ended(descriptor, TERM_LIMIT)
        self._places.process.unlink(missing_ok=True)
        self._places.pid.unlink(missing_ok=True)

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, int] | None]:
        """Pid and pidfd of the recorded process while it runs. The pidfd comes first and the identity is
        compared after it: the pid may be given away between any two steps, a pidfd is not."""
        recorded = self._recorded()
        descriptor = _open(recorded.pid) if recorded else None
        try:
            if recorded is None or descriptor is None or Identity.of(recorded.pid) != recorded:
                yield None
            else:
                yield None if _ended(descriptor, timedelta(0)) else (recorded.pid, descriptor)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _recorded(self) -> Identity | None:
        try:
            return Identity(**json.loads(self._places.process.read_text()))
        except FileNotFoundError:
            return None

    def _validate(self, program: Path) -> None:
        check = process.run((str(program), "-c", "-f", str(self._places.configuration)), limit=START_LIMIT)
        if check.exit_code != 0:
            raise TrafficFailed(
                f"haproxy refuses the configuration of {self._service}: {_alerts(check.error_text)}",
                "The proxy was not started.",
                f"Correct the traffic of {self._service} in system.yml, then run the command again.",
            )


def proxy_pid(folder: Path) -> int | None:
    """The pid of the proxy whose own folder this is, while it runs; nothing is made or changed."""
    return ProxyProcess(Places(folder), "").running()


def _alerts(text: str) -> str:
    """What haproxy complains about, without its notices."""
    alerts = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("[ALERT]")]
    return " ".join(alerts[:2]) or text or "it said nothing."


def _open(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _ended(descriptor: int, within: timedelta) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(within.total_seconds() * 1000))

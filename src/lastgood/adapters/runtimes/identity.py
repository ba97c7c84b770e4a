"""One process of one boot: a pid alone may be another process tomorrow."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from datetime import timedelta

from lastgood.adapters.runtimes.shim import boot_id, send_signal, stat_of


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """`start_ticks` is the start of the process in clock ticks since boot (field 22 of /proc/PID/stat)."""

    pid: int
    start_ticks: int
    boot_id: str

    def alive(self) -> bool:
        """Whether exactly this process runs; one that has ended and was not reaped does not."""
        stat = stat_of(self.pid)
        return (
            stat is not None
            and stat.start_ticks == self.start_ticks
            and stat.state not in "ZX"
            and boot_id() == self.boot_id
        )

    def send(self, number: signal.Signals) -> bool:
        """Signal exactly this process; False when it is gone or another user's."""
        stat = stat_of(self.pid)
        if stat is None or boot_id() != self.boot_id:
            return False
        return send_signal(stat._replace(start_ticks=self.start_ticks), number)

    def ended_within(self, limit: timedelta) -> bool:
        """Wait on the process's descriptor: it tells the end even where nobody reaps."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive():
                return True
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(limit.total_seconds() * 1000))
        finally:
            os.close(descriptor)

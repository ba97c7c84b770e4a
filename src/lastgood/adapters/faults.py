"""Kill points for the crash tests: LASTGOOD_KILL=PATH:INSTANT ends this process there by SIGKILL."""

from __future__ import annotations

import os
import signal

VARIABLE = "LASTGOOD_KILL"


def kill_here(instant: str) -> None:
    """`instant` is PATH:begin, :middle, :end or :recorded of the step that goes on; or run:created, :walked,
    :told or :finished of the run itself; or release:staged, stake:fetched before there is a run."""
    if os.environ.get(VARIABLE) == instant:
        os.kill(os.getpid(), signal.SIGKILL)

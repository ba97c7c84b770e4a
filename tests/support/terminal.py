"""A command in a real terminal: a pseudo-terminal that this process types into."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import sys
import time

LIMIT_SECONDS = 60.0


class Terminal:
    """`lastgood ARGUMENTS` on a terminal of its own. Leaving the block ends it."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.shown = ""
        self._seen = 0
        self._code: int | None = None
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            with contextlib.suppress(BaseException):
                os.environ.update(environment or {})
                os.execv(sys.executable, [sys.executable, "-m", "lastgood", *arguments])
            os._exit(99)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._descriptor)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def wait_for(self, text: str) -> None:
        """Until it was shown after what was waited for last."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while (found := self.shown.find(text, self._seen)) < 0:
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"{text!r} was not shown:\n{self.shown}")
        self._seen = found + len(text)

    def ended(self) -> int:
        """Its exit code, when it ends by itself."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while self._read():
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not end:\n{self.shown}")
        self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def _read(self) -> bool:
        """False when the terminal was closed at its other end."""
        ready, _, _ = select.select([self._descriptor], [], [], 1.0)
        if not ready:
            return True
        try:
            part = os.read(self._descriptor, 65536)
        except OSError:  # Linux: the last process on it has ended
            return False
        self.shown += part.decode("utf-8", "replace")
        return bool(part)


def lines_in_the_end(shown: str) -> list[str]:
    """What stands there after everything that was written over: each line's last state."""
    return [line.rpartition("\r\033[K")[2].rstrip("\r") for line in shown.replace("\r\n", "\n").split("\n")]

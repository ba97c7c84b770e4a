"""Bodies asked for in the engine's thread, done in the caller's.

So Ctrl-C and every other signal reach the body that is running, and it uses the threads, locks and
connections of the caller.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta

from lastgood.ports.engine import StepBody

START_LIMIT = timedelta(seconds=30)
"""How long the engine's thread may take to ask for the first body, or to end the walk."""

HALT_LIMIT = timedelta(seconds=10)
"""How long the engine's thread may take to notice that the caller gave up."""

_PULSE = timedelta(milliseconds=200)

Order = tuple[StepBody, "Future[str]"]


class Halted(BaseException):
    """Ends the walk without an outcome. No Exception: the engine would record that as the end of the run."""


class Handover:
    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._halted = threading.Event()
        self._closed = threading.Event()

    def ask(self, body: StepBody) -> str:
        """In the engine's thread: the body's result. Waits as long as the body takes, which has limits of its
        own. Raises Halted when the caller has given up."""
        answer: Future[str] = Future()
        self._orders.put((body, answer))
        while not self._halted.is_set():
            try:
                return answer.result(timeout=_PULSE.total_seconds())
            except TimeoutError:
                continue
        raise Halted

    def close(self) -> None:
        """In the engine's thread: the walk is over, nothing more will be asked."""
        self._orders.put(None)
        self._closed.set()

    def serve(self, not_started: Callable[[], Exception]) -> None:
        """In the caller's thread: do what is asked until the walk is over. Raises what a body raises, and
        `not_started()` when nothing is asked in time; the walk has ended then, without an outcome."""
        try:
            order = self._first(not_started)
            while order is not None:
                body, answer = order
                answer.set_result(body())
                order = self._orders.get()
        except BaseException:
            self._halted.set()
            self._closed.wait(HALT_LIMIT.total_seconds())
            raise

    def _first(self, not_started: Callable[[], Exception]) -> Order | None:
        try:
            return self._orders.get(timeout=START_LIMIT.total_seconds())
        except queue.Empty:
            raise not_started() from None

"""Arms of a watch, and reading what a source says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lastgood.adapters.signals.arms import Arm, Arms
from lastgood.domain.signal import Reading
from lastgood.ports.runtime import Instance
from lastgood.ports.signal import SignalSource

OFTEN = timedelta(milliseconds=100)


def arm(
    name: str,
    port: int = 1,
    output: Path | None = None,
    started_at: datetime | None = None,
    pid: int | None = None,
) -> Arm:
    at = started_at or datetime.now(UTC)
    return Arm(
        Instance(
            f"shop-{name}", "shop", f"release-{name}", "127.0.0.1", port, True, at, 0, None, output, pid
        ),
        f"v-{name}",
    )


class Watcher:
    """Keeps every reading of a source."""

    def __init__(self, source: SignalSource) -> None:
        self.source = source
        self.seen: list[Reading] = []

    def read(self) -> list[Reading]:
        self.seen.extend(self.source.read(datetime.now(UTC)))
        return self.seen

    def of(self, kind: str, instance_id: str | None = None) -> list[Reading]:
        return [one for one in self.read() if one.kind == kind and instance_id in (None, one.instance_id)]

    def until(self, condition: Callable[[], object], limit_seconds: float = 15.0) -> None:
        deadline = time.monotonic() + limit_seconds
        while not condition():
            assert time.monotonic() < deadline, f"did not come true; seen: {self.seen[-5:]}"
            time.sleep(0.02)

    def counted(self, instance_id: str) -> tuple[int, int]:
        of = self.of("errors", instance_id)
        return sum(one.total for one in of), sum(one.bad for one in of)


@contextmanager
def watching(source: SignalSource) -> Iterator[Watcher]:
    source.open()
    try:
        yield Watcher(source)
    finally:
        source.close()
        source.close()


def both(new: Arm, old: Arm | None = None) -> Arms:
    return Arms(new, old)

"""Runtime `process`: each instance is a process of this machine, kept by a shim that outlives lastgood.

A machine with only Python has it; there is no daemon. What holds an instance together is its folder
(instance_folder.py) and the lock in it: whoever holds the lock is the one shim, or the one who ends what a
killed shim left behind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lastgood.adapters.runtimes import shim
from lastgood.adapters.runtimes.instance_folder import InstanceFolder
from lastgood.adapters.runtimes.leftovers import end_leftovers
from lastgood.domain.errors import LastgoodError, RuntimeFailed
from lastgood.ports.runtime import Instance, LaunchOrder

LAUNCH_LIMIT = timedelta(seconds=15)
LEFTOVER_LIMIT = timedelta(seconds=5)  # for what an earlier launch left, to end on TERM
SHIM_LIMIT = timedelta(seconds=10)  # for the shim to finish once everything was killed
PORT_LIMIT = timedelta(seconds=5)
BASE_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")

_LOOK_EVERY_SECONDS = 0.02
_LAST_LINES = 5
_INSTANCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


class ProcessRuntime:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def start(self, order: LaunchOrder) -> Instance:
        """Raises RuntimeFailed (port occupied, command not executable, tree not readable) and DiskFull."""
        place = self._place(order.instance_id)
        deadline = time.monotonic() + LAUNCH_LIMIT.total_seconds()
        while not (found := _started(place)):
            if time.monotonic() > deadline:
                raise RuntimeFailed(
                    f"Instance {order.instance_id} was not up within {LAUNCH_LIMIT.total_seconds():g} s.",
                    "Another start of it holds its lock and does not come to an end.",
                    f"Look at {place.path / 'shim.log'}, then run the command again.",
                )
            if not _launch(place, order):
                time.sleep(_LOOK_EVERY_SECONDS)
        return found

    def find(self, instance_id: str) -> Instance | None:
        return self._place(instance_id).instance()

    def instances(self) -> tuple[Instance, ...]:
        if not self._folder.is_dir():
            return ()
        places = sorted(path for path in self._folder.iterdir() if _INSTANCE_ID.fullmatch(path.name))
        found = (InstanceFolder(path).instance() for path in places)
        return tuple(instance for instance in found if instance is not None)

    def stop(self, instance_id: str, within: timedelta) -> bool:
        """Raises RuntimeFailed when something of it cannot be ended or its port stays held."""
        from lastgood.adapters.runtimes.listening import holder_of, wait_until_free

        place = self._place(instance_id)
        instance = place.instance()
        if instance is None:
            return True
        with _translated(instance_id, "stopped"):
            place.ask_to_stop(within)
        by_itself = _end_shim(place, within)
        left_by_itself = _end_without_shim(place, within)
        if by_itself is None and left_by_itself is None:
            return True
        if not wait_until_free(instance.host, instance.port, PORT_LIMIT):
            raise RuntimeFailed(
                f"Everything of instance {instance_id} has ended, but port {instance.port} is still held"
                f" by {holder_of(instance.port)}.",
                "Requests to that port are answered by something else.",
                "End that process, then run the command again.",
            )
        return by_itself is not False and left_by_itself is not False

    def discard(self, instance_id: str) -> None:
        """Raises RuntimeFailed for an instance that runs or is being restarted."""
        place = self._place(instance_id)
        if not place.path.exists():
            return
        with place.alone() as alone:
            record = place.record()
            if not alone or (record is not None and record.running):
                raise RuntimeFailed(
                    f"Instance {instance_id} still runs.",
                    "Its folder was not removed.",
                    "Stop it first.",
                )
            with _translated(instance_id, "discarded"):
                place.remove()

    def _place(self, instance_id: str) -> InstanceFolder:
        if not _INSTANCE_ID.fullmatch(instance_id):
            raise RuntimeFailed(
                f"{instance_id!r} cannot be the name of an instance.",
                "Nothing was changed.",
                "Use up to 121 letters, digits, dots, dashes and underscores.",
            )
        return InstanceFolder(self._folder / instance_id)


def _started(place: InstanceFolder) -> Instance | None:
    """The instance when it is there already: running, or in the pause before a restart."""
    record = place.record()
    if record is None or place.asked_to_stop() or record.stopped:
        return None
    pausing = record.attended and record.exits > 0
    return place.instance() if record.running or pausing else None


def _launch(place: InstanceFolder, order: LaunchOrder) -> bool:
    """One attempt; False when another shim holds the instance. Raises RuntimeFailed, DiskFull."""
    launch = os.urandom(16).hex()
    with place.alone() as alone:
        if not alone:
            return False
        try:
            _make_way(place, order)
            place.take_order(order, launch, datetime.now(UTC))
        except LastgoodError:
            if place.ordered() is None:  # it never was an instance
                place.remove()
            raise
    answer = _ask_shim(place, order, launch)
    if "failed" in answer:
        lines = place.last_lines(_LAST_LINES)
        place.remove()
        raise RuntimeFailed(
            f"`{order.command[0]}` of {order.release_id} could not be executed: {answer['failed']}.",
            "Instance "
            + order.instance_id
            + " was not started."
            + (f" Last output: {lines}" if lines else ""),
            "Correct the service's command in system.yml, or install the program it names.",
        )
    return "started" in answer


def _make_way(place: InstanceFolder, order: LaunchOrder) -> None:
    from lastgood.adapters.runtimes.listening import holder_of, port_is_free

    record = place.record()
    if record is not None:
        end_leftovers(place.path, record.process, LEFTOVER_LIMIT)
    if not port_is_free(order.host, order.port):
        raise RuntimeFailed(
            f"Port {order.port} of {order.host} is held by {holder_of(order.port)}.",
            f"Instance {order.instance_id} was not started.",
            "End that process or give the service another port, then run the command again.",
        )


def _ask_shim(place: InstanceFolder, order: LaunchOrder, launch: str) -> dict[str, Any]:
    from lastgood.adapters.process import run  # not above: who only looks at instances starts none

    given = {
        "launch": launch,
        "command": [_program(place, order), *order.command[1:]],
        "environment": _environment(order),
    }
    completed = run(
        (sys.executable, "-I", "-S", shim.__file__, str(place.path)),
        limit=LAUNCH_LIMIT,
        given=json.dumps(given).encode(),
        environment={shim.MARK: ""},  # a lastgood that runs inside a service is no part of that service
    )
    if completed.exit_code != 0:
        return {"failed": f"the shim ended with code {completed.exit_code}: {completed.error_text[-300:]}"}
    answer: dict[str, Any] = json.loads(completed.text)
    return answer


def _program(place: InstanceFolder, order: LaunchOrder) -> str:
    """A bare name is looked up in PATH, then in the tree; one with a slash counts from the tree."""
    name = order.command[0]
    if "/" in name or shutil.which(name, path=_environment(order).get("PATH")):
        return name
    return f"./{name}" if (place.app / name).is_file() else name


def _environment(order: LaunchOrder) -> dict[str, str]:
    base = {name: os.environ[name] for name in BASE_ENVIRONMENT if name in os.environ}
    return {**base, "HOST": order.host, "PORT": str(order.port), **order.environment}


def _end_shim(place: InstanceFolder, within: timedelta) -> bool | None:
    """Have the shim end everything. None: there is none; True: all ended on TERM; False: KILL was needed."""
    deadline = time.monotonic() + LAUNCH_LIMIT.total_seconds()
    while True:
        with place.alone() as alone:
            record = place.record()
            if alone:
                return None
        if record is not None and record.shim.send(signal.SIGTERM):
            break
        if time.monotonic() > deadline:  # it holds the lock but never recorded itself
            raise _unstoppable(place)
        time.sleep(_LOOK_EVERY_SECONDS)
    if not record.shim.ended_within(within + SHIM_LIMIT):
        record.shim.send(signal.SIGKILL)
        if not record.shim.ended_within(SHIM_LIMIT):
            raise _unstoppable(place)
        return False
    last = place.record()
    return last is not None and last.stopped and not last.killed


def _end_without_shim(place: InstanceFolder, within: timedelta) -> bool | None:
    """What the shim could not end because it was killed; the lock keeps a late shim from beginning."""
    with place.alone() as alone:
        record = place.record()
        if not alone:
            raise _unstoppable(place)
        if record is None or record.stopped:
            return None
        return end_leftovers(place.path, record.process, within)


def _unstoppable(place: InstanceFolder) -> RuntimeFailed:
    return RuntimeFailed(
        f"Instance {place.path.name} is held by a shim that does not stop.",
        "It may still run.",
        f"Look at {place.path / 'shim.log'}, end its processes by hand, then run the command again.",
    )


@contextmanager
def _translated(instance_id: str, deed: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RuntimeFailed(
            f"Instance {instance_id} could not be {deed}: {error}.",
            "It is as it was.",
            "Give lastgood the right to write in its state folder and room on its disk, then try again.",
        ) from error

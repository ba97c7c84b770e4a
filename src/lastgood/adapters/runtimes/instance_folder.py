"""The folder of one instance: what was ordered, what its shim recorded, the tree it runs in.

order.json    what was ordered: no command, no environment, no secret
app/          a writable copy of the release's tree; shared paths are links to the outside
process.json  the shim's record            lock   held by the shim for its life
stop          it was asked to stop         output.log, output.log.1, shim.log
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lastgood.adapters.runtimes.identity import ProcessIdentity
from lastgood.adapters.runtimes.shim import write_aside
from lastgood.domain.errors import DiskFull, RuntimeFailed
from lastgood.ports.runtime import Instance, LaunchOrder

_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Record:
    """What the shim last recorded. `process` is None between an exit and the restart."""

    launch: str
    shim: ProcessIdentity
    process: ProcessIdentity | None
    started_at: datetime
    exits: int
    last_exit: int | None
    stopped: bool
    killed: bool

    @property
    def attended(self) -> bool:
        """The shim lives: what ends is restarted."""
        return self.shim.alive()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.alive()


@dataclass(frozen=True, slots=True)
class InstanceFolder:
    path: Path

    @property
    def app(self) -> Path:
        return self.path / "app"

    @property
    def output(self) -> Path:
        return self.path / "output.log"

    def ordered(self) -> dict[str, Any] | None:
        return _read(self.path / "order.json")

    def record(self) -> Record | None:
        """None before the shim's first record."""
        told = _read(self.path / "process.json")
        if told is None:
            return None
        process = told["process"]
        return Record(
            told["launch"],
            ProcessIdentity(boot_id=told["boot_id"], **told["shim"]),
            None if process is None else ProcessIdentity(boot_id=told["boot_id"], **process),
            datetime.fromtimestamp(told["started_at"], UTC),
            told["exits"],
            told["last_exit"],
            told["stopped"],
            told["killed"],
        )

    def instance(self) -> Instance | None:
        """The facts of now. A process that ended with nobody there to record it counts as one exit more,
        with an unknown code: unless it was asked to stop."""
        ordered, record = self.ordered(), self.record()
        if ordered is None:
            return None
        running = record is not None and record.running
        exits, last_exit = (record.exits, record.last_exit) if record else (0, None)
        if record and not running and not record.attended:
            record = self.record() or record  # the shim may have recorded its end while we looked
            exits, last_exit = record.exits, record.last_exit
            if record.process is not None and not record.stopped and not self.asked_to_stop():
                exits, last_exit = exits + 1, None
        return Instance(
            ordered["instance_id"],
            ordered["service"],
            ordered["release_id"],
            ordered["host"],
            ordered["port"],
            running,
            record.started_at if record else datetime.fromisoformat(ordered["at"]),
            exits,
            last_exit,
            self.output,
            record.process.pid if record is not None and record.process is not None and running else None,
        )

    def take_order(self, order: LaunchOrder, launch: str, now: datetime) -> None:
        """Lay the tree and record the order; a shim of an earlier launch still on its way gives up."""
        tree = {
            "tree": str(order.tree),
            "shared": {path: str(outside) for path, outside in order.shared.items()},
        }
        before = self.ordered()
        with _room_for(order.instance_id):
            if before is None or not self.app.is_dir() or {key: before[key] for key in tree} != tree:
                self._lay_tree(order.tree, order.shared)
            (self.path / "stop").unlink(missing_ok=True)
            (self.path / "process.json").unlink(missing_ok=True)
            write_aside(
                self.path / "order.json",
                {
                    "launch": launch,
                    "instance_id": order.instance_id,
                    "service": order.service,
                    "release_id": order.release_id,
                    "host": order.host,
                    "port": order.port,
                    "at": now.isoformat(),
                    **tree,
                },
            )

    def _lay_tree(self, tree: Path, shared: Mapping[str, Path]) -> None:
        aside = self.path / "app.new"
        remove_tree(aside)
        shutil.copytree(tree, aside, symlinks=True)
        _make_writable(aside)
        for place in sorted(shared):
            _link(aside, place, shared[place])
        remove_tree(self.app)  # nothing runs in it: the caller has looked
        aside.rename(self.app)

    def ask_to_stop(self, within: timedelta) -> None:
        write_aside(self.path / "stop", {"within_seconds": within.total_seconds()})

    def asked_to_stop(self) -> bool:
        return (self.path / "stop").exists()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """True: no shim is there, and none begins while this is held."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def last_lines(self, count: int) -> str:
        """Of the service's output; of the shim's own where it has none."""
        text = tail(self.output) or tail(self.path / "shim.log")
        return " | ".join(text.splitlines()[-count:])

    def remove(self) -> None:
        """Renamed first: a folder half removed is no instance any more."""
        gone = self.path.with_name(f".gone-{self.path.name}")
        remove_tree(gone)
        if self.path.exists():
            self.path.rename(gone)
        remove_tree(gone)


def tail(file: Path) -> str:
    """The end of a text file; empty when there is none."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def remove_tree(folder: Path) -> None:
    """Also where folders in it are read-only. Links are removed, what they point to is not touched."""
    if folder.is_dir() and not folder.is_symlink():
        _make_writable(folder)
        shutil.rmtree(folder)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    return content


def _make_writable(folder: Path) -> None:
    """The tree on the shelf is read-only; this is a copy of it."""
    for parent, _, files in os.walk(folder):
        entries = (Path(parent, name) for name in files)
        for path in (Path(parent), *(entry for entry in entries if not entry.is_symlink())):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IWUSR | (stat.S_IRWXU if path.is_dir() else 0))


def _link(app: Path, place: str, outside: Path) -> None:
    link = app / place
    inside = Path(place)
    if inside.is_absolute() or ".." in inside.parts or not inside.parts:
        raise _shared_wrong(place, "it is no path inside the release")
    if any((app / parent).is_symlink() for parent in list(inside.parents)[:-1]):
        raise _shared_wrong(place, "it leads through a link")
    outside.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():
        outside.mkdir(exist_ok=True)  # a dangling link would make the service's own mkdir fail
        remove_tree(link)
    else:
        link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)


def _shared_wrong(place: str, why: str) -> RuntimeFailed:
    return RuntimeFailed(
        f"The shared path {place!r} cannot be laid: {why}.",
        "The instance was not started.",
        "Correct `shared` of the service in system.yml.",
    )


@contextmanager
def _room_for(instance_id: str) -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error) as error:
        if "No space left" in str(error) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"There is no room for the files of instance {instance_id}: {error}.",
                "It was not started; what runs is untouched.",
                "Free space in the state folder, then run the command again.",
            ) from error
        raise RuntimeFailed(
            f"The files of instance {instance_id} could not be laid: {error}.",
            "It was not started; what runs is untouched.",
            "Give lastgood the right to read the release and to write there, then run the command again.",
        ) from error

"""Where the proxy's files stand."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from lastgood.domain.errors import TrafficFailed

LOCK_LIMIT = timedelta(seconds=30)
# the kernel allows 107 bytes for the path of a UNIX socket, and haproxy adds its pid and `.tmp` while binding
_LONGEST_SOCKET_PATH = 80  # bytes


class Places:
    """`folder` is the proxy's own. Its sockets stand beside where the path is short enough, else in a
    private folder whose path is recorded in `folder`, so that each process finds the same one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.configuration = self.folder / "haproxy.cfg"
        self.process = self.folder / "process.json"
        self.pid = self.folder / "haproxy.pid"
        self.admin_socket = self._sockets() / "admin.sock"
        self._lock = self.folder / "lock"

    def make(self) -> None:
        """Make the folders. Raises TrafficFailed when another user could get at the sockets."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sockets = self.admin_socket.parent
        if sockets == self.folder:
            return
        sockets.mkdir(exist_ok=True, mode=0o700)
        found = sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise TrafficFailed(
                f"{sockets} is not a private folder of this user.",
                "Whoever made it could command the proxy; it was not started.",
                "Remove it, then run the command again.",
            )
        replace_file(self._recorded_sockets, str(sockets))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time changes the proxy. Raises TrafficFailed after LOCK_LIMIT."""
        self.make()
        give_up_at = time.monotonic() + LOCK_LIMIT.total_seconds()
        with self._lock.open("w") as held:
            while not _try_lock(held.fileno()):
                if time.monotonic() > give_up_at:
                    raise TrafficFailed(
                        f"Another process has been changing the proxy for {LOCK_LIMIT.total_seconds():g} s.",
                        "Nothing was changed by this one.",
                        f"Find it with `fuser {self._lock}`, and try again when it has finished.",
                    )
                time.sleep(0.002)
            yield

    def remove_sockets(self) -> None:
        for name in ("admin.sock", "inner.sock"):
            self.admin_socket.with_name(name).unlink(missing_ok=True)
        if self.admin_socket.parent != self.folder and self.admin_socket.parent.is_dir():
            self.admin_socket.parent.rmdir()
            self._recorded_sockets.unlink(missing_ok=True)

    @property
    def _recorded_sockets(self) -> Path:
        return self.folder / "sockets"

    def _sockets(self) -> Path:
        if len(str(self.folder / "admin.sock")) <= _LONGEST_SOCKET_PATH:
            return self.folder
        if self._recorded_sockets.exists():
            return Path(self._recorded_sockets.read_text().strip())
        base = os.environ.get("XDG_RUNTIME_DIR", "")
        if not base or len(base) > 40 or not os.access(base, os.W_OK):
            base = "/tmp"
        return Path(base) / f"lastgood-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]}"


def replace_file(path: Path, text: str) -> None:
    """Written aside, synced and renamed: at each instant the old or the new content, whole."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.aside")
    with aside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

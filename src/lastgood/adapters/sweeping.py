"""End and remove a sandbox: its instances, its proxies, its folder; also one whose drill was killed."""

from __future__ import annotations

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.runtimes.process import ProcessRuntime
from lastgood.adapters.traffic.haproxy import HAProxyOptions, HAProxyTraffic
from lastgood.domain.errors import ActionFailed

STOP_LIMIT = timedelta(seconds=5)
_TRIES = 20
_PAUSE_SECONDS = 0.25


def sweep(folder: Path, state: Path) -> None:
    """`state` is the sandbox's state folder, in `folder`. What is not there is no error."""
    for instances in _folders(state / "instances"):
        runtime = ProcessRuntime(instances)
        for instance in runtime.instances():
            runtime.stop(instance.instance_id, STOP_LIMIT)
            runtime.discard(instance.instance_id)
    for proxy in _folders(state / "traffic"):
        options = HAProxyOptions(kind="haproxy")
        HAProxyTraffic(proxy.name, options, "127.0.0.1", 1, proxy, STOP_LIMIT).stop()
    _remove(folder)


def _folders(parent: Path) -> list[Path]:
    return [path for path in sorted(parent.iterdir()) if path.is_dir()] if parent.is_dir() else []


def _remove(folder: Path) -> None:
    """A restore that a killed drill left may go on writing for a moment: it is removed behind it."""
    for _ in range(_TRIES):
        if not folder.exists():
            return
        for place, folders, _files in os.walk(folder):
            for name in folders:
                if not (Path(place) / name).is_symlink():
                    (Path(place) / name).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(_PAUSE_SECONDS)
    if folder.exists():
        raise ActionFailed(
            f"The sandbox {folder} could not be removed.",
            "Nothing runs in it; it only takes room.",
            f"Remove it by hand: `rm -r {folder}`.",
        )

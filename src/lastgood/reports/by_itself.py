"""Settings of the documents that this version of lastgood reads but does not carry out by itself.

Pages say so: a promise that nobody keeps must not read like a fact. Whoever makes one come true removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NOT_YET: Final[Mapping[str, str]] = {
    "schedule": "no backup starts by itself",
    "retention": "no recovery point is removed",
    "verify": "no backup is proven when it is made",
    "keep_replaced": "no replaced data is removed",
    "lag_limits": "nobody is told when a copy lies behind; `lastgood gates` tells",
}
"""Of backups: the field, and what that means."""

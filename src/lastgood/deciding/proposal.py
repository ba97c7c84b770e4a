"""From what was found in a project to its nine documents. Pure.

system.yml comes from what was found. The other eight hold their defaults and what the names of the protected
parts tell; they need no more than these names, so they are written beside an existing system.yml too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lastgood.deciding.proposed_procedures import procedures
from lastgood.documents.writing import Draft, Offer

RTO: Final = "1h"
RPO: Final = "1d"  # a backup a night
LAG: Final = "26h"  # the RPO, and time to make the backup


@dataclass(frozen=True, slots=True)
class Named:
    """What is protected, by name. `stores` maps a name to its kind."""

    system: str
    folder: str  # of the documents
    program: str  # what runs lastgood
    services: tuple[str, ...]
    stores: Mapping[str, str]
    vaults: tuple[str, ...]
    migrations: tuple[str, ...] = ()
    dotenv: bool = False  # there is a .env with secrets, which must not go into releases


def proposed(named: Named, defaults: Mapping[str, Mapping[str, Any]]) -> dict[str, Draft]:
    """Kind -> draft, for every kind but `system`. `defaults` tells by kind what a document says anyway."""
    special = {
        "rollback/detection": _detection,
        "version/management": _versions,
        "data/consistency": _consistency,
        "backup/automation": _backups,
        "data/replication": _replication,
        "recovery/procedures": procedures,
        "business/continuity": _continuity,
    }
    drafts = {}
    for kind, data in defaults.items():
        if kind == "system":
            continue
        changed = special[kind](named, data) if kind in special else Draft({})
        drafts[kind] = Draft({**data, **changed.data}, changed.notes)
    return drafts


def _detection(named: Named, data: Mapping[str, Any]) -> Draft:
    return Draft(
        {
            "slow_after": Offer("800ms"),
            "probes": Offer([{"http": "/orders?limit=1"}]),
            "synthetic": Offer({"per_second": 5, "requests": [{"path": "/orders?limit=1"}]}),
        },
        {
            ("no_traffic",): [
                "`probes` suits a service that often has no visitors: its deploys do not wait for any."
            ]
        },
    )


def _versions(named: Named, data: Mapping[str, Any]) -> Draft:
    exclude = [*data.get("exclude", ()), *([".env"] if named.dotenv else ())]
    notes = [
        "Left out without being named: the folder of these documents, the stores and the vaults.",
        *(
            [f"Seen here: {', '.join(named.migrations)}. Migrations are not run by lastgood."]
            if named.migrations
            else []
        ),
    ]
    return Draft({"exclude": exclude}, {("exclude",): notes})


def _consistency(named: Named, data: Mapping[str, Any]) -> Draft:
    asked = next((name for name, kind in named.stores.items() if kind == "sqlite"), "")
    if not asked:
        return Draft({})
    example = {
        "name": "no-negative-totals",
        "store": asked,
        "query": "SELECT count(*) FROM orders WHERE total < 0",
    }
    return Draft(
        {"invariants": Offer([example])},
        {("invariants",): ["A release that breaks one is bad at once, however well it answers. An example:"]},
    )


def _backups(named: Named, data: Mapping[str, Any]) -> Draft:
    return Draft(
        {"schedule": "0 3 * * *"},
        {
            ("schedule",): [
                "This version does not start it by itself: let cron do so, with this line in `crontab -e`:",
                f"0 3 * * *  {named.program} backup --system {named.folder}",
            ]
        },
    )


def _replication(named: Named, data: Mapping[str, Any]) -> Draft:
    return Draft({"lag_limits": dict.fromkeys(named.stores, LAG)} if named.stores else {})


def _continuity(named: Named, data: Mapping[str, Any]) -> Draft:
    activities = [
        {"name": name, "tier": 1, "services": [name], "rto": RTO, "rpo": RPO} for name in named.services
    ]
    role = {"name": "incident-lead", "person": "Ada Example", "contact": "+44 20 0000 0000"}
    return Draft(
        {
            "purpose": Offer("People order things here."),
            **({"activities": activities} if activities else {}),
            "roles": Offer([role]),
        },
        {("activities",): ["These times are a beginning: promise what the business needs."]},
    )

"""The runbooks that a new system begins with. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lastgood.documents.writing import Draft

if TYPE_CHECKING:
    from lastgood.deciding.proposal import Named

Entry = dict[str, object]


def procedures(named: Named, data: Mapping[str, Any]) -> Draft:
    """For each thing that goes wrong: what to run, and how to know that it helped."""
    entries = [*_bad_release(named), *_lost_store(named), *_lost_machine(named), *_prove(named)]
    if not entries:
        return Draft({})
    return Draft(
        {"procedures": entries},
        {
            ("procedures",): [
                "A step is one of: backup STORE, restore STORE (point: ID), rollback SERVICE (data: rewind), "
                "recover VAULT, check SERVICE, command [...], ask TEXT, procedure NAME."
            ]
        },
    )


def _bad_release(named: Named) -> Iterator[Entry]:
    for service in named.services:
        yield {
            "name": _name("bad-release", service, named.services),
            "when": f"A release of {service} misbehaves, and lastgood has not gone back by itself.",
            "steps": [{"rollback": service}, {"procedure": "prove"}],
        }
        if named.stores:
            yield {
                "name": _name("release-broke-data", service, named.services),
                "when": f"A release of {service} wrote wrong data, and what was written since may be lost.",
                "steps": [
                    *({"backup": store, "title": _keep(store)} for store in named.stores),
                    {"ask": "All that was written since the deploy will be taken back. Go on?"},
                    {"rollback": service, "data": "rewind"},
                    {"procedure": "prove"},
                ],
            }


def _lost_store(named: Named) -> Iterator[Entry]:
    what = {"sqlite": "The database", "files": "The folder"}
    for store, kind in named.stores.items():
        yield {
            "name": f"lost-{store}"[:40],
            "when": f"{what.get(kind, 'The store')} {store} is gone, damaged, or was emptied by mistake.",
            "steps": [
                {"ask": f"What {store} got since the newest point (`lastgood points`) will be gone. Go on?"},
                {"restore": store, "point": "latest"},
                {"procedure": "prove"},
            ],
        }


def _lost_machine(named: Named) -> Iterator[Entry]:
    for vault in named.vaults:
        yield {
            "name": _name("lost-machine", vault, named.vaults),
            "when": "The machine is gone, and this is a new one.",
            "steps": [
                {"ask": f"Is the key of vault {vault} here, from the copy kept elsewhere?"},
                {"recover": vault},
                {"procedure": "prove"},
            ],
        }


def _prove(named: Named) -> Iterator[Entry]:
    if named.services or named.stores or named.vaults:
        yield {
            "name": "prove",
            "when": f"Someone doubts that {named.system} works.",
            "steps": [
                *({"check": service} for service in named.services),
                {"ask": "Look with your own eyes: are the newest entries there, and right?"},
            ],
        }


def _name(base: str, one: str, of: tuple[str, ...]) -> str:
    return base if len(of) == 1 else f"{base}-{one}"[:40]


def _keep(store: str) -> str:
    return f"Keep {store} as it is now, to look at later"

"""Every kind of step, in words: the one place where a step's text, undo and verification are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lastgood.domain.plan import Step
from lastgood.domain.release import Release, ReleaseState


def preflight(
    service: str = "", release_id: str = "", vaults: Sequence[str] = (), room_bytes: int = 0
) -> Step:
    return Step(
        "preflight",
        {"service": service, "release_id": release_id, "vaults": list(vaults), "room_bytes": room_bytes},
        "Check the disk, the vaults, the proxy and the release before anything is changed",
        "nothing to undo: nothing is changed",
        "each check answers",
        expected=timedelta(seconds=1.5),
    )


def release_keep(release: Release, vaults: Sequence[str]) -> Step:
    return Step(
        "release.keep",
        {"release_id": release.id, "vaults": list(vaults)},
        f"Put the artifact of {release.label} into {_and(vaults)}",
        "nothing to undo: it stays for as long as the release is kept",
        "the vault lists it",
        expected=timedelta(seconds=2),
    )


def release_fetch(release: Release, vault: str = "") -> Step:
    return Step(
        "release.fetch",
        {"release_id": release.id, "vault": vault},
        f"Have the artifact of {release.label} on this machine, from a vault if need be",
        "nothing to undo",
        "every byte is compared with what was recorded",
        limit=timedelta(hours=1),
        expected=timedelta(seconds=1),
    )


def release_mark(release: Release, state: ReleaseState | None, reason: str = "") -> Step:
    """`state` None: as the verdict of the run says."""
    does = f"Mark {release.label} as {state.value}" if state else f"Quarantine {release.label} if it is bad"
    return Step(
        "release.mark",
        {"release_id": release.id, "state": state.value if state else "", "reason": reason},
        does,
        f"lastgood release quarantine --lift {release.id}",
        "the ledger holds it",
        expected=timedelta(milliseconds=50),
    )


def store_copy(store: str, point_id: str) -> Step:
    return Step(
        "store.copy",
        {"store": store, "point_id": point_id},
        f"Copy {store} aside, consistent, beside running writers",
        "the copy is removed with the run",
        "integrity check of the copy",
        limit=timedelta(hours=2),
        expected=timedelta(seconds=1),
    )


def store_backup(store: str, point_id: str, vaults: Sequence[str], expected: timedelta) -> Step:
    return Step(
        "store.backup",
        {"store": store, "point_id": point_id, "vaults": list(vaults)},
        f"Back {store} up into {_and(vaults)}",
        "nothing to undo: it stays until its retention ends",
        "the vault lists it",
        limit=timedelta(hours=12),
        expected=expected,
    )


def point_record(point_id: str, why: str, stores: Sequence[str], held: bool) -> Step:
    return Step(
        "point.record",
        {"point_id": point_id, "why": why, "stores": list(stores), "held": held},
        f"Record recovery point {point_id}",
        "nothing to undo",
        "every store has a backup in it",
        expected=timedelta(milliseconds=50),
    )


def capsule_keep(point_id: str, label: str, vaults: Sequence[str], if_reachable: bool = False) -> Step:
    return Step(
        "capsule.keep",
        {"point_id": point_id, "label": label, "vaults": list(vaults), "if_reachable": if_reachable},
        f"Put the capsule (documents, ledger) into {_and(vaults)}",
        "nothing to undo",
        "the vault lists it",
        limit=timedelta(minutes=30),
        expected=timedelta(seconds=2),
    )


def way_back_prove(service: str, last_good: Release | None, instance_id: str, point_id: str) -> Step:
    label = last_good.label if last_good else "nothing yet"
    return Step(
        "way_back.prove",
        {
            "service": service,
            "release_id": last_good.id if last_good else "",
            "instance_id": instance_id,
            "point_id": point_id,
        },
        f"Prove the way back before traffic moves: {label} is unchanged, runs, is healthy",
        "nothing to undo",
        "artifact read in full, probes asked, backups listed",
        expected=timedelta(seconds=1.5),
    )


def target_prove(release: Release, point_id: str, stores: Sequence[str]) -> Step:
    return Step(
        "target.prove",
        {
            "service": release.service,
            "release_id": release.id,
            "point_id": point_id,
            "stores": list(stores),
        },
        f"Start {release.label} in a sandbox on the restored data and ask its probes",
        "the sandbox is removed",
        "all readiness probes pass there",
        expected=timedelta(seconds=2),
    )


def instance_start(release: Release, instance_id: str) -> Step:
    return Step(
        "instance.start",
        {"service": release.service, "release_id": release.id, "instance_id": instance_id},
        f"Start {release.label} beside what runs, without traffic",
        f"stop {instance_id}",
        "its process is there",
        expected=timedelta(milliseconds=500),
    )


def instance_ready(service: str, instance_id: str, within: timedelta) -> Step:
    return Step(
        "instance.ready",
        {"service": service, "instance_id": instance_id},
        f"Wait until {instance_id} answers its readiness probes",
        "nothing to undo",
        "all readiness probes pass at one time",
        limit=within,
        expected=timedelta(seconds=1),
    )


def instance_stop(service: str, instance_id: str, why: str, while_held: bool = False) -> Step:
    return Step(
        "instance.stop",
        {"service": service, "instance_id": instance_id, "while_held": while_held},
        f"Let requests in flight finish, then stop {why}",
        "start it again: its artifact stays",
        "nothing of it runs, its port is free",
        limit=timedelta(minutes=5),
        expected=timedelta(seconds=1),
    )


def traffic_shift(service: str, weights: Mapping[str, int], does: str) -> Step:
    return Step(
        "traffic.shift",
        {"service": service, "weights": dict(weights)},
        does,
        "shift it back",
        "the proxy's routes are read back",
        expected=timedelta(milliseconds=20),
    )


def traffic_hold(services: Sequence[str]) -> Step:
    return Step(
        "traffic.hold",
        {"services": list(services)},
        f"Hold requests to {_and(services)}: they wait, none fails",
        "let them go on",
        "no request is in flight",
        expected=timedelta(milliseconds=200),
    )


def traffic_resume(services: Sequence[str]) -> Step:
    return Step(
        "traffic.resume",
        {"services": list(services)},
        f"Let requests to {_and(services)} go on",
        "nothing to undo",
        "requests are answered",
        expected=timedelta(milliseconds=20),
    )


def traffic_close(service: str) -> Step:
    return Step(
        "traffic.close",
        {"service": service},
        f"End the proxy of {service}: its address takes no more requests",
        "lastgood up",
        "nothing of it runs, its routes are kept",
        expected=timedelta(milliseconds=500),
    )


def observe(
    service: str,
    release: Release,
    new: str,
    old: str,
    point_id: str,
    at_least: timedelta,
    at_most: timedelta,
    minimum_requests: int,
    does: str,
    must_be_good: bool = False,
    promotes: bool = False,
) -> Step:
    """`promotes`: after it the release is promoted."""
    return Step(
        "observe",
        {
            "service": service,
            "release_id": release.id,
            "new": new,
            "old": old,
            "point_id": point_id,
            "at_least": at_least.total_seconds(),
            "at_most": at_most.total_seconds(),
            "minimum_requests": minimum_requests,
            "must_be_good": must_be_good,
            "promotes": promotes,
        },
        does,
        "the prepared way back",
        "a verdict with its evidence is in the ledger",
        limit=at_most + timedelta(minutes=1),
        expected=at_least,
    )


def service_switch(release: Release, instance_id: str, rolled_back: bool = False) -> Step:
    return Step(
        "service.switch",
        {
            "service": release.service,
            "release_id": release.id,
            "instance_id": instance_id,
            "rolled_back": rolled_back,
        },
        f"Record {release.label} as what {release.service} is on",
        "lastgood rollback",
        "the ledger holds it",
        expected=timedelta(milliseconds=50),
    )


def store_fetch(store: str, point_id: str, expected: timedelta, folder: str = "", vault: str = "") -> Step:
    return Step(
        "store.fetch",
        {"store": store, "point_id": point_id, "folder": folder, "vault": vault},
        f"Restore {store} of {point_id} aside",
        "the copy aside is removed",
        "integrity check, counts as recorded",
        limit=timedelta(hours=12),
        expected=expected,
    )


def store_switch(store: str, point_id: str, loses: str = "") -> Step:
    return Step(
        "store.switch",
        {"store": store, "point_id": point_id},
        f"Make the restored {store} the live data; keep what was live",
        "put what was live back",
        "the live data is whole",
        limit=timedelta(hours=1),
        expected=timedelta(milliseconds=500),
        loses=loses,
    )


def store_put_back(store: str) -> Step:
    return Step(
        "store.put_back",
        {"store": store},
        f"Put back what was live in {store}, if it was switched",
        "nothing to undo",
        "the live data is whole",
        expected=timedelta(milliseconds=500),
    )


def invariants_check(stores: Sequence[str]) -> Step:
    return Step(
        "invariants.check",
        {"stores": list(stores)},
        f"Ask the invariants of {_and(stores)}",
        "nothing to undo",
        "each answers as expected",
        expected=timedelta(milliseconds=200),
    )


def serving_check(service: str, instance_id: str) -> Step:
    return Step(
        "serving.check",
        {"service": service, "instance_id": instance_id},
        f"Ask {service} where people reach it",
        "nothing to undo",
        "all readiness probes pass through the proxy",
        expected=timedelta(milliseconds=200),
    )


def recovery_record(vault: str, point_id: str, began_at: datetime, written_until: datetime | None) -> Step:
    """`written_until`: what was written after it is lost."""
    return Step(
        "recovery.record",
        {
            "vault": vault,
            "point_id": point_id,
            "began_at": began_at.isoformat(),
            "written_until": written_until.isoformat() if written_until else "",
        },
        "Record the recovery in the ledger",
        "nothing to undo",
        "the ledger's chain is whole",
        expected=timedelta(milliseconds=50),
    )


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)

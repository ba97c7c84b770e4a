"""Look into a vault: which capsule, which system, which points and releases. Changes nothing but `staged`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lastgood.application.ground import Ground
from lastgood.domain.capsule import (
    CAPSULE_VERSION,
    CONTENTS_FILE,
    DOCUMENTS_FOLDER,
    LEDGER_FILE,
    Capsule,
)
from lastgood.domain.codec import loads
from lastgood.domain.errors import UsageError, VaultDamaged, VaultFailed
from lastgood.domain.history import History, last_good
from lastgood.domain.point import RecoveryPoint
from lastgood.domain.release import Release, ReleaseState
from lastgood.domain.system import Part, System
from lastgood.ports.records import Records
from lastgood.ports.vault import Snapshot, Vault

KEY_FILE = "key"


@dataclass(frozen=True, slots=True)
class RecoverRequest:
    """`location` is a folder, a remote, or the name of a vault where documents stand in `folder` already.
    `kind` "" is found out. `system` chooses among several systems in one vault."""

    location: str
    key: Path
    folder: Path
    point: str = "latest"
    kind: str = ""
    system: str = ""
    part: Part | None = None  # where it is known already


@dataclass(frozen=True, slots=True)
class Contents:
    """What a vault gave: all of it read and proven. `listed` are the ids of all its snapshots."""

    part: Part
    snapshot: Snapshot
    capsules: int
    newest: bool
    capsule: Capsule
    documents: Mapping[str, bytes]
    records: Records
    ledger: Path
    history: History
    vault_name: str
    listed: frozenset[str]

    def stores_backed_up(self) -> frozenset[str]:
        backups = self.history.backups.values()
        return frozenset(backup.store for backup in backups if backup.vault == self.vault_name)


def look_into(ground: Ground, request: RecoverRequest, staged: Path) -> Contents:
    """Raises VaultUnreachable, VaultKeyWrong, VaultDamaged, VaultFailed, UsageError."""
    part = _place_of(ground, request)
    _stage_key(ground, request.key, staged / KEY_FILE)
    vault = ground.open_vault("given", part, staged / KEY_FILE, staged / "cache")
    snapshots = vault.snapshots({})
    capsules = _capsules(snapshots, request)
    newest = _read_newest(ground, vault, capsules, request.point, staged / "capsule")
    snapshot, capsule, folder = newest
    records = _prove_ledger(ground, capsule, folder / LEDGER_FILE)
    history = records.history()
    point = None if request.point == "latest" else history.point(request.point)
    documents = _documents(capsule, folder / DOCUMENTS_FOLDER)
    own = _capsule_of(capsules, point.id) if point is not None else None
    if own is not None and own.id != snapshot.id:
        aside = staged / "capsule-of-point"
        documents = _documents(_open_capsule(vault, own, aside), aside / DOCUMENTS_FOLDER)
    return Contents(
        part,
        snapshot,
        len(capsules),
        snapshot.id == capsules[-1].id,
        capsule,
        documents,
        records,
        folder / LEDGER_FILE,
        history,
        capsule.vault,
        frozenset(found.id for found in snapshots),
    )


def _place_of(ground: Ground, request: RecoverRequest) -> Part:
    """A vault's name counts where documents stand already."""
    if request.part is not None:
        return request.part
    if (request.folder / "system.yml").is_file() and not request.kind:
        system = ground.read_documents(request.folder, request.folder)
        for vault in system.vaults:
            if vault.name == request.location:
                return vault.part
    return ground.find_vault(request.location, request.kind, Path.cwd())


def _stage_key(ground: Ground, key: Path, staged: Path) -> None:
    """A private copy: a key on a stick that knows no modes can be used too."""
    try:
        content = key.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The key file {key} cannot be read ({error.strerror}).",
            "Without the vault's key nothing can be read from it; nothing was changed.",
            "Put the key (its copy on paper or in a password manager) into a file and name that.",
        ) from error
    ground.lay_file(staged, content, 0o600)


def _capsules(snapshots: Sequence[Snapshot], request: RecoverRequest) -> list[Snapshot]:
    """Oldest first, of one system."""
    found = [snapshot for snapshot in snapshots if snapshot.tags.get("kind") == "capsule"]
    systems = sorted({snapshot.tags.get("system", "") for snapshot in found})
    if request.system:
        found = [snapshot for snapshot in found if snapshot.tags.get("system") == request.system]
    elif len(systems) > 1:
        raise UsageError(
            f"The vault holds {len(systems)} systems: {', '.join(systems)}.",
            "Nothing was changed.",
            "Choose one with `--name`.",
        )
    if not found:
        raise VaultFailed(
            f"The vault at {request.location} opens, but it holds no capsule"
            + (f" of {request.system}." if request.system else "."),
            "Without one nothing says what to rebuild; nothing was changed.",
            "Name another vault of the system" + (f", or one of {', '.join(systems)}." if systems else "."),
        )
    return found


def _read_newest(
    ground: Ground, vault: Vault, capsules: Sequence[Snapshot], point: str, folder: Path
) -> tuple[Snapshot, Capsule, Path]:
    """The newest capsule knows most. Where it is damaged, the one of the point that was named will do."""
    newest = capsules[-1]
    try:
        return newest, _open_capsule(vault, newest, folder), folder
    except VaultFailed as error:
        own = _capsule_of(capsules, point)
        if own is not None and own.id != newest.id:
            aside = folder.with_name("capsule-named")
            return own, _open_capsule(vault, own, aside), aside
        others = ", ".join(capsule.tags.get("capsule", "") for capsule in reversed(capsules[:-1][-4:]))
        raise VaultDamaged(
            f"The newest capsule there, {newest.tags.get('capsule')}, cannot be read: {error.happened}",
            "Nothing was changed.",
            f"Take an older one with `--point`: {others}." if others else "Name another vault of the system.",
        ) from error


def _capsule_of(capsules: Sequence[Snapshot], point: str) -> Snapshot | None:
    """The newest capsule whose label is the point's id, or begins with it and a dot."""
    labels = [(found.tags.get("capsule", ""), found) for found in capsules]
    own = [found for label, found in labels if label == point or label.startswith(f"{point}.")]
    return own[-1] if own else None


def _open_capsule(vault: Vault, snapshot: Snapshot, folder: Path) -> Capsule:
    vault.get(snapshot.id, folder)
    file = folder / CONTENTS_FILE
    if not file.is_file():
        raise _damaged(f"it has no {CONTENTS_FILE}")
    capsule = loads(Capsule, file.read_text())
    if capsule.version != CAPSULE_VERSION:
        raise VaultFailed(
            f"The capsule has version {capsule.version}; this lastgood reads version {CAPSULE_VERSION}.",
            "Nothing was changed.",
            "Install the lastgood that wrote it, or a newer one.",
        )
    return capsule


def _prove_ledger(ground: Ground, capsule: Capsule, file: Path) -> Records:
    records = ground.open_records(file)
    records.prove()
    tip = records.tip()
    if tip != capsule.ledger:
        raise _damaged(
            f"its ledger ends with entry {tip.entries}, recorded was {capsule.ledger.entries}"
            if tip.entries != capsule.ledger.entries
            else "the last entry of its ledger is not the one that was recorded"
        )
    return records


def _documents(capsule: Capsule, folder: Path) -> Mapping[str, bytes]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    found = {str(file.relative_to(folder)): file.read_bytes() for file in files}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    if digests != dict(capsule.documents):
        raise _damaged("its documents are not those that were recorded")
    return found


def _damaged(how: str) -> VaultDamaged:
    return VaultDamaged(
        f"The capsule is not what was put into the vault: {how}.",
        "It was not used; nothing was changed.",
        "Choose an older point with `--point`, or name another vault of the system.",
    )


def vault_of(system: System, contents: Contents) -> str:
    """The name that the documents have for the vault. Raises UsageError."""
    names = [vault.name for vault in system.vaults]
    if contents.vault_name in names:
        return contents.vault_name
    raise UsageError(
        f"The capsule was put into vault {contents.vault_name}, which its documents do not have"
        f" ({', '.join(names) or 'no vault'}).",
        "Where the backups are is not known; nothing was changed.",
        "Choose a point from before the vault was renamed, with `--point`.",
    )


def points_of(system: System, contents: Contents, wanted: str) -> Mapping[str, RecoveryPoint]:
    """Store -> the newest point not after the wanted one that has a backup of it in this vault. A store that
    was never backed up there is left out. Raises UsageError, VaultDamaged for a snapshot that is gone."""
    history, vault = contents.history, contents.vault_name
    chosen = newest_points(system, history, vault, None if wanted == "latest" else history.point(wanted).at)
    for store, point in chosen.items():
        backup = next(found for found in point.backups if found.store == store and found.vault == vault)
        if backup.snapshot not in contents.listed:
            others = [older.id for older in history.points if older.at < point.at and older.backup_of(store)]
            raise VaultDamaged(
                f"The vault no longer holds the backup of {store} of {point.id} (snapshot"
                f" {backup.snapshot[:12]}).",
                "That point cannot be brought back from it; nothing was changed.",
                f"Choose an older one with `--point`: {', '.join(reversed(others[-4:]))}."
                if others
                else "Name another vault of the system.",
            )
    return chosen


def newest_points(
    system: System, history: History, vault: str, limit: datetime | None = None
) -> Mapping[str, RecoveryPoint]:
    """Store -> the newest point, not after `limit`, that has a backup of it in the vault."""
    points: dict[str, RecoveryPoint] = {}
    for point in sorted(history.points, key=lambda point: point.at):
        if limit is not None and point.at > limit:
            continue
        for backup in point.backups:
            if backup.vault == vault:
                points[backup.store] = history.with_verification(point)
    return {store.name: points[store.name] for store in system.stores if store.name in points}


def releases_of(
    system: System, contents: Contents, wanted: str
) -> tuple[Mapping[str, Release], tuple[str, ...]]:
    """Service -> the release it comes back on, and what is to be said of that: the one that it was on, or
    that of the point that was named; for one that is quarantined by now, the last good one."""
    history = contents.history
    named = {} if wanted == "latest" else dict(history.point(wanted).releases)
    chosen: dict[str, Release] = {}
    notes: list[str] = []
    for service in system.services:
        switch = history.current(service.name)
        release_id = named.get(service.name) or (switch.release_id if switch else "")
        release = history.releases.get(release_id)
        if release is not None and release.state is ReleaseState.BAD:
            good = last_good(history, service.name, without=release.id)
            notes.append(
                f"{release.label} of {service.name} is quarantined ({release.reason}); "
                + (f"{good.label} comes back instead." if good else "the service is not started.")
            )
            release = good
        if release is None:
            continue
        if history.kept.get(release.id, {}).get(contents.vault_name) not in contents.listed:
            raise VaultDamaged(
                f"The vault does not hold the artifact of {release.label} ({release.id}) of {service.name}.",
                "The service could not be started; nothing was changed.",
                "Choose another point with `--point`, or name another vault of the system.",
            )
        chosen[service.name] = release
    return chosen, tuple(notes)

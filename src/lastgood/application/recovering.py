"""Recover: documents, ledger, artifacts, stores and services back from a vault and its key alone."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lastgood.application.deploy import instance_of
from lastgood.application.ground import Ground, Lack
from lastgood.application.recovery_look import (
    Contents,
    RecoverRequest,
    look_into,
    points_of,
    releases_of,
    vault_of,
)
from lastgood.application.recovery_place import RecoveryNote, place, read_note, refuse_what_stands_here
from lastgood.application.running import carry_out, go_on
from lastgood.domain.capsule import DOCUMENTS_FOLDER, Tip
from lastgood.domain.errors import Refused
from lastgood.domain.launch import fixed_paths
from lastgood.domain.places import Move, with_moves
from lastgood.domain.plan import Plan
from lastgood.domain.point import RecoveryPoint
from lastgood.domain.release import Release
from lastgood.domain.run import Run, RunState
from lastgood.domain.system import Part, System
from lastgood.execution.workplace import Workplace
from lastgood.planning.recover import RecoverInputs, plan_recover, written_until

__all__ = ["Found", "RecoverRequest", "Recovery", "look", "recover"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a vault holds and this machine lacks, and the plan. Nothing is placed yet. `written_until`: what
    was written after it is lost."""

    system: System
    location: str
    part: Part
    vault: str
    capsule: str
    capsule_at: datetime
    capsules: int
    newest: bool
    entries: int
    tip: Tip
    documents: tuple[str, ...]
    document_digests: Mapping[str, str]
    points: Mapping[str, RecoveryPoint]
    releases: Mapping[str, Release]
    lacks: tuple[Lack, ...]
    notes: tuple[str, ...]
    plan: Plan
    run_id: str
    began_at: datetime
    written_until: datetime | None
    move: Move | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """`rto_seconds`: from the command to proven serving; `rpo_seconds`: how old the data was when it began;
    both None until the run succeeded."""

    folder: Path
    run: Run
    rto_seconds: float | None
    rpo_seconds: float | None


def recover(ground: Ground, request: RecoverRequest, agree: Callable[[Found], bool]) -> Recovery:
    """Goes on with a recovery that was interrupted in this folder; else looks, asks `agree`, places, runs.

    Raises what a vault raises, DocumentsInvalid, and Refused where something else stands in the folder, this
    machine lacks something, or nobody agreed: then nothing was placed.
    """
    begun = _begun(ground, request.folder)
    if begun is not None:
        return begun
    with looked(ground, request) as (found, contents, staged):
        agreed = agree(found)
        if found.lacks:
            raise Refused(
                f"This machine lacks {len(found.lacks)} things that the recovery needs: "
                + "; ".join(lack.what for lack in found.lacks),
                "Nothing was placed and nothing was changed.",
                " ".join(lack.mend for lack in found.lacks),
            )
        if not agreed:
            raise Refused(
                "Nobody agreed to this plan.",
                "Nothing was placed and nothing was changed.",
                "Run it in a terminal and answer, or add `--yes`.",
            )
        place(ground, request.folder, found.system, found.vault, contents, staged, _note(found), found.move)
    ground.checkpoint("placed:end")
    workplace = ground.open_workplace(found.system)
    run = carry_out(workplace, found.run_id, found.plan.subjects, lambda: found.plan)
    return _recovery(request.folder, workplace, run)


def look(ground: Ground, request: RecoverRequest) -> Found:
    """What would be done. Changes nothing."""
    with looked(ground, request) as (found, _, _):
        return found


@contextmanager
def looked(ground: Ground, request: RecoverRequest) -> Iterator[tuple[Found, Contents, Path]]:
    """What was found, with what was fetched for it in a folder beside the new one that is gone afterwards."""
    folder = request.folder.resolve()
    staged = folder.with_name(f".{folder.name}.lastgood-recovering")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        staged.mkdir(parents=True, mode=0o700)
        contents = look_into(ground, request, staged)
        yield _found(ground, request, folder, contents, staged), contents, staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _found(ground: Ground, request: RecoverRequest, folder: Path, contents: Contents, staged: Path) -> Found:
    documents = staged / DOCUMENTS_FOLDER
    documents.mkdir()
    for name, content in contents.documents.items():
        (documents / name).parent.mkdir(parents=True, exist_ok=True)
        (documents / name).write_bytes(content)
    documented = ground.read_documents(documents, folder)
    vault = vault_of(documented, contents)
    move = Move(documented.vault(vault).part, contents.part)
    system = with_moves(documented, {vault: move})
    refuse_what_stands_here(ground, folder, system, contents)
    points = points_of(system, contents, request.point)
    releases, notes = releases_of(system, contents, request.point)
    now = ground.clock.now()
    note = _note_without_run(system.state)
    began_at = note.began_at if note else now
    run_id = note.run_id if note else f"recover-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    plan = plan_recover(
        RecoverInputs(
            system,
            vault,
            points,
            releases,
            {service: instance_of(release, run_id) for service, release in releases.items()},
            began_at,
        )
    )
    return Found(
        system=system,
        location=request.location,
        part=contents.part,
        vault=vault,
        capsule=contents.snapshot.tags.get("capsule", ""),
        capsule_at=contents.snapshot.taken_at,
        capsules=contents.capsules,
        newest=contents.newest,
        entries=contents.capsule.ledger.entries,
        tip=contents.capsule.ledger,
        documents=tuple(contents.documents),
        document_digests={
            name: hashlib.sha256(content).hexdigest() for name, content in contents.documents.items()
        },
        points=points,
        releases=releases,
        lacks=ground.lacks(system, releases, _bytes_needed(points, releases)),
        notes=(
            *notes,
            *_notes(system, vault, move, releases, contents),
            *(
                f"Data of {store} is on this machine already: it is kept in {system.state / 'replaced'}."
                for store in points
                if ground.present(system, store)
            ),
        ),
        plan=plan,
        run_id=run_id,
        began_at=began_at,
        written_until=written_until(points),
        move=None if move.documented == move.actual else move,
    )


def _note_without_run(state: Path) -> RecoveryNote | None:
    """That of a recovery that was killed between placing and its run: it is the same one that goes on."""
    note = read_note(state)
    return note if note is not None and not (state / "runs" / note.run_id).exists() else None


def _bytes_needed(points: Mapping[str, RecoveryPoint], releases: Mapping[str, Release]) -> int:
    """Each store stands twice for a while, aside and live; each artifact on the shelf and in its instance."""
    backups = (point.backup_of(store) for store, point in points.items())
    stores = sum(backup.size_bytes for backup in backups if backup is not None)
    return 2 * stores + 2 * sum(release.size_bytes for release in releases.values())


def _notes(
    system: System, vault: str, move: Move, releases: Mapping[str, Release], contents: Contents
) -> Iterator[str]:
    if move.documented != move.actual:
        yield (
            f"system.yml has vault {vault} at {move.documented.options.get('location')}; it is used from"
            f" {move.actual.options.get('location')}. {system.state / 'places.json'} says so, for as long as"
            " system.yml is not changed there."
        )
    for other in system.vaults:
        if other.name != vault and not other.key_file.exists():
            yield (
                f"The key of vault {other.name} is not here: put it into {other.key_file} (chmod 600), or it"
                " gets no backups."
            )
    for service, release in releases.items():
        for where, path in fixed_paths(release.launch):
            if not Path(path).exists():
                yield (
                    f"{release.label} of {service} names {path} ({where}), which is not on this machine"
                    + (
                        f" (the system stood in {contents.capsule.folder})."
                        if contents.capsule.folder
                        else "."
                    )
                )
    never = [store.name for store in system.stores if store.name not in contents.stores_backed_up()]
    if never:
        yield f"No backup of {', '.join(never)} is in this vault: it comes back empty."


def _note(found: Found) -> RecoveryNote:
    return RecoveryNote(found.run_id, found.began_at, found.vault, found.location, found.capsule)


def _begun(ground: Ground, folder: Path) -> Recovery | None:
    """The recovery that was begun here and has a run: brought to its end. Raises Refused after a success."""
    if not (folder / "system.yml").is_file():
        return None
    system = ground.read_documents(folder, folder)
    note = read_note(system.state)
    if note is None:
        return None
    workplace = ground.open_workplace(ground.with_places(system))
    run = next((run for run in workplace.runs.list() if run.id == note.run_id), None)
    if run is None:
        return None
    if run.state is RunState.SUCCEEDED:
        raise Refused(
            f"The system in {folder} was recovered already, by run {run.id}.",
            "Nothing was changed.",
            "Start what should run with `lastgood up`; bring data back with `lastgood restore`.",
        )
    if run.state in (RunState.INTERRUPTED, RunState.RUNNING):
        return _recovery(folder, workplace, go_on(workplace, run.id))
    return None


def _recovery(folder: Path, workplace: Workplace, run: Run) -> Recovery:
    recorded = next((step for step in run.steps if step.kind == "recovery.record"), None)
    if run.state is not RunState.SUCCEEDED or recorded is None:
        return Recovery(folder, run, None, None)
    figures = recorded.result.figures
    return Recovery(folder, run, figures.get("rto_seconds"), figures.get("rpo_seconds"))

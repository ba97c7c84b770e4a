"""Releases: record one from a source, and say what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lastgood.deciding.reckoning import FALSE_ALARM
from lastgood.deciding.retention import removable_from_shelf
from lastgood.domain.errors import Refused
from lastgood.domain.event import PersonDecided, ReleaseJudged, ReleasePinned, ReleaseRecorded
from lastgood.domain.release import Release, ReleaseState, environment_digest, release_id
from lastgood.domain.signal import Outcome
from lastgood.domain.system import Service
from lastgood.execution.workplace import Workplace


@dataclass(frozen=True, slots=True)
class NewRelease:
    service: str | None = None
    source: str | None = None  # else the service's own
    label: str | None = None  # else the source's


def record_release(workplace: Workplace, request: NewRelease) -> Release:
    """Stage the source, build it, take it onto the shelf and record it. The same content gives the same
    release. What is excluded: version-management.yml's list, the system's own folder and its stores."""
    service = workplace.system.service(request.service)
    source = workplace.open_source(request.source or service.source, workplace.system.folder)
    with workplace.scratch(f"release-of-{service.name}") as room:
        staged = room / "tree"
        staged.mkdir()
        source.fetch(staged, (*workplace.system.versions.exclude, *_own_paths(workplace)))
        workplace.checkpoint("release:staged")
        if service.build:
            workplace.run_command(service.build, staged)
        digest, size = workplace.shelf.keep(staged)
    environment = environment_digest(service.launch)
    found = Release(
        id=release_id(service.name, digest, environment),
        service=service.name,
        label=request.label or source.label,
        artifact_digest=digest,
        environment_digest=environment,
        size_bytes=size,
        launch=service.launch,
        source=request.source or service.source,
        recorded_at=workplace.clock.now(),
    )
    known = workplace.records.history().releases.get(found.id)
    if known is not None and known.label == found.label:
        return known
    workplace.records.record(ReleaseRecorded(found), f"release/{found.id}/{found.label}")
    return workplace.records.history().releases[found.id]


def _own_paths(workplace: Workplace) -> tuple[str, ...]:
    """A source that holds the documents or the live data must not carry them into releases."""
    system = workplace.system
    paths = [system.folder, system.state]
    for store in system.stores:
        path = store.part.options.get("path")
        if isinstance(path, str):
            # what SQLite writes beside a database belongs to it
            paths += [system.folder / f"{path}{beside}" for beside in ("", "-wal", "-shm", "-journal")]
    for vault in system.vaults:
        location = vault.part.options.get("location")
        if isinstance(location, str):
            paths.append(system.folder / location)
    return tuple(str(path) for path in paths)


def pin_release(workplace: Workplace, name: str, pinned: bool) -> Release:
    release = workplace.records.history().release(name)
    now = workplace.clock.now()
    workplace.records.record(ReleasePinned(release.id, pinned), f"pin/{release.id}/{now.isoformat()}")
    return replace(release, pinned=pinned)


def call_false_alarm(workplace: Workplace, name: str, who: str, note: str) -> Release:
    """A person says that the release was failed and was not bad: counted (once a deploy), and its quarantine
    is lifted. Raises Refused for a release that no verdict failed."""
    history = workplace.records.history()
    release = history.release(name)
    runs = [
        given.run_id
        for _, given in history.verdicts
        if given.release_id == release.id and given.verdict.outcome is Outcome.FAILED
    ]
    if not runs:
        raise Refused(
            f"No verdict ever failed {release.label} ({release.id}).",
            "There is no alarm to be called false; nothing was changed.",
            f"To lift a quarantine by hand: `lastgood release quarantine --lift {release.id}`.",
        )
    event = PersonDecided(runs[-1], FALSE_ALARM, who, note)
    workplace.records.record(event, f"{runs[-1]}/false-alarm/{release.id}")
    if release.state is not ReleaseState.BAD:
        return release
    return quarantine_release(workplace, name, lift=True, reason=f"A false alarm, said {who}. {note}".strip())


def quarantine_release(workplace: Workplace, name: str, lift: bool, reason: str) -> Release:
    """Raises Refused for the release that serves now: going back is `lastgood rollback`."""
    history = workplace.records.history()
    release = history.release(name)
    current = history.current(release.service)
    if not lift and current is not None and current.release_id == release.id:
        raise Refused(
            f"{release.label} ({release.id}) serves now.",
            "Quarantining it would not take it out of service; nothing was changed.",
            "Run `lastgood rollback`: it goes back and quarantines it.",
        )
    state = ReleaseState.CANDIDATE if lift else ReleaseState.BAD
    why = reason or ("Lifted by a person." if lift else "Quarantined by a person.")
    now = workplace.clock.now()
    workplace.records.record(ReleaseJudged(release.id, state, why), f"judge/{release.id}/{now.isoformat()}")
    return workplace.records.history().releases[release.id]


def trim_shelf(workplace: Workplace, service: Service) -> tuple[Release, ...]:
    """Take old trees off this machine; each stays in its vault."""
    history = workplace.records.history()
    running = {instance.release_id for instance in workplace.runtime(service.name).instances()}
    removable = removable_from_shelf(history, service.name, workplace.system.versions.keep_releases, running)
    for release in removable:
        workplace.shelf.discard(release.artifact_digest)
    return removable

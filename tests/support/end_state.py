"""What a system has come to, as a value that two systems can be compared by.

Times, ids and places differ from system to system and are left out; names of releases, states, counts and
content are in it. Nothing is taken from what a command said: it is looked at in the world and the records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.support.small_services import listens
from tests.support.tiny_system import TinySystem, processes_of

from lastgood.adapters.clock import SystemClock
from lastgood.adapters.traffic.haproxy.configuration import read_standing
from lastgood.domain.codec import from_json
from lastgood.domain.event import DataReplaced, ReleaseJudged, ServiceSwitched, VerdictGiven
from lastgood.domain.history import History
from lastgood.domain.release import ReleaseState
from lastgood.execution.workplace import Workplace
from lastgood.records.ledger import SqliteLedger

SCRAPS = ("aside/*", "staged/*", "scratch/*", "runs/.*", "releases/.*", "instances/web/.*")
RUN_SCRAPS = ("copy-*", "artifact-*", "capsule", "proof", "*.aside", ".*")


@dataclass(frozen=True)
class EndState:
    answers: str  # the release that answers people; nobody where there is no route or no proxy
    is_on: str
    goes_back_to: tuple[str, ...]
    states: dict[str, ReleaseState]  # quarantine
    running: list[str]  # the release of each instance that is known, and that it runs
    processes: dict[str, int]  # by what they are; an orphan makes one more
    routes: list[tuple[str, int]]
    held: bool
    rows: list[tuple[str, int]]
    notes: list[str]
    events: dict[str, int]  # of the ledger, by type
    told: list[tuple[str, ...]]  # the events that say what became of services, releases and data, in order
    points: list[tuple[str, ...]]  # the backups of each
    in_vault: dict[str, int]  # snapshots, by kind
    replaced: list[str]  # what is kept of replaced data
    shelf: int
    scraps: list[str]  # what should have been tidied away
    runs: list[tuple[str, str, str]]  # kind, state, way back
    steps: list[tuple[str, str, str]]  # of the last run: path, kind, end


def end_state(system: TinySystem) -> EndState:
    workplace = system.workplace()
    history = workplace.records.history()
    workplace.records.prove()
    runs = list(reversed(workplace.runs.list()))
    standing = read_standing((system.state / "traffic" / "web" / "haproxy.cfg").read_text())
    labels = {
        instance.instance_id: history.releases[instance.release_id].label
        for instance in workplace.runtime("web").instances()
    }
    switch = history.current("web")
    return EndState(
        answers=system.answer() if standing.routes and listens(system.port) else "nobody",
        is_on=history.releases[switch.release_id].label if switch else "",
        goes_back_to=tuple(
            history.releases[switch.release_id].label for switch in history.switches.get("web", ())
        ),
        states={release.label: release.state for release in history.releases.values()},
        running=_running(workplace, labels),
        processes=dict(Counter(_what(words) for _, words in processes_of(system.folder))),
        routes=[(labels.get(route.instance_id, "unknown"), route.weight) for route in standing.routes],
        held=standing.held,
        rows=system.rows(),
        notes=sorted(file.name for file in (system.folder / "notes").iterdir()),
        events=_events(system),
        told=_told(system, history),
        points=[tuple(sorted(backup.store for backup in point.backups)) for point in history.points],
        in_vault=dict(Counter(snapshot.tags["kind"] for snapshot in workplace.vault("local").snapshots({}))),
        replaced=sorted(_without_id(file, system.state) for file in system.state.glob("replaced/*/*")),
        shelf=len(list((system.state / "releases").glob("*/tree"))),
        scraps=sorted(_scraps(system.state)),
        runs=[(run.plan.kind, run.state.value, run.way_back) for run in runs],
        steps=[
            (record.path, record.kind, record.result.end.value) for run in runs[-1:] for record in run.steps
        ],
    )


def differences(found: EndState, expected: EndState) -> dict[str, tuple[object, object]]:
    """Field -> (found, expected), of those that are not equal."""
    pairs = {name: (getattr(found, name), getattr(expected, name)) for name in EndState.__dataclass_fields__}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _running(workplace: Workplace, labels: dict[str, str]) -> list[str]:
    found = []
    for instance in workplace.runtime("web").instances():
        assert instance.running == listens(instance.port), f"port {instance.port} of {instance}"
        found.append(f"{labels[instance.instance_id]} {'runs' if instance.running else 'does not run'}")
    return sorted(found)


def _what(words: str) -> str:
    for part in ("haproxy", "shim.py", "service.py"):
        if part in words:
            return part
    return words


def _entries(system: TinySystem) -> list[dict[str, object]]:
    ledger = SqliteLedger(system.state / "ledger.db", SystemClock())
    return [{"kind": entry.kind, "body": entry.body} for entry in ledger.entries()]


def _events(system: TinySystem) -> dict[str, int]:
    return dict(Counter(str(entry["kind"]) for entry in _entries(system)))


def _told(system: TinySystem, history: History) -> list[tuple[str, ...]]:
    types = {kind.__name__: kind for kind in (ServiceSwitched, ReleaseJudged, DataReplaced, VerdictGiven)}
    found: list[tuple[str, ...]] = []
    for entry in _entries(system):
        kind = types.get(str(entry["kind"]))
        if kind is None:
            continue
        match from_json(kind, json.loads(json.dumps(entry["body"]))):
            case ServiceSwitched(_, release_id, _, rolled_back):
                found.append(("switched", history.releases[release_id].label, str(rolled_back)))
            case ReleaseJudged(release_id, state, _):
                found.append(("judged", history.releases[release_id].label, state.value))
            case DataReplaced(_, store, _, kept_as, lost):
                found.append(("replaced", store, Path(kept_as).name, json.dumps(dict(lost))))
            case VerdictGiven(_, _, release_id, verdict):
                found.append(("verdict", history.releases[release_id].label, verdict.outcome.value))
    return found


def _without_id(file: Path, state: Path) -> str:
    run, name = file.relative_to(state / "replaced").parts
    content = sorted(child.name for child in file.iterdir()) if file.is_dir() else []
    return f"{run.partition('-')[0]}/{name} {' '.join(content)}".strip()


def _scraps(state: Path) -> list[str]:
    found = [path for pattern in SCRAPS for path in state.glob(pattern)]
    found += [path for pattern in RUN_SCRAPS for path in state.glob(f"runs/*/{pattern}")]
    return [str(path.relative_to(state)) for path in found]

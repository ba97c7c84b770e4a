"""Watch: one release that is looked at, with the signals it is looked at by and what was seen so far."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from lastgood.deciding.questions import Arm
from lastgood.deciding.watched import Phase, Watched, begin, next_phase
from lastgood.domain.codec import dumps, loads
from lastgood.domain.policy import Detection
from lastgood.execution.handler import Job
from lastgood.execution.stake import at_stake, copy_of_point
from lastgood.ports.runtime import Instance
from lastgood.ports.signal import SignalSource


@dataclass(frozen=True, slots=True)
class Note:
    """What stands of a watch, so that it goes on where it was interrupted. `watched` by service; times in
    seconds of watching. `asked`: "", failed, promote; `asked_after`: words that were said before."""

    watched: Mapping[str, Watched]
    seconds: float = 0.0
    paused_seconds: float = 0.0
    asked: str = ""
    asked_at: float = 0.0
    asked_after: int = 0
    remarks: tuple[str, ...] = ()

    def seen(self, service: str, watched: Watched) -> Note:
        return replace(self, watched={**self.watched, service: watched})

    @property
    def elapsed(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    @property
    def counted(self) -> timedelta:
        """What a deadline counts: not while a person has paused the run."""
        return timedelta(seconds=self.seconds - self.paused_seconds)


@dataclass(frozen=True, slots=True)
class Watch:
    """`job` has the arguments of this release alone. `key` is for what is recorded of it in this step."""

    job: Job
    phase: Phase
    key: str
    sources: tuple[SignalSource, ...] = ()
    too_few: threading.Event = field(default_factory=threading.Event)  # real requests come

    @property
    def service(self) -> str:
        return self.job.text("service")

    @property
    def release_id(self) -> str:
        return self.job.text("release_id")


def watches_of(job: Job) -> tuple[Watch, ...]:
    """Of a step that watches one release, or several that are released together. Nothing is opened yet."""
    several = job.step.arguments.get("watches")
    if not isinstance(several, Sequence):
        return (Watch(job, _phase(job), job.key),)
    alone = [replace(job, step=replace(job.step, arguments=one)) for one in several]
    return tuple(Watch(one, _phase(one), f"{job.key}/{one.text('service')}") for one in alone)


def _phase(job: Job) -> Phase:
    return Phase(
        job.text("new"),
        job.text("old"),
        timedelta(seconds=job.number("at_least")),
        timedelta(seconds=job.number("at_most")),
        int(job.number("minimum_requests")),
        job.flag("must_be_good"),
    )


def opened(watch: Watch) -> Watch:
    job = watch.job
    workplace = job.workplace
    service = workplace.system.service(watch.service)
    traffic = workplace.traffic_of(service.name)
    instance = workplace.runtime(service.name).find(watch.phase.new)
    beside = _beside(watch)
    sources = (
        *((traffic.outcomes(),) if traffic is not None else ()),
        *(workplace.watch_instance(service, instance, beside) if instance is not None else ()),
        *(workplace.send_written(instance, beside, watch.too_few.is_set) if instance is not None else ()),
        workplace.watch_invariants(workplace.system.consistency.invariants, watch.phase.new),
    )
    for source in sources:
        source.open()
    warm = beside.instance_id if beside is not None else ""
    return replace(watch, sources=sources, phase=replace(watch.phase, warm=warm))


def _beside(watch: Watch) -> Instance | None:
    """The last good instance, which runs through the bake time too, when it gets no traffic any more."""
    workplace, old = watch.job.workplace, watch.phase.old
    if not old:
        current = workplace.records.history().current(watch.service)
        old = current.instance_id if current is not None else ""
    if old in ("", watch.phase.new):
        return None
    instance = workplace.runtime(watch.service).find(old)
    return instance if instance is not None and instance.running else None


def begun(job: Job, watches: Sequence[Watch], detection: Detection) -> Note:
    """As it was interrupted; else what the phase before saw of the same instances; else anew, with what the
    ledger knows of the old ones."""
    note = note_file(job)
    if note.exists():
        return loads(Note, note.read_text())
    notes = {int(file.stem.rpartition("-")[2]): file for file in job.folder.glob("observe-*.json")}
    earlier = [index for index in notes if index < int(job.path)]
    if earlier:
        before = loads(Note, notes[max(earlier)].read_text()).watched
        return Note({service: next_phase(watched) for service, watched in before.items()})
    return Note({watch.service: begin(detection, _known_of_the_old_one(watch)) for watch in watches})


def _known_of_the_old_one(watch: Watch) -> Arm | None:
    """The requests that the release which the service is on answered while it was watched itself."""
    history = watch.job.workplace.records.history()
    current = history.current(watch.service)
    for _, given in reversed(history.verdicts):
        known = current is not None and given.release_id == current.release_id
        if known and given.run_id != watch.job.run_id:
            figures = given.verdict.figures
            return Arm(*(int(figures.get(name, 0)) for name in ("requests", "errors", "slow")))
    return None


def write_note(job: Job, note: Note) -> None:
    file = note_file(job)
    aside = file.with_suffix(".aside")
    aside.write_text(dumps(note))
    aside.replace(file)


def note_file(job: Job) -> Path:
    return job.folder / f"observe-{job.path}.json"


def rows_at_stake(watch: Watch) -> int:
    """What a rewind to this deploy's point would take back."""
    job = watch.job
    if not job.text("point_id"):
        return 0
    point = job.workplace.records.history().point(job.text("point_id"))
    return sum(
        at_stake(job.workplace, backup, copy_of_point(job.folder, point.id, backup.store)).total
        for backup in {backup.store: backup for backup in point.backups}.values()
    )

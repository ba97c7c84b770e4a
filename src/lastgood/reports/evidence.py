"""What was measured, as blocks: drills, backups, releases and gates, each with its date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lastgood.domain.gate import GateState
from lastgood.domain.history import History
from lastgood.domain.point import Backup
from lastgood.reports import commands
from lastgood.reports.facts import Facts, last_drill, standing
from lastgood.reports.page import Block, Evidence, Items, Paragraph, Table, table, unknown
from lastgood.reports.words import code, moment, names, seconds, size, span, typed

LAST_RUNS = 8
_DRILLS = {"rollback": "going back to the last good release", "recovery": "coming back from a vault"}


def as_of(facts: Facts) -> Evidence:
    return Evidence((Paragraph(f"Figures as of {moment(facts.evidence_as_of)}."),))


def rehearsals(facts: Facts) -> Iterator[Block]:
    """How far each promise is proven: the standing is compared, the figures are not."""
    every = span(facts.system.continuity.drill_every)
    yield table(
        ("what", "how far it is proven"),
        [(what, f"**{standing(facts, kind).value}**") for kind, what in _DRILLS.items()],
    )
    if "drill" in facts.commands:
        told = " or ".join(code(typed(commands.drill(kind))) for kind in _DRILLS)
        yield Paragraph(f"A rehearsal counts for {every} (`drill_every`). Rehearse: {told}.")
    yield Evidence(tuple(_drill_figures(facts)))


def _drill_figures(facts: Facts) -> Iterator[Block]:
    for kind in _DRILLS:
        last = last_drill(facts.history, kind)
        if last is None:
            yield Paragraph(f"No {kind} drill was ever run: nothing of it is measured.")
            continue
        at, drill = last
        lost = "no data age measured" if drill.rpo_seconds is None else f"RPO {seconds(drill.rpo_seconds)}"
        yield Paragraph(
            f"Last {kind} drill, {moment(at)}: {'passed' if drill.passed else 'FAILED'}; measured RTO "
            f"{seconds(drill.rto_seconds)}, {lost}."
        )
        yield Items(
            tuple(
                f"{'passed' if check.passed else 'FAILED'}: {check.name}. {check.says}"
                for check in drill.checks
            )
        )


def promises(facts: Facts) -> Iterator[Block]:
    """Promised and realised, apart."""
    activities = facts.system.continuity.activities
    if not activities:
        yield unknown("what was promised", "`activities` of business-continuity.yml supplies RTO and RPO.")
        return
    yield table(
        ("activity", "tier", "needs", "RTO promised", "RPO promised", "longest tolerable"),
        [
            (
                activity.name,
                str(activity.tier),
                names(activity.services),
                span(activity.objective.rto),
                span(activity.objective.rpo),
                span(activity.maximum_tolerable_downtime),
            )
            for activity in sorted(activities, key=lambda one: (one.tier, one.name))
        ],
    )
    yield Evidence((_realised(facts),))


def _realised(facts: Facts) -> Block:
    last = last_drill(facts.history, "recovery")
    if last is None:
        return Paragraph("Realised: nothing was measured yet; these are promises only.")
    at, drill = last
    lost = drill.rpo_seconds
    return table(
        ("activity", "RTO realised", "", "RPO realised", "", "measured"),
        [
            (
                activity.name,
                seconds(drill.rto_seconds),
                _held(drill.passed, drill.rto_seconds, activity.objective.rto),
                "not measured" if lost is None else seconds(lost),
                "" if lost is None else _held(drill.passed, lost, activity.objective.rpo),
                f"{moment(at)}, {'passed' if drill.passed else 'FAILED'}",
            )
            for activity in sorted(facts.system.continuity.activities, key=lambda one: (one.tier, one.name))
        ],
    )


def _held(passed: bool, realised: float, promised: timedelta) -> str:
    """A drill that failed held nothing, however fast it was."""
    return "held" if passed and realised <= promised.total_seconds() else "MISSED"


def backups(facts: Facts) -> Evidence:
    rows = [
        (
            store.name,
            vault.name,
            *_backup_cells(newest_backup(facts.history, store.name, vault.name)),
            _proven(facts.history, store.name, vault.name),
        )
        for store in facts.system.stores
        for vault in facts.system.vaults
    ]
    heads = ("store", "vault", "newest backup", "took", "size", "last proven by a restore")
    return Evidence((table(heads, rows) if rows else Paragraph("No store is backed up."),))


def newest_backup(history: History, store: str, vault: str) -> Backup | None:
    found = [one for one in history.backups.values() if one.store == store and one.vault == vault]
    return max(found, key=lambda one: (one.taken_at, one.id), default=None)


def _backup_cells(backup: Backup | None) -> tuple[str, str, str]:
    if backup is None:
        return "**none**", "", ""
    return moment(backup.marker.at), seconds(backup.seconds), size(backup.size_bytes)


def _proven(history: History, store: str, vault: str) -> str:
    found = [
        one.verified_at
        for one in history.backups.values()
        if one.store == store and one.vault == vault and one.verified_at is not None
    ]
    return moment(max(found)) if found else "**never: unverified**"


def releases_and_verdicts(facts: Facts) -> Evidence:
    history = facts.history
    finished = [
        (at, run)
        for at, run in history.finished
        if run.run_id.partition("-")[0] in ("deploy", "rollback", "restore", "recover")
    ]
    rows = [
        (moment(at), run.run_id, f"**{run.state.value}**", seconds(run.seconds), run.says)
        for at, run in reversed(finished[-LAST_RUNS:])
    ]
    if not rows:
        return Evidence((Paragraph("Nothing was deployed, rolled back or restored yet."),))
    return Evidence((table(("when", "run", "end", "took", "what it said"), rows),))


def known_releases(facts: Facts) -> Table:
    history = facts.history
    serving = {switches[-1].release_id for switches in history.switches.values() if switches}
    return table(
        ("release", "label", "state", "kept in"),
        [
            (
                code(release.id),
                release.label,
                release.state.value + (", serving" if release.id in serving else ""),
                names(sorted(history.kept.get(release.id, {}))),
            )
            for release in history.releases.values()
        ],
    )


def gates(facts: Facts) -> Evidence:
    marks = {
        GateState.PASSED: "passed",
        GateState.MISSED: "MISSED",
        GateState.INSUFFICIENT: "insufficient data",
    }
    blocks: list[Block] = []
    for gate in facts.gates:
        blocks.append(Paragraph(f"**{gate.name.capitalize()}: {marks[gate.state]}**"))
        blocks.append(Items((*gate.evidence, *(f"To do: {mend}" for mend in gate.mend))))
    return Evidence(tuple(blocks))

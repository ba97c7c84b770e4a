"""Rollback_Automation_Guide.md: how a release is watched, and what happens by itself when it is bad."""

from __future__ import annotations

from collections.abc import Iterator

from lastgood.domain.policy import DataPolicy, QuietWindow
from lastgood.domain.signal import Probe
from lastgood.reports import commands, evidence
from lastgood.reports.facts import Facts, Kind
from lastgood.reports.page import Block, Heading, Items, Page, Paragraph, table
from lastgood.reports.plans import procedure
from lastgood.reports.words import code, span, typed

_DETECTION = "rollback-detection.yml"
_TRIGGERS = "automatic-rollback-triggers.yml"
_CONSISTENCY = "data-consistency.yml"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def automation_guide(facts: Facts) -> Page:
    return Page(
        f"Rollback automation: {facts.system.name}",
        (
            Paragraph(
                "What lastgood does by itself when a release is bad, with the settings in force. Each table "
                "names the document to change; a change holds from the next deploy on."
            ),
            *_watched(facts),
            *_canary(facts),
            *_decides(facts),
            *_data(facts),
            *_deploys(facts),
            *_afterwards(),
            Heading(2, "What it did so far"),
            evidence.releases_and_verdicts(facts),
            Heading(2, "How far it is proven"),
            *evidence.rehearsals(facts),
        ),
    )


def _watched(facts: Facts) -> Iterator[Block]:
    detection = facts.system.detection
    yield Heading(2, "What is watched")
    slow = (
        f"slower than {span(detection.slow_after)} counts as slow (`slow_after`)"
        if detection.slow_after
        else "slowness is not watched: set `slow_after`"
    )
    yield table(
        ("signal", "bad when", "document"),
        [
            (
                "requests through the proxy",
                f"a larger share fails or is slow than beside it on the old release; {slow}",
                _DETECTION,
            ),
            (
                "probes: " + (_probes(facts) or "none"),
                f"one fails {detection.probe_failures} times in a row (`probe_failures`)",
                f"system.yml, {_DETECTION}",
            ),
            (
                "the process",
                f"it ends by itself more than {detection.crashes_tolerated} times (`crashes_tolerated`)",
                _DETECTION,
            ),
            (
                "invariants: " + (_invariants(facts) or "none"),
                "one breaks that held before the release",
                _CONSISTENCY,
            ),
            *_signals(facts),
            *_written(facts),
        ],
    )
    yield Paragraph(
        f"A healthy release is rolled back with a probability of at most {detection.false_alarm:g} a deploy "
        f"(`false_alarm`). Fewer than {detection.minimum_requests} requests say nothing "
        "(`minimum_requests`): the answer is then *insufficient data*, never *healthy*."
    )


def _signals(facts: Facts) -> Iterator[tuple[str, str, str]]:
    names = ", ".join(code(one.name) for one in facts.system.detection.signals)
    if names:
        yield f"signals: {names}", "worse than beside the release, or than before it", _DETECTION


def _written(facts: Facts) -> Iterator[tuple[str, str, str]]:
    synthetic = facts.system.detection.synthetic
    if synthetic is None:
        return
    asked = ", ".join(code(f"{one.method} {one.path}") for one in synthetic.requests)
    sent = f"{synthetic.per_second:g} a second, while real requests are too few"
    yield (
        f"written requests: {asked} ({sent})",
        "it answers them worse than the old release beside it",
        f"{_DETECTION}, `synthetic`",
    )


def _probes(facts: Facts) -> str:
    asked: list[Probe] = [probe for service in facts.system.services for probe in service.readiness]
    return ", ".join(code(probe.name) for probe in (*asked, *facts.system.detection.probes))


def _invariants(facts: Facts) -> str:
    return ", ".join(code(one.name) for one in facts.system.consistency.invariants)


def _canary(facts: Facts) -> Iterator[Block]:
    detection = facts.system.detection
    yield Heading(2, "How traffic moves")
    yield table(
        ("share", "at least", "at most", "after so many requests of its own"),
        [
            *(
                (
                    f"{step.percent} %",
                    span(step.at_least),
                    span(step.at_most),
                    str(step.minimum_requests),
                )
                for step in detection.canary
            ),
            ("100 % (bake)", span(detection.bake), "", ""),
        ],
    )
    yield Paragraph(
        f"From {_DETECTION}. Through the bake the last good release stays warm beside it. The first release "
        "of a service has nothing beside it: its probes decide."
    )


_ON_FAILED = {
    "rollback": "the way back runs by itself; exit code 3",
    "pause": "everything stays as it is, and a person decides",
    "notify": "**nothing: a dry run.** It goes on; what would have been done is said and recorded",
}


def _decides(facts: Facts) -> Iterator[Block]:
    triggers = facts.system.triggers
    asked = f"everything stays, and a person is asked; after {span(triggers.ask_for)} the way back runs"
    undecided = (
        "the release is promoted" if triggers.on_undecided == "promote" else "the release leaves; exit code 6"
    )
    if triggers.on_failed == "notify" and triggers.on_undecided != "promote":
        undecided = "it goes on (dry run)"
    yield Heading(2, "What is decided")
    yield table(
        ("verdict", "then", "setting"),
        [
            (
                "healthy",
                f"the next share; after the bake {_promotion(facts)}",
                f"`approval_to_promote: {str(triggers.approval_to_promote).lower()}`",
            ),
            ("failed", _ON_FAILED.get(triggers.on_failed, asked), f"`on_failed: {triggers.on_failed}`"),
            ("insufficient data", undecided, f"`on_undecided: {triggers.on_undecided}`"),
            (
                f"failed, after {triggers.rollbacks_per_day} rollbacks in 24 hours",
                "everything stays as it is, and a person decides",
                f"`rollbacks_per_day: {triggers.rollbacks_per_day}`",
            ),
        ],
    )
    quarantine = (
        "A bad release is quarantined: deploying it again is refused until a person lifts it, "
        f"{code(typed(commands.lift()))}."
        if triggers.quarantine
        else "A bad release is not quarantined (`quarantine: false`)."
    )
    yield Paragraph(f"From {_TRIGGERS}. {quarantine}")
    yield from _begins(facts)


def _promotion(facts: Facts) -> str:
    triggers = facts.system.triggers
    if not triggers.approval_to_promote:
        return "it is promoted"
    return f"it waits for a person; without one within {span(triggers.approve_within)} it leaves"


def _begins(facts: Facts) -> Iterator[Block]:
    triggers = facts.system.triggers
    yield Heading(2, "When a deploy begins")
    rules = []
    if triggers.cool_down:
        rules.append(f"not within {span(triggers.cool_down)} after a rollback of the service (`cool_down`)")
    if triggers.flapping_times:
        times, within = triggers.flapping_times, span(triggers.flapping_within)
        rules.append(f"not after {times} rollbacks within {within} (`flapping`): a person looks first")
    if triggers.quiet_hours:
        windows = ", ".join(map(_window, triggers.quiet_hours))
        rules.append(f"not in the quiet hours, {triggers.time_zone} time: {windows} (`quiet_hours`)")
    if rules:
        yield Items(tuple(rules))
        yield Paragraph("A person may begin all the same, which is recorded. Going back is never held up.")
    else:
        yield Paragraph(f"At any time: {_TRIGGERS} sets no cool-down, flapping guard or quiet hours.")


def _window(window: QuietWindow) -> str:
    days = "" if len(window.days) == len(_DAYS) else " ".join(_DAYS[day] for day in window.days) + " "
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (window.start, window.end))
    return f"{days}{start} to {end}"


def _data(facts: Facts) -> Iterator[Block]:
    consistency = facts.system.consistency
    wanted = (consistency.on_rollback, consistency.on_broken_invariant)
    yield Heading(2, "What happens to the data")
    yield table(
        ("when", "the data", "setting"),
        [
            (when, _policy(policy), f"`{setting}: {policy.value}`")
            for when, policy, setting in (
                ("a release is rolled back", consistency.on_rollback, "on_rollback"),
                ("it broke an invariant", consistency.on_broken_invariant, "on_broken_invariant"),
            )
        ],
    )
    if DataPolicy.REWIND not in wanted:
        guard = "By itself lastgood takes no data back here; a person may (`rollback --data rewind`)."
    elif facts.system.triggers.approval_for_rewind:
        guard = (
            "A rewind still needs a person here (`approval_for_rewind: true`): by itself the data is kept."
        )
    else:
        guard = (
            f"By itself at most {consistency.rewind_at_most_rows:,} changes are taken back "
            "(`rewind_at_most_rows`); more are kept, and a person decides."
        )
    yield Paragraph(f"From {_CONSISTENCY} and {_TRIGGERS}. {guard}")


def _policy(policy: DataPolicy) -> str:
    return "stays as it is" if policy is DataPolicy.KEEP else "goes back to the point before the release"


def _deploys(facts: Facts) -> Iterator[Block]:
    deploys = facts.plans(Kind.DEPLOY)
    for one in deploys:
        title = "A deploy, step by step" + (f": {one.of}" if len(deploys) > 1 else "")
        yield from procedure(
            title, "SOURCE is a folder, a tarball or a git revision; NEXT is the release made from it.", one
        )


def _afterwards() -> Iterator[Block]:
    yield Heading(2, "After a rollback")
    yield Items(
        (
            f"What happened, and why: {code(typed(commands.runs()))}, then "
            f"{code(typed(commands.show_run()))}.",
            f"Which releases there are, and their states: {code(typed(commands.releases()))}.",
            "Mend the release and deploy it: what is mended is another release, and is not quarantined.",
        ),
        numbered=True,
    )

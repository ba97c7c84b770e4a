"""The five documents: made of the plans that would run, and stale when they mislead."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from tests.support.commands import commands_in, known, parse
from tests.support.documents import OTHERS
from tests.support.recorded import RecordedShop, later

from lastgood.application.reporting import gather
from lastgood.interfaces.cli.main import COMMANDS
from lastgood.reports.documents import DOCUMENTS, render, stale
from lastgood.reports.facts import Kind
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
RUNBOOK = "Rollback_Recovery_Procedures.md"
PLANS = "Recovery_Procedures.json"
PLAN_OF_DISASTER = "Disaster_Recovery_Implementation.md"
CONFIGURATION = "Backup_Configuration.json"
GUIDE = "Rollback_Automation_Guide.md"
ROLES = """\
kind: business/continuity
version: 1
roles:
  - {name: lead, person: Ada, contact: "+44 20 0000 0000"}
"""


@pytest.fixture
def shop(tmp_path: Path) -> RecordedShop:
    return RecordedShop(tmp_path)


def test_the_same_facts_give_the_same_bytes(shop: RecordedShop) -> None:
    """Twice rendered, and gathered twice: no clock, no order of a set shows."""
    shop.two_releases()
    assert render(shop.facts()) == render(shop.facts())
    assert stale(render(shop.facts()), shop.facts()) == ()


def test_a_new_system_has_documents_that_say_what_is_missing(shop: RecordedShop) -> None:
    """Nothing was deployed and hardly anything written: no page fails, none pretends."""
    texts = render(shop.facts())
    assert set(texts) == set(DOCUMENTS)
    assert "**Not possible now.** shop was never deployed. Run `lastgood deploy`." in texts[RUNBOOK]
    assert "**Nothing is known yet about whom to call.**" in texts[RUNBOOK]
    assert "**never rehearsed**" in texts[PLAN_OF_DISASTER]


def test_an_empty_system_has_documents(tmp_path: Path) -> None:
    """No service, no store, no vault."""
    (tmp_path / "system.yml").write_text("kind: system\nversion: 1\nname: nothing\n")
    texts = render(gather(open_workplace(load_system(tmp_path)), frozenset(COMMANDS)))
    assert "`vaults` of system.yml supplies it." in texts[PLAN_OF_DISASTER]
    assert "**Not possible now.** This system has no vault." in texts[RUNBOOK]


def test_the_runbook_names_exactly_the_steps_of_the_plans(shop: RecordedShop) -> None:
    """Each numbered line of a procedure is a step of its plan, in its order, and none is missing."""
    shop.two_releases()
    facts = shop.facts()
    text = render(facts)[RUNBOOK]
    for title, kind in (
        ("Go back to the last good release", Kind.ROLLBACK_KEEP),
        ("Go back, and rewind the data", Kind.ROLLBACK_REWIND),
        ("Restore data", Kind.RESTORE),
        ("Start everything", Kind.START),
        ("Make a recovery point now", Kind.BACKUP),
    ):
        (prepared,) = facts.plans(kind)
        assert prepared.plan is not None, prepared.refused
        section = text.split(f"## {title}\n")[1].split("\n## ")[0]
        rows = re.findall(r"^\| \d+ \| (.*?) \| (.*?) \|$", section, re.M)
        assert rows == [(step.does, step.verified_by) for step in prepared.plan.steps]
        back = [step.does for way in prepared.plan.ways_back.values() for step in way.steps]
        assert re.findall(r"^\d+\. (.*)$", section, re.M) == back


def test_every_command_in_the_documents_can_be_typed(
    shop: RecordedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """click takes each of them; what this version does not have is named as a thing to do only."""
    for name in ("recovery-procedures.yml", "business-continuity.yml"):
        shop.write(name, OTHERS[name].replace("[worker]", "[]"))
    shop.two_releases()
    facts = shop.facts()
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()  # the reader's copy of a key, which must be there
    found = [command for text in render(facts).values() for command in commands_in(text)]
    assert len(found) > 30
    for command in found:
        if known(command):
            parse(command)
        else:
            assert command[1] == "drill", command
    for prepared in facts.prepared:
        if known(prepared.command):
            parse(prepared.command)


def test_json_documents_are_what_their_schemas_say(shop: RecordedShop) -> None:
    """The schemas are those of the reference, which readers of the JSON rely on."""
    for name in ("recovery-procedures.yml", "business-continuity.yml", "data-replication.yml"):
        shop.write(name, OTHERS[name].replace("[worker]", "[]"))
    for step in (lambda: None, shop.two_releases, lambda: shop.drill("recovery")):
        step()
        texts = render(shop.facts())
        for name in (PLANS, CONFIGURATION):
            schema = json.loads((REFERENCE / name.replace(".json", ".schema.json")).read_text())
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(json.loads(texts[name]), schema, jsonschema.Draft202012Validator)


def test_a_new_backup_makes_nothing_stale(shop: RecordedShop) -> None:
    """Figures of evidence change every night; the procedures do not."""
    shop.two_releases()
    written = render(shop.facts())
    shop.backup("after", verified=True)
    assert render(shop.facts()) != written
    assert stale(written, shop.facts()) == ()


def test_a_new_release_makes_the_way_back_stale(shop: RecordedShop) -> None:
    """The page would name the wrong release to go back to."""
    shop.two_releases()
    written = render(shop.facts())
    shop.release("v3")
    found = stale(written, shop.facts())
    assert {one.file for one in found} >= {RUNBOOK, PLANS}
    (way_back,) = [one for one in found if one.where == "Go back to the last good release"]
    assert "v1" in way_back.why
    assert "v2" in way_back.why


def test_a_changed_document_names_the_section(shop: RecordedShop) -> None:
    """A person joined: the pages that list people say so, the others stay."""
    written = render(shop.facts())
    shop.write("business-continuity.yml", ROLES)
    found = stale(written, shop.facts())
    assert ("Whom to call", RUNBOOK) in {(one.where, one.file) for one in found}
    assert GUIDE not in {one.file for one in found}


def test_a_changed_setting_makes_the_guide_stale(shop: RecordedShop) -> None:
    """What happens by itself is what the triggers say today."""
    written = render(shop.facts())
    shop.write(
        "automatic-rollback-triggers.yml", "kind: automatic/rollback/triggers\nversion: 1\non_failed: pause\n"
    )
    assert ("What is decided", GUIDE) in {(one.where, one.file) for one in stale(written, shop.facts())}


def test_the_guide_says_what_needs_a_person_and_when_deploys_begin(shop: RecordedShop) -> None:
    """A dry run must not read like a promise, in the plan for disasters either."""
    shop.write(
        "automatic-rollback-triggers.yml",
        "kind: automatic/rollback/triggers\nversion: 1\non_failed: notify\napproval_to_promote: true\n"
        "cool_down: 30m\nflapping: {times: 3}\nquiet_hours: ['fri 16:00-24:00', '22:00-06:00']\n"
        "time_zone: Europe/Berlin\n",
    )
    shop.write(
        "rollback-detection.yml",
        "kind: rollback/detection\nversion: 1\nsynthetic: {requests: [{path: /orders}]}\n",
    )
    written = render(shop.facts())
    for said in (
        "**nothing: a dry run.**",
        "it waits for a person; without one within 24 h it leaves",
        "not within 30 min after a rollback",
        "not after 3 rollbacks within 1 h",
        "Europe/Berlin time: Fri 16:00 to 24:00, 22:00 to 06:00",
        "written requests: `GET /orders` (5 a second, while real requests are too few)",
    ):
        assert said in written[GUIDE], said
    assert "**not undone by itself**" in written["Disaster_Recovery_Implementation.md"]


def test_a_drill_counts_by_its_standing(shop: RecordedShop) -> None:
    """A first, failed or overdue one changes what a reader may rely on; another passed one does not."""
    written = render(shop.facts())
    shop.drill("rollback")
    assert stale(written, shop.facts())
    written = render(shop.facts())
    assert "rehearsed, passed" in written[RUNBOOK]
    shop.drill("rollback", rto=9.0)
    assert stale(written, shop.facts()) == ()
    assert any("too long ago" in one.why for one in stale(written, later(shop.facts(), 31)))
    shop.drill("rollback", passed=False)
    assert any("rehearsed, failed" in one.why for one in stale(written, shop.facts()))


def test_evidence_has_an_age(shop: RecordedShop) -> None:
    """Figures may lie behind by drill_every; then the page is stale, and writing it anew mends it."""
    shop.two_releases()
    written = render(shop.facts())
    for days, expected in ((29, False), (31, True)):
        data = json.loads(written[PLANS])
        at = datetime.fromisoformat(data["evidence"]["as_of"]) - timedelta(days=days)
        data["evidence"]["as_of"] = at.isoformat()
        found = stale({**written, PLANS: json.dumps(data)}, shop.facts())
        assert [one.where for one in found] == (["evidence"] if expected else [])
    assert stale(render(shop.facts()), shop.facts()) == ()


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"evidence": {"as_of": "soon"}}'])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_missing_or_damaged_is_stale(shop: RecordedShop, name: str, text: str | None) -> None:
    """Whatever stands there, the answer is a sentence and no error."""
    written = {**render(shop.facts()), name: text}
    assert {one.file for one in stale(written, shop.facts())} == {name}


def test_what_a_person_added_is_stale(shop: RecordedShop) -> None:
    """A step that the software would not execute does not stay on the page."""
    written = render(shop.facts())
    written[RUNBOOK] = written[RUNBOOK].replace(
        "## Start everything", "Restart the router.\n\n## Start everything"
    )
    (found,) = stale(written, shop.facts())
    assert "Restart the router." in found.why


def test_measured_and_promised_stand_apart(shop: RecordedShop) -> None:
    """A promise is a promise until a drill measured it; then both are there, and whether it was held."""
    shop.write("business-continuity.yml", OTHERS["business-continuity.yml"].replace("[worker]", "[]"))
    before = render(shop.facts())[PLAN_OF_DISASTER]
    assert "Realised: nothing was measured yet; these are promises only." in before
    shop.drill("recovery", rto=1000)
    row = next(
        line for line in render(shop.facts())[PLAN_OF_DISASTER].splitlines() if "| orders | 16 min" in line
    )
    assert "MISSED" in row
    assert "held" in row


def test_a_password_in_an_address_stays_out(shop: RecordedShop) -> None:
    """Pages are kept and sent where the documents are not."""
    system = (shop.documents / "system.yml").read_text()
    shop.write("system.yml", system.replace("../vault", "rest:https://shop:hunter2@vault.example/x"))
    texts = render(shop.facts())
    assert "vault.example" in texts[CONFIGURATION]
    assert not any("hunter2" in text for text in texts.values())


def test_several_services_are_named_in_the_commands(shop: RecordedShop) -> None:
    """With two services each procedure says whose it is."""
    system = (shop.documents / "system.yml").read_text()
    worker = "  - name: worker\n    source: ../v1\n    command: [python3, worker.py]\n"
    shop.write("system.yml", system.replace("stores:\n  - {", f"{worker}stores:\n  - {{", 1))
    shop.two_releases()
    text = render(shop.facts())[RUNBOOK]
    assert "lastgood rollback --service shop" in text
    assert (
        "errors, slowness or crashes since a release (worker) | **not possible now:** worker was never"
        in text
    )

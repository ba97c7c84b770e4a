"""When a deploy may begin: quiet hours, cool-down and flapping hold it back, and never a way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stories import done
from tests.support.tiny_system import TRIGGERS, Ended, TinySystem

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinySystem]:
    """Given a service on v1."""
    with TinySystem(tmp_path) as system:
        done(system.command("deploy", system.release("v1")))
        yield system


def triggers(system: TinySystem, *lines: str) -> None:
    system.write("automatic-rollback-triggers.yml", TRIGGERS + "".join(f"{line}\n" for line in lines))


def refused(ended: Ended, why: str) -> None:
    assert ended.code == 5, ended.said
    assert why in ended.said
    assert "lastgood deploy --now" in ended.said


def test_quiet_hours_hold_a_deploy_and_no_way_back(tiny: TinySystem) -> None:
    """Given it is always quiet, then a deploy is refused, `--now` is recorded, and a rollback runs."""
    triggers(tiny, "quiet_hours: ['00:00-24:00']", "time_zone: Europe/Berlin")
    source = tiny.release("v2")
    refused(tiny.command("deploy", source), "These are quiet hours")
    done(tiny.command("deploy", source, "--now"))
    decided = [one for _, one in tiny.workplace().records.history().decisions]
    assert [(one.what, "quiet hours" in one.note) for one in decided] == [("now", True)]
    assert tiny.answer() == "v2"
    done(tiny.command("rollback"))
    assert tiny.answer() == "v1"


def test_a_service_cools_down_after_its_rollback(tiny: TinySystem) -> None:
    """Even the mended release waits, unless a person says now."""
    triggers(tiny, "cool_down: 1h")
    assert tiny.command("deploy", tiny.release("bad")).code == 3
    tiny.change("delete from starts where wrong")
    refused(tiny.command("deploy", tiny.release("v2")), "cools down until")
    done(tiny.command("deploy", tiny.release("v2"), "--now"))


def test_a_flapping_service_needs_a_person(tiny: TinySystem) -> None:
    """Given two rollbacks within an hour are flapping, the third release does not begin by itself."""
    triggers(tiny, "flapping: {times: 2, within: 1h}")
    for name in ("bad-one", "bad-two"):
        assert tiny.command("deploy", tiny.release(name)).code == 3
        tiny.change("delete from starts where wrong")
    refused(tiny.command("deploy", tiny.release("v2")), "it flaps")
    done(tiny.command("deploy", tiny.release("v2"), "--now"))

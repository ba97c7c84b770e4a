"""A candidate that nobody asks anything: written requests decide, beside the old release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stories import done
from tests.support.tiny_system import TinySystem

pytestmark = pytest.mark.timeout(90)

DETECTION = """\
kind: rollback/detection
version: 1
canary: [{percent: 50, at_least: 200ms, at_most: 40s, minimum_requests: 30}]
bake: 500ms
good_below: 0.2
minimum_requests: 5
synthetic:
  per_second: 50
  requests:
    - {path: /work}
    - {method: POST, path: /orders, body: '{"item": "tea"}', writes: true, statuses: [200, 501]}
"""
BREAKS = "self.send_response(500 if self.path == '/work' else 200)"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinySystem]:
    """Given a service on v1 without any traffic, and real requests or written ones must decide."""
    with TinySystem(tmp_path) as system:
        system.write("rollback-detection.yml", DETECTION)
        done(system.command("deploy", system.release("v1")))
        yield system


def test_a_good_release_is_promoted_by_written_requests_alone(tiny: TinySystem) -> None:
    """They are told as what they are, and the proxy never saw them."""
    ended = tiny.command("deploy", tiny.release("v2"))
    done(ended)
    assert "0 requests, 0 errors: too few to say more" in ended.said
    assert "written requests to it, 0 errors" in ended.said
    verdicts = tiny.workplace().records.history().verdicts
    assert {given.verdict.figures["requests"] for _, given in verdicts} == {0}
    assert tiny.answer() == "v2"


def test_a_release_that_fails_them_is_rolled_back(tiny: TinySystem) -> None:
    """Its probes pass and nobody else asks it anything."""
    service = Path(tiny.release("v2")) / "service.py"
    service.write_text(service.read_text().replace("self.send_response(200)", BREAKS))
    ended = tiny.command("deploy", tiny.release("v2"))
    assert ended.code == 3, ended.said
    assert "synthetic: " in ended.said
    assert "0.0 % beside it" in ended.said
    assert tiny.answer() == "v1"

"""Replay: the answer a recorded rollout would have got, at the tick it would have got it."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastgood.domain.errors import UsageError
from lastgood.evidence.replay import detect, promote, trace
from lastgood.evidence.watches import watch


def requests(
    new: float, old: float, ticks: int, nc: int = 100, nb: int = 900, seed: int = 1, good_ticks: int = 0
) -> list[list[int]]:
    chance = random.Random(seed)

    def errors(count: int, rate: float) -> int:
        return sum(chance.random() < rate for _ in range(count))

    return [
        [nc, errors(nc, new if tick >= good_ticks else old), nb, errors(nb, old)] for tick in range(ticks)
    ]


def stream(ticks: object, **fields: object) -> dict[str, Any]:
    return {"kind": "errors", "alpha": 1e-3, "horizon": 300, "ticks": ticks, **fields}


BAD = stream(requests(0.05, 0.01, 60))
EQUAL = stream(requests(0.01, 0.01, 300))
LATENCIES = random.Random(3)
SLOW = {
    "kind": "latency",
    "alpha": 1e-3,
    "horizon": 300,
    "history": [LATENCIES.lognormvariate(0, 0.5) for _ in range(5000)],
    "ticks": [[[2 * LATENCIES.lognormvariate(0, 0.5) for _ in range(20)], []] for _ in range(40)],
}
MEMORY = random.Random(4)
LEAKS = {
    "kind": "gauge",
    "alpha": 0.01,
    "period": 288,
    "history": [100 + MEMORY.gauss(0, 1) for _ in range(3000)],
    "ticks": [100 + 10 * tick + MEMORY.gauss(0, 1) for tick in range(40)],
}
GOOD = {"kind": "promote", "alpha": 0.05, "horizon": 300, "r1": 2, "ticks": requests(0.01, 0.01, 200)}


def test_a_bad_release_is_found_soon_and_an_equal_one_never() -> None:
    at = detect(BAD)
    assert at is not None
    assert at < 20
    assert detect(EQUAL) is None


def test_a_release_that_turns_bad_late_is_found() -> None:
    at = detect(stream(requests(0.05, 0.01, 300, 100, 100, good_ticks=180), unit="request"))
    assert at is not None
    assert 180 <= at <= 200


def test_a_probe_is_one_arm_with_a_known_rate() -> None:
    failing = [[1, 0, 0, 0]] * 10 + [[1, 1, 0, 0]] * 20
    at = detect({"kind": "probe", "alpha": 1e-3, "horizon": 100, "p0": 0.01, "ticks": failing})
    assert at is not None
    assert 11 <= at <= 16


def test_slow_releases_and_leaks_are_found_by_their_own_kinds() -> None:
    assert detect(SLOW) is not None
    assert detect(LEAKS) is not None


def test_a_good_release_is_promoted_and_a_bad_one_is_not() -> None:
    assert promote(GOOD) is not None
    assert promote({**GOOD, "ticks": BAD["ticks"]}) is None


def test_no_baseline_at_all_is_no_evidence() -> None:
    assert detect(stream([[100, 50, 0, 0]] * 50)) is None


@pytest.mark.parametrize("recorded", [BAD, SLOW, LEAKS, GOOD], ids=["errors", "latency", "gauge", "promote"])
def test_the_answer_at_a_tick_depends_on_nothing_later(recorded: dict[str, Any]) -> None:
    ask = promote if recorded["kind"] == "promote" else detect
    at = ask(recorded)
    assert at is not None
    assert ask({**recorded, "ticks": recorded["ticks"][: at + 1]}) == at
    assert ask({**recorded, "ticks": recorded["ticks"][:at]}) is None
    assert ask({**recorded, "ticks": [*recorded["ticks"][: at + 1], "rubbish"]}) == at


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(*[st.integers(0, 30)] * 4), max_size=15),
    st.integers(0, 15),
    st.sampled_from(["tick", "request"]),
)
def test_a_longer_recording_begins_with_the_curve_of_a_shorter_one(
    ticks: list[tuple[int, ...]], length: int, unit: str
) -> None:
    whole = trace(stream(ticks, unit=unit, p0=0.05))
    part = trace(stream(ticks[:length], unit=unit, p0=0.05))
    assert whole.logs[: len(part.logs)] == part.logs


def test_the_trace_tells_what_was_served_and_what_the_fastest_test_needs() -> None:
    found = trace(BAD)
    assert found.at == detect(BAD)
    assert found.at is not None
    assert found.served == 100 * (found.at + 1)
    assert found.limit is not None
    assert 100 < found.limit < found.served
    assert found.logs[found.at] >= found.needed
    assert len(found.logs) == 60
    assert trace(EQUAL).limit is None or trace(EQUAL).limit > 10_000


def test_the_file_is_json() -> None:
    assert detect(json.loads(json.dumps(BAD))) == detect(BAD)


@pytest.mark.parametrize(
    "garbage",
    [
        [math.nan, 0, 100, 1],
        [math.inf, 50, 900, 1],
        [-100, 50, 900, 1],
        [100, 101, 900, 1],
        [100, -1, 900, 1],
        [100, 1, 5, 9],
        [10**400, 1, 5, 4],
    ],
)
def test_impossible_counts_are_no_observation(garbage: list[float]) -> None:
    assert detect(stream([garbage] * 100)) is None
    assert trace(stream([garbage] * 100)).ignored == 100
    at, shifted = detect(BAD), detect(stream([garbage, *BAD["ticks"]]))
    assert at is not None
    assert shifted is not None
    assert abs(shifted - at - 1) <= 1  # a tick of the horizon is gone


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("kind", "error"),
        ("kind", None),
        ("alpha", "0.1"),
        ("alpha", 0),
        ("alpha", math.nan),
        ("alpha", True),
        ("horizon", None),
        ("horizon", 2.5),
        ("horizon", math.inf),
        ("horizon", 0),
        ("ticks", None),
        ("ticks", "[]"),
        ("ticks", {"0": []}),
        ("p0", -0.1),
        ("p0", "low"),
        ("history", [1]),
        ("history", [0, 0]),
        ("r0", 0),
        ("d", 2),
        ("unit", "second"),
        ("cluster", 0),
    ],
)
def test_a_malformed_stream_is_refused_by_the_name_of_its_field(field: str, wrong: object) -> None:
    with pytest.raises(UsageError, match=f"^{field} is "):
        detect({**BAD, field: wrong})


@pytest.mark.parametrize("tick", [None, 5, "1,2,3,4", [1, 2, 3], [1, 2, 3, 4, 5], [1, 0, "1", 0], {"nc": 1}])
def test_a_malformed_tick_is_refused_by_its_place(tick: object) -> None:
    with pytest.raises(UsageError, match=r"^ticks\[1\] is "):
        detect(stream([[10, 0, 10, 0], tick]))


@pytest.mark.parametrize(
    ("kind", "ticks", "place"),
    [
        ("latency", [[[0.1], [0.1], [0.1]]], "ticks"),
        ("latency", [[[0.1], ["slow"]]], "ticks"),
        ("gauge", ["high"], "ticks"),
    ],
)
def test_other_kinds_name_their_place_too(kind: str, ticks: object, place: str) -> None:
    base = SLOW if kind == "latency" else LEAKS
    with pytest.raises(UsageError, match=rf"^{place}\[0\]"):
        detect({**base, "ticks": ticks})


def test_gaps_and_garbage_among_samples_are_no_observation() -> None:
    assert detect({**SLOW, "ticks": [[[None, math.nan, -1.0], []]] * 50}) is None
    assert detect({**LEAKS, "ticks": [None, math.nan, math.inf] * 20}) is None


def test_a_history_too_short_for_its_alpha_says_so() -> None:
    found = trace({**LEAKS, "alpha": 1e-6})
    assert found.at is None
    assert "windows of history" in found.missing


def test_what_asks_for_promotion_is_not_asked_for_rollback() -> None:
    with pytest.raises(UsageError, match="promote"):
        detect(GOOD)
    with pytest.raises(UsageError, match="latency"):
        promote(SLOW)


def test_a_watch_is_stepped_by_hand_as_replay_steps_it() -> None:
    watching = watch(BAD)
    answers = [watching.step(tick) for tick in BAD["ticks"]]
    assert answers.index(True) == detect(BAD)
    assert all(answers[answers.index(True) :])

"""The vocabulary survives its way into JSON and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastgood.domain.codec import dumps, from_json, loads, to_json
from lastgood.domain.errors import ActionFailed
from lastgood.domain.plan import Plan, Step
from lastgood.domain.point import Backup, Marker, RecoveryPoint
from lastgood.domain.release import Launch, Release
from lastgood.domain.run import Run, StepEnd, StepRecord, StepResult
from lastgood.domain.system import System
from lastgood.domain.watching import Measure, MemoryGrowth, NumberCommand, StoreQuery, WatchedSignal

texts = st.text(max_size=12)
times = st.datetimes(timezones=st.just(UTC))
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_500))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)


def tuples(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=3).map(tuple)


steps = st.builds(Step, kind=texts, arguments=json_objects, does=texts, limit=spans, expected=spans)
flat_plans = st.builds(
    Plan,
    kind=texts,
    title=texts,
    subjects=tuples(texts),
    steps=tuples(steps),
    ways_back=st.just({}),
    downtime=spans,
    loses=tuples(texts),
)
plans = st.builds(
    Plan,
    kind=texts,
    title=texts,
    subjects=tuples(texts),
    steps=tuples(steps),
    ways_back=st.dictionaries(texts, flat_plans, max_size=2),
)
results = st.builds(
    StepResult,
    end=st.sampled_from(StepEnd),
    started_at=times,
    finished_at=times,
    figures=st.dictionaries(texts, st.floats(allow_nan=False), max_size=3),
    facts=json_objects,
)
runs = st.builds(
    Run,
    created_at=times,
    finished_at=st.none() | times,
    plan=plans,
    steps=tuples(st.builds(StepRecord, path=texts, kind=texts, does=texts, result=results)),
)
string_maps = st.dictionaries(texts, texts, max_size=3)
launches = st.builds(
    Launch, command=tuples(texts), environment=string_maps, secrets=string_maps, shared=string_maps
)
releases = st.builds(Release, launch=launches, recorded_at=times)
markers = st.builds(Marker, store=texts, at=times, figures=st.dictionaries(texts, st.integers(), max_size=3))
backups = st.builds(
    Backup,
    marker=markers,
    taken_at=times,
    verified_at=st.none() | times,
    seconds=st.floats(allow_nan=False),
)
points = st.builds(
    RecoveryPoint, at=times, releases=string_maps, backups=tuples(backups), capsules=string_maps, skew=spans
)


@settings(max_examples=60, deadline=None)
@given(plans)
def test_a_plan_with_its_ways_back_comes_back_equal(plan: Plan) -> None:
    assert loads(Plan, dumps(plan)) == plan


@settings(max_examples=40, deadline=None)
@given(runs)
def test_a_run_comes_back_equal(run: Run) -> None:
    assert loads(Run, dumps(run)) == run


@settings(max_examples=60, deadline=None)
@given(releases)
def test_a_release_comes_back_equal(release: Release) -> None:
    assert loads(Release, dumps(release)) == release


@settings(max_examples=60, deadline=None)
@given(points)
def test_a_recovery_point_comes_back_equal(point: RecoveryPoint) -> None:
    assert loads(RecoveryPoint, dumps(point)) == point


def test_a_whole_system_comes_back_equal() -> None:
    system = System("shop", Path("/etc/shop"), Path("/var/shop"), (), (), ())
    assert loads(System, dumps(system)) == system


def test_equal_values_give_the_same_text_whatever_the_order_of_their_keys() -> None:
    assert dumps({"b": 1, "a": (1, 2)}) == dumps({"a": [1, 2], "b": 1}) == '{"a":[1,2],"b":1}'


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    at = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert to_json(at) == "2026-01-01T00:00:00+00:00"


def test_a_file_name_that_is_no_unicode_survives() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert loads(Path, dumps(Path(name))) == Path(name)


def test_infinite_figures_are_valid_json_and_come_back() -> None:
    assert dumps(math.inf) == '"inf"'
    assert from_json(float, "inf") == math.inf


@dataclass(frozen=True, slots=True)
class Grown:
    """A record that got fields since it was first written."""

    name: str
    added: Mapping[str, int] = field(default_factory=dict)


def test_an_old_record_reads_with_the_defaults_of_newer_fields() -> None:
    assert loads(Grown, '{"name":"a"}') == Grown("a")


def test_a_field_from_a_newer_version_is_an_error_and_not_dropped() -> None:
    with pytest.raises(ActionFailed, match="unknown field 'colour'"):
        loads(Grown, '{"name":"a","colour":"red"}')


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "no JSON"),
        ("[]", "instead of an object"),
        ("{}", "lacks the field 'name'"),
        ('{"name":7}', "`name` holds 7"),
        ('{"name":"a","added":{"x":true}}', "`added['x']` holds True"),
    ],
)
def test_a_damaged_record_is_refused_naming_the_field(text: str, named: str) -> None:
    with pytest.raises(ActionFailed) as caught:
        loads(Grown, text)
    assert named in caught.value.happened
    assert caught.value.means
    assert caught.value.mend


def test_values_outside_the_vocabulary_are_refused_when_written() -> None:
    with pytest.raises(TypeError):
        dumps({"socket": object()})
    with pytest.raises(TypeError):
        dumps(datetime(2026, 1, 1))  # noqa: DTZ001


@dataclass(frozen=True)
class One:
    at: int


@dataclass(frozen=True)
class Other:
    at: int


@dataclass(frozen=True)
class Twins:
    one: One | Other


def test_a_union_of_dataclasses_is_told_by_its_fields() -> None:
    """As signals of the documents are; what fits none of them is told, and look-alikes are no vocabulary."""
    for seen in (StoreQuery("orders", "select 1"), MemoryGrowth(), NumberCommand(("count",))):
        signal = WatchedSignal("one", Measure.GAUGE, seen)
        assert loads(WatchedSignal, dumps(signal)) == signal
    with pytest.raises(ActionFailed, match="instead of one of: PrometheusQuery"):
        loads(WatchedSignal, dumps(signal).replace("command", "commands"))

    with pytest.raises(TypeError, match="not part of the vocabulary"):
        loads(Twins, '{"one":{"at":1}}')

"""The plan of a deploy: of one service, and of several that are released together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lastgood.domain.plan import Plan
from lastgood.domain.policy import CanaryStep, Detection
from lastgood.domain.release import Launch, Release
from lastgood.domain.system import Part, Service, Traffic
from lastgood.planning.backup import PointInputs
from lastgood.planning.deploy import DeployInputs, Running, plan_deploy

POINT = PointInputs("point-1", "before", ("rows",), frozenset(), ("local",))
CANARY = (
    CanaryStep(10, timedelta(seconds=1), timedelta(seconds=9), 5),
    CanaryStep(50, timedelta(seconds=1), timedelta(seconds=9), 5),
)


def release(service: str, label: str) -> Release:
    return Release(
        f"{service}-{label}",
        service,
        label,
        "",
        "",
        1,
        Launch(("run",)),
        "",
        datetime(2026, 1, 1, tzinfo=UTC),
    )


def part(name: str, traffic: bool = True, first: bool = False) -> DeployInputs:
    shared = Traffic(Part("haproxy"), "127.0.0.1", 80) if traffic else None
    service = Service(
        name, Part("process"), Launch(("run",)), "", (), timedelta(seconds=9), timedelta(seconds=9), shared
    )
    current = None if first else Running(release(name, "v1"), f"{name}-old")
    return DeployInputs(service, release(name, "v2"), f"{name}-new", current, Detection(canary=CANARY), POINT)


def told(plan: Plan) -> list[tuple[str, str]]:
    """Kind and service of each step."""
    return [
        (step.kind, str(step.arguments.get("service", ""))) for step in plan.steps if "store" not in step.kind
    ]


def of(plan: Plan, kind: str) -> list[str]:
    return [service for found, service in told(plan) if found == kind]


def test_together_each_share_is_given_to_all_and_watched_in_one_step() -> None:
    plan = plan_deploy(part("db"), part("web"))
    kinds = [kind for kind, _ in told(plan)]
    stage = ["traffic.shift", "traffic.shift", "observe"]
    begin = kinds.index("traffic.shift")
    assert kinds[begin : begin + 9] == stage * 3
    watched = [step for step in plan.steps if step.kind == "observe"]
    for step in watched:
        watches = step.arguments["watches"]
        assert isinstance(watches, list)
        assert [watch["service"] for watch in watches] == ["db", "web"]
    assert watched[0].does == "Watch v2 of db at 10 % and watch v2 of web at 10 %"
    assert plan.title == "Deploy v2 of db and v2 of web together"
    assert plan.subjects == ("service:db", "service:web", "store:rows")


def test_together_all_start_before_any_gets_traffic_and_one_point_is_made() -> None:
    plan = plan_deploy(part("db"), part("web"))
    assert of(plan, "instance.start") == of(plan, "instance.ready") == ["db", "web"]
    assert len(of(plan, "point.record")) == 1
    kinds = [kind for kind, _ in told(plan)]
    assert max(i for i, kind in enumerate(kinds) if kind == "instance.ready") < kinds.index("traffic.shift")
    assert plan.commits_at == max(i for i, step in enumerate(plan.steps) if step.kind == "observe") + 1


def test_together_the_way_back_goes_in_reverse_and_ends_the_harm_first() -> None:
    plan = plan_deploy(part("db"), part("web"))
    back = plan.ways_back["keep"]
    assert told(back)[:4] == [
        ("traffic.shift", "web"),
        ("traffic.shift", "db"),
        ("instance.stop", "web"),
        ("instance.stop", "db"),
    ]
    assert of(back, "service.switch") == ["web", "db"]
    assert len(of(back, "capsule.keep")) == 1
    assert set(plan.ways_back) == {"keep", "rewind"}
    held = next(step for step in plan.ways_back["rewind"].steps if step.kind == "traffic.hold")
    assert held.arguments["services"] == ["db", "web"]


def test_one_without_a_proxy_is_watched_in_the_bake_only() -> None:
    """It works from its start on and cannot be shared; the others' shares are watched without it."""
    plan = plan_deploy(part("worker", traffic=False), part("web"))
    first, _, bake = [step for step in plan.steps if step.kind == "observe"]
    assert first.arguments["service"] == "web"
    watches = bake.arguments["watches"]
    assert isinstance(watches, list)
    assert [watch["service"] for watch in watches] == ["worker", "web"]


def test_with_a_first_release_among_them_there_is_no_rewind() -> None:
    """There is nothing that could run on the old data."""
    assert set(plan_deploy(part("db", first=True), part("web")).ways_back) == {"keep"}


def test_alone_the_plan_watches_as_before() -> None:
    plan = plan_deploy(part("web"))
    assert [step.does for step in plan.steps if step.kind == "observe"] == [
        "Watch v2 at 10 %",
        "Watch v2 at 50 %",
        "Let v2 bake with the old one warm",
    ]
    promotes = [step.arguments["promotes"] for step in plan.steps if step.kind == "observe"]
    assert promotes == [False, False, True]

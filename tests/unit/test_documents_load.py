"""Loading documents: what is right becomes the system, what is wrong is found where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.support.documents import OPTIONS, SYSTEM, WHOLE, findings, loaded

from lastgood.documents.load import load
from lastgood.domain.errors import DocumentsInvalid
from lastgood.domain.policy import DataPolicy
from lastgood.domain.system import Part


def test_a_whole_system_becomes_the_domain(tmp_path: Path) -> None:
    """Every document becomes its part of the system, with paths counted from its folder."""
    system = loaded(tmp_path / "lastgood", WHOLE)
    shop = system.service("shop")
    assert shop.launch.command == ("python3", "app.py", "--port", "${port}")
    assert shop.launch.environment == {"SHOP_DATABASE": "${stores.orders.path}", "WORKERS": "2"}
    assert shop.launch.shared == {"instance/app.db": "${stores.orders.path}"}
    assert shop.source == ".."  # told from a git revision only when it is opened
    assert shop.traffic is not None and (shop.traffic.host, shop.traffic.port) == ("127.0.0.1", 8080)
    assert [probe.kind for probe in shop.readiness] == ["http", "tcp", "command"]
    assert system.service("worker").launch.command == ("python3", "worker.py", "--queue", "new orders")
    assert system.store("orders").part == Part(
        "sqlite", {"kind": "sqlite", "path": str(tmp_path / "shop.db")}
    )
    assert system.vault("local").key_file == tmp_path / "lastgood/.state/keys/local.key"
    assert system.detection.slow_after == timedelta(milliseconds=800)
    assert system.triggers.on_failed == "pause"
    assert system.versions.keep_releases == 7
    assert system.consistency.on_broken_invariant is DataPolicy.REWIND
    assert system.consistency.invariants[0].expect == "0"
    assert system.backups.retention.weekly == 6
    assert system.replication.lag_limits == {"orders": timedelta(hours=1)}
    assert [action.kind for action in system.procedures[0].actions] == ["restore", "check", "ask", "command"]
    assert system.continuity.activities[1].maximum_tolerable_downtime == timedelta(days=2)


def test_only_the_system_is_required(tmp_path: Path) -> None:
    """A missing document means its defaults; a missing system.yml names init."""
    system = loaded(tmp_path / "a", {"system.yml": "kind: system\nversion: 1\nname: empty\n"})
    assert system.services == () and system.state == tmp_path / "a" / ".state"
    (found,) = findings(tmp_path / "b", {})
    assert found.file == "system.yml" and "lastgood init" in found.mend


def test_the_key_of_a_vault_has_a_place_of_its_own(tmp_path: Path) -> None:
    """Without `key`, a vault's key lies in the state folder under the vault's name."""
    system = loaded(tmp_path, {"system.yml": SYSTEM.replace("    key: .state/keys/local.key\n", "")})
    assert system.vault("local").key_file == tmp_path / ".state/keys/local.key"


_WRONG = [
    # file, what stands there, what is written instead, line, column, in the problem, in the mend
    ("system.yml", "ready_within: 30s", "ready_within: 30", 30, 19, "`30` is no duration", "like 30s"),
    ("system.yml", "ready_within:", "redy_within:", 30, 5, "not known", "`ready_within`"),
    ("system.yml", "listen: 127.0.0.1:8080", "listen: 8080", 20, 15, "`8080`", "HOST:PORT"),
    ("system.yml", "listen: 127.0.0.1:8080", "listen: 127.0.0.1:99999", 20, 15, "`127.0.0.1:99999`", "HOST:PORT"),  # noqa: E501
    ("system.yml", "      listen: 127.0.0.1:8080\n", "", 19, 7, "missing", "listen"),
    ("system.yml", "kind: sqlite", "kind: sqlit", 39, 11, "`sqlit`", "`sqlite`"),
    ("system.yml", "    kind: sqlite\n", "", 38, 5, "missing", "sqlite or files"),
    ("system.yml", "    path: ../shop.db", "    pth: ../shop.db", 40, 5, "not known", "`path`"),
    ("system.yml", "runtime: process", "runtime: proces", 17, 14, "`proces`", "`process`"),
    ("system.yml", "env:API_KEY", "sk-live-123", 13, 16, "not shown", "env:NAME or file:PATH"),
    ("system.yml", "WORKERS: 2", "WORKERS: true", 11, 16, "`true` is no text", "quotes"),
    ("system.yml", "statuses: [200, 204]", "statuses: [200, 999]", 25, 25, "`999`", "599 or less"),
    ("system.yml", "instance/app.db:", "../app.db:", 15, 7, "`../app.db`", "instance/app.db"),
    ("system.yml", "stores: [orders, uploads]", "stores: [orders, uplods]", 32, 22, "`uplods`", "`uploads`"),
    ("system.yml", "${stores.orders.path}", "${stores.order.path}", 10, 22, "order.path", "`${stores.orders.path}`"),  # noqa: E501
    ("system.yml", "name: uploads", "name: orders", 41, 11, "`orders`", "its own"),
    ("system.yml", "depends_on: [shop]", "depends_on: [worker]", 36, 17, "worker -> worker", "Remove"),
    ("system.yml", "state: .state", "state: ../uploads/x", 4, 8, "inside store uploads", "outside"),
    ("system.yml", "path: ../uploads", "path: .state/uploads", 43, 11, "inside the state folder", "outside"),
    ("system.yml", "location: ../../vault", "location: ../uploads/v", 47, 15, "loses its backups", "another"),
    ("system.yml", "path: ../uploads", "path: ../../vault/a", 43, 11, "inside vault local", "apart"),
    ("system.yml", "path: ../uploads", "path: ../shop.db/x", 43, 11, "same files", "beside"),
    ("system.yml", "path: ../uploads", "path: ${stores.orders.path}", 43, 11, "not filled in", "itself"),
    ("system.yml", "kind: system", "kind: rollback/detection", 1, 7, "`rollback/detection`", "rollback-detection.yml"),  # noqa: E501
    ("system.yml", "version: 1", "version: 2", 2, 10, "`2`", "version: 1"),
    ("system.yml", "version: 1", "version: true", 2, 10, "`true`", "version: 1"),
    ("system.yml", "version: 1\n", "", 1, 1, "missing", "version"),
    ("system.yml", "name: shop\n", "name: shop\nname: x\n", 4, 1, "twice, first on line 3", "one"),
    ("system.yml", "state: .state", "\tstate: .state", 4, 1, "tab", "spaces"),
    ("system.yml", "state: .state", "state: !!python/object:os x", 4, 8, "tag", "without"),
    ("system.yml", "state: .state", "state: a: b", 4, 9, "second `:`", "quotes"),
    ("system.yml", "state: .state", "state: *x", 4, 8, "alias", "&"),
    ("backup-automation.yml", "15 */6 * * mon-fri", "75 3 * * *", 3, 11, "75 as its minute", "0 to 59"),
    ("backup-automation.yml", "last: 3", "last: -3", 7, 9, "`-3`", "0 or more"),
    ("backup-automation.yml", "vaults: [local]", "vaults: [lokal]", 5, 10, "`lokal`", "`local`"),
    ("rollback-detection.yml", "false_alarm: 0.001", "false_alarm: 3", 3, 14, "`3`", "less than 0.5"),
    ("rollback-detection.yml", "at_least: 10s", "at_least: 10m", 7, 5, "at_most below at_least", "10m"),
    ("rollback-detection.yml", "no_traffic: probes", "no_traffic: prob", 16, 13, "`prob`", "`probes`"),
    ("data-consistency.yml", "store: orders", "store: ordrs", 10, 12, "`ordrs`", "`orders`"),
    ("data-replication.yml", "orders: 1h", "order: 1h", 5, 3, "`order`", "`orders`"),
    ("recovery-procedures.yml", "check: shop", "procedure: database-lost", 7, 7, "circle", "Remove"),
    ("recovery-procedures.yml", "check: shop", "check: shp", 13, 16, "`shp`", "`shop`"),
    ("business-continuity.yml", "rto: 15m", "rto: 0s", 8, 10, "`0s`", "more than 0s"),
    ("business-continuity.yml", "services: [shop]", "depends_on: [reports]", 7, 17, "orders -> reports -> orders", "Remove"),  # noqa: E501
    ("automatic-rollback-triggers.yml", "quarantine: false", "quarantine: 7", 6, 13, "`7`", "true or false"),
    ("automatic-rollback-triggers.yml", "fri 16:00-24:00", "fri 4pm", 13, 30, "no window", "sat-sun"),
    ("automatic-rollback-triggers.yml", "Europe/Berlin", "Berlin", 14, 12, "no time zone", "Europe/Berlin"),
    ("rollback-detection.yml", "name: leak", "name: latency", 67, 11, "lastgood has itself", "another"),
    ("version-management.yml", "keep_releases: 7", "keep_releases: 1", 3, 16, "`1`", "2 or more"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "stands", "instead", "line", "column", "problem", "mend"), _WRONG)
def test_a_fault_is_found_where_it_stands(
    tmp_path: Path, file: str, stands: str, instead: str, line: int, column: int, problem: str, mend: str
) -> None:
    """Each fault gives a finding with its file, line and column, the wrong value and the right form."""
    assert stands in WHOLE[file]
    found = findings(tmp_path / "lastgood", {**WHOLE, file: WHOLE[file].replace(stands, instead, 1)})
    here = [one for one in found if (one.file, one.line, one.column) == (file, line, column)]
    assert here, "\n".join(map(str, found))
    assert any(problem in one.problem and mend in one.mend for one in here), "\n".join(map(str, here))


def test_a_secret_that_was_written_by_mistake_is_not_repeated(tmp_path: Path) -> None:
    """A finding never shows a value that stands among the secrets."""
    found = findings(tmp_path, {"system.yml": SYSTEM.replace("env:API_KEY", "hunter2hunter2")})
    assert found and "hunter2" not in "".join(map(str, found))


def test_all_faults_in_all_documents_are_told_at_once(tmp_path: Path) -> None:
    """Findings come from every document, in the order of documents and lines."""
    documents = {
        **WHOLE,
        "system.yml": SYSTEM.replace("10s\n", "ten\n").replace("listen: 127.0.0.1:8080", "listen: x"),
        "backup-automation.yml": "kind: backup/automation\nversion: 1\nverify: maybe\n",
        "data-replication.yml": "kind: [\n",
    }
    found = findings(tmp_path, documents)
    assert [(one.file, one.line) for one in found] == [
        ("system.yml", 20),
        ("system.yml", 21),
        ("system.yml", 31),
        ("backup-automation.yml", 3),
        ("data-replication.yml", 2),
    ]


@pytest.mark.parametrize("name", ["system.yaml", "sytem.yml", "rollback_detection.yml"])
def test_a_misspelt_document_is_not_overlooked(tmp_path: Path, name: str) -> None:
    """A file whose name is nearly a document's is a finding; other YAML files are none."""
    documents = {"system.yml": SYSTEM, "compose.yml": "services: {}\n"}
    assert not findings(tmp_path / "a", documents)
    (found,) = findings(tmp_path / "b", {**documents, name: "x: 1\n"})
    assert found.file == name and "Did you mean" in found.mend


def test_a_document_under_a_strange_name_is_not_overlooked(tmp_path: Path) -> None:
    """A file that says it is a document is told the name it must have."""
    (found,) = findings(
        tmp_path, {"system.yml": SYSTEM, "copies.yml": "kind: data/replication\nversion: 1\n"}
    )
    assert found.file == "copies.yml" and "data-replication.yml" in found.mend


def test_two_services_on_one_address(tmp_path: Path) -> None:
    """Two services cannot listen on one address, nor one on all hosts and one on the same port."""
    for listen in ("127.0.0.1:8080", "0.0.0.0:8080"):
        text = SYSTEM.replace("depends_on: [shop]", f"traffic: {{kind: haproxy, listen: '{listen}'}}")
        (found,) = findings(tmp_path, {"system.yml": text})
        assert found.line == 36 and "service shop" in found.problem


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    """`<<` takes fields over; what is written here wins; a fault in them is told where it stands."""
    text = """\
kind: system
version: 1
name: two
services:
  - &base
    name: one
    command: run
    ready_within: 5s
  - <<: *base
    name: two
    stop_within: 7s
"""
    system = loaded(tmp_path / "a", {"system.yml": text})
    two = system.service("two")
    assert (two.ready_within, two.stop_within) == (timedelta(seconds=5), timedelta(seconds=7))
    found = findings(tmp_path / "b", {"system.yml": text.replace("5s", "5")})
    assert {one.line for one in found} == {8}


def test_words_of_old_yaml_stay_words(tmp_path: Path) -> None:
    """`on`, `no` and numbers with leading zeros are text, as YAML 1.2 says."""
    text = SYSTEM.replace("WORKERS: 2", "WORKERS: 007\n      A: on\n      B: no\n      C: 2024-01-02")
    environment = loaded(tmp_path, {"system.yml": text}).service("shop").launch.environment
    assert [environment[name] for name in ("WORKERS", "A", "B", "C")] == ["007", "on", "no", "2024-01-02"]


_BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 8)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("just words\n", "no document"),
        ("- a\n", "no document"),
        (_BOMB, "unfold"),
        ("a: &a [*a]\n", "holds itself"),
        ("a: " + "[" * 20_000, "nested too deeply"),
        ("a: b\n---\nc: d\n", "second document"),
        ("a: " + "x" * 1_100_000, "larger"),
        ("a: \x00\n", "no YAML"),
        ("? [a]\n: b\n", "plain text"),
    ],
)
def test_strange_files_are_faults_not_crashes(tmp_path: Path, text: str, problem: str) -> None:
    """Whatever stands in a file, the answer is a finding, soon."""
    found = findings(tmp_path, {"system.yml": text})
    assert any(problem in one.problem for one in found), found


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are told with their place."""
    (tmp_path / "system.yml").write_bytes(b"kind: system\nname: caf\xe9\n")
    with pytest.raises(DocumentsInvalid) as raised:
        load(tmp_path, OPTIONS)
    (found,) = raised.value.findings
    assert (found.line, found.column) == (2, 10) and "UTF-8" in found.problem


def _scalars(text: str) -> Iterator[tuple[int, int, int]]:
    """(line from 1, start, end) of each value in the text that is neither list nor mapping."""

    def walk(node: Any) -> Iterator[tuple[int, int, int]]:
        if node.id == "scalar":
            yield node.start_mark.line + 1, node.start_mark.index, node.end_mark.index
        for child in node.value if node.id != "scalar" else ():
            yield from walk(child[1] if node.id == "mapping" else child)

    yield from walk(YAML(typ="safe", pure=True).compose(text))


_VALUES = [(file, *place) for file, text in WHOLE.items() for place in _scalars(text)]
_NOWHERE_RIGHT = ["{never-a-field: 1}", "[[1]]", "{}", "[]", "null", "[{a: b}]"]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spot=st.sampled_from(_VALUES), wrong=st.sampled_from(_NOWHERE_RIGHT))
def test_any_single_wrong_value_is_found_on_its_line(
    tmp_path: Path, spot: tuple[str, int, int, int], wrong: str
) -> None:
    """One wrong value anywhere in valid documents gives a finding on the line of that value."""
    file, line, start, end = spot
    text = WHOLE[file]
    may_be_absent = wrong in ("null", "[]")
    found = findings(tmp_path / "lastgood", {**WHOLE, file: text[:start] + wrong + text[end:]})
    assert may_be_absent or any((one.file, one.line) == (file, line) for one in found), found
    assert all(one.line > 0 and one.column > 0 and one.problem for one in found)

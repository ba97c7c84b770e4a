"""Wrong documents and a wrong machine: `check` finds it, `deploy` does no harm, both say what to do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.project import lastgood, stopped, write
from tests.support.small_services import free_port

SERVER = """\
import http.server, os
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ["PORT"]), bind="127.0.0.1")
"""

SYSTEM = """\
kind: system
version: 1
name: site
services:
  - name: site
    source: ../source
    command: [python3, server.py]
    environment: {PORT: "${port}"}
    traffic: {kind: haproxy, listen: "127.0.0.1:%(port)d"}
    ready_within: 20s
    stores: [uploads]
stores:
  - {name: uploads, kind: files, path: ../uploads}
vaults:
  - {name: local, kind: restic, location: ../vault}
"""

DETECTION = "kind: rollback/detection\nversion: 1\nbake: 1s\n"
PROCEDURES = """\
kind: recovery/procedures
version: 1
procedures:
  - {name: first, when: Always., steps: [{procedure: second}]}
  - {name: second, when: Always., steps: [{procedure: first}]}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A good system, not yet deployed; its folder."""
    folder = write(
        tmp_path / "site",
        {
            "lastgood/system.yml": SYSTEM % {"port": free_port()},
            "lastgood/rollback-detection.yml": DETECTION,
            "source/server.py": SERVER,
            "uploads/a.txt": "a",
        },
    )
    with stopped(folder / "lastgood"):
        yield folder


def change(site: Path, old: str, new: str) -> None:
    document = site / "lastgood" / "system.yml"
    assert old in document.read_text()
    document.write_text(document.read_text().replace(old, new))


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def looked(site: Path, environment: dict[str, str] | None = None) -> tuple[int, list[dict[str, str]]]:
    """Exit code and findings of `check`, which has changed nothing."""
    before = tree(site)
    done = lastgood(site, "check", "--json", environment=environment)
    assert tree(site) == before, "check changes nothing"
    answer = json.loads(done.stdout)
    assert answer["exit_code"] == done.returncode
    return done.returncode, [one for one in answer["looked"] if one["severity"] != "ok"]


@pytest.mark.parametrize(
    ("old", "new", "place", "problem", "mend"),
    [
        ("ready_within:", "redy_within:", "system.yml:10:5", "redy_within", "`ready_within`"),
        ("ready_within: 20s", "ready_within: soon", "system.yml:10:19", "no duration", "like 30s"),
        ("command: [python3, server.py]", "command: {a: b}", "system.yml:7:14", "command", "list"),
        ("  - {name: uploads", "  - {name: uploads, kind: files, path: ../x}\n  - {name: uploads", "system.yml:14:12", "uploads", "name of its own"),  # noqa: E501
        ("stores: [uploads]", "stores: [uploads]\n    depends_on: [site]", "system.yml:12:17", "site -> site", "Remove"),  # noqa: E501
        ("stores: [uploads]", "stores: [upload]", "system.yml:11:14", "upload", "`uploads`"),
        ("kind: restic", "kind: rustic", "system.yml:15:25", "rustic", "`restic`"),
        ('"${port}"', '"${prot}"', "system.yml:8:25", "${prot}", "${port}"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_told_by_its_place_and_nothing_is_changed(
    site: Path, old: str, new: str, place: str, problem: str, mend: str
) -> None:
    change(site, old, new)
    before = tree(site)
    for command in ("check", "deploy"):
        done = lastgood(site, command)
        assert done.returncode == 2, done.stdout
        (line,) = [one for one in done.stderr.splitlines() if one.startswith(place)]
        assert problem in line
        assert mend in line
        assert "nothing was changed" in done.stderr
    answer = json.loads(lastgood(site, "check", "--json").stdout)
    assert f"{answer['documents'][0]['file']}:{answer['documents'][0]['line']}" == place.rpartition(":")[0]
    assert tree(site) == before


def test_runbooks_that_run_each_other_are_a_fault_at_the_first(site: Path) -> None:
    write(site, {"lastgood/recovery-procedures.yml": PROCEDURES})
    done = lastgood(site, "check")
    assert done.returncode == 2
    assert "recovery-procedures.yml:4:" in done.stderr
    assert "first -> second -> first" in done.stderr


def test_a_good_system_has_no_problem_and_check_makes_neither_state_nor_vault(site: Path) -> None:
    code, findings = looked(site)
    assert code == 0
    assert [one["says"] for one in findings] == [
        "local is on the disk of the data, and no vault is on another machine."
    ]
    assert not (site / "lastgood" / ".state").exists()
    assert not (site / "vault").exists()


def test_missing_programs_are_problems_and_a_deploy_stops_before_it_begins(
    site: Path, tmp_path: Path
) -> None:
    bare = {"PATH": str(write(tmp_path / "bare", {"x": ""}))}
    (tmp_path / "bare" / "python3").symlink_to(sys.executable)
    change(site, "kind: haproxy,", "kind: haproxy, program: /nowhere/haproxy,")
    code, findings = looked(site, bare)
    assert code == 4
    said = {one["says"]: one["mend"] for one in findings if one["group"] == "tools"}
    assert len(said) == 2
    assert any("haproxy is not on this machine" in one for one in said)
    assert "apt install restic" in said["restic is not on this machine; vaults of kind restic need it."]
    done = lastgood(site, "deploy", environment=bare)
    assert done.returncode == 4, done.stdout
    assert "`restic` is not on this machine" in done.stdout + done.stderr
    assert not list((site / "lastgood" / ".state").glob("instances/site/*"))


def test_a_program_that_is_nowhere_is_a_problem(site: Path) -> None:
    change(site, "[python3, server.py]", "[gunicron, server.py]")
    code, findings = looked(site)
    assert code == 4
    assert [one["says"] for one in findings if one["group"] == "services"] == [
        "The program `gunicron` of site is neither on the PATH nor in its source."
    ]


def test_an_occupied_port_is_told_with_who_holds_it(site: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = (site / "lastgood" / "system.yml").read_text()
        change(site, text.partition('listen: "')[2].partition('"')[0], f"127.0.0.1:{port}")
        code, findings = looked(site)
        assert code == 4
        (finding,) = [one for one in findings if one["group"] == "ports"]
        assert f"127.0.0.1:{port} is held by " in finding["says"]
        assert f"(process {os.getpid()})" in finding["says"]
        done = lastgood(site, "deploy")
        assert done.returncode == 4, done.stdout
        assert "in use" in done.stdout + done.stderr
    mended = lastgood(site, "deploy")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    code, findings = looked(site)
    assert code == 0, "the port is held by the proxy of the service itself"


def test_a_wrong_vault_key_is_a_problem_and_stores_nothing(site: Path) -> None:
    assert lastgood(site, "backup").returncode == 0
    key = site / "lastgood" / ".state" / "keys" / "local.key"
    right = key.read_text()
    key.write_text("ABCDEF-ABCDEF-ABCDEF\n")
    stored = tree(site / "vault")
    code, findings = looked(site)
    assert code == 4
    (finding,) = [one for one in findings if "does not open" in one["says"]]
    assert finding["mend"] == "Put this vault's own key into the file."
    for command in ("backup", "deploy"):
        done = lastgood(site, command)
        assert done.returncode == 4, done.stdout
        assert "does not open the vault local" in done.stdout + done.stderr
    assert tree(site / "vault") == stored
    key.write_text(right)
    assert lastgood(site, "backup").returncode == 0


def test_a_key_that_others_may_read_and_a_vault_that_is_gone_are_problems(site: Path) -> None:
    assert lastgood(site, "backup").returncode == 0
    key = site / "lastgood" / ".state" / "keys" / "local.key"
    key.chmod(0o644)
    (site / "vault").rename(site / "elsewhere")
    code, findings = looked(site)
    assert code == 4
    said = " ".join(one["says"] for one in findings)
    assert "can be read by other users (mode 644)" in said
    assert "The vault local at" in said
    assert "cannot be reached: nothing is there" in said


def test_a_missing_secret_is_told_before_anything_is_done_and_blames_no_release(site: Path) -> None:
    change(site, "    ready_within", "    secrets: {TOKEN: env:SITE_TOKEN}\n    ready_within")
    code, findings = looked(site)
    assert code == 4
    assert any("The secret TOKEN of site is not there" in one["says"] for one in findings)
    done = lastgood(site, "deploy")
    assert done.returncode == 2, done.stdout
    assert "env:SITE_TOKEN" in done.stderr
    assert lastgood(site, "deploy", environment={"SITE_TOKEN": "t"}).returncode == 0


def test_a_source_or_store_that_is_not_there(site: Path) -> None:
    (site / "source").rename(site / "moved")
    (site / "uploads" / "a.txt").unlink()
    (site / "uploads").rmdir()
    code, findings = looked(site)
    assert code == 4
    severity = {one["group"]: one["severity"] for one in findings}
    assert severity["services"] == "problem"
    assert severity["stores"] == "warning"


def test_an_interrupted_run_is_a_warning_with_its_mend(site: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", "lastgood", "backup"],
        cwd=site,
        capture_output=True,
        timeout=60,
        env={**os.environ, "LASTGOOD_ENGINE": "inline", "LASTGOOD_KILL": "1:middle"},
    )
    assert killed.returncode == -9
    code, findings = looked(site)
    assert code == 0
    (finding,) = [one for one in findings if one["group"] == "runs"]
    assert "was cut off" in finding["says"]
    assert "lastgood runs resume" in finding["mend"]

"""`lastgood replay`: what people type and see."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

BAD_TICKS = [[100, 1, 900, 9]] * 12 + [[100, 6, 900, 9]] * 60
START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


def lastgood(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lastgood", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "rollout.json"
    stream = {"kind": "errors", "alpha": 0.001, "horizon": 300, "ticks": BAD_TICKS}
    file.write_text(json.dumps({**stream, "started_at": START.isoformat(), "tick_seconds": 10}))
    return file


def test_it_says_when_and_how_much_sooner(recording: Path) -> None:
    ended = lastgood("replay", recording, "--rolled-back-at", "14:12:20")
    assert ended.returncode == 0, ended.stderr
    assert "lastgood would have rolled back at 14:0" in ended.stdout
    assert "You did at 14:12:20, " in ended.stdout
    assert "minutes later" in ended.stdout
    assert "The fastest test with this alpha needs" in ended.stdout
    assert "█" in ended.stdout


def test_json_and_chart_hold_the_same_answer(recording: Path, tmp_path: Path) -> None:
    chart = tmp_path / "evidence.svg"
    ended = lastgood("replay", recording, "--json", "--svg", chart)
    answer = json.loads(ended.stdout)
    assert answer["decision"] == "roll back"
    assert 12 <= answer["tick"] < 40
    assert len(answer["evidence"]) == len(BAD_TICKS)
    assert answer["evidence"][answer["tick"]] >= answer["needed"]
    description = ElementTree.parse(chart).getroot().findtext("{http://www.w3.org/2000/svg}desc")
    assert f"after tick {answer['tick'] + 1} of" in (description or "")


def test_a_short_history_is_insufficient_data(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    file.write_text(
        json.dumps(
            {"kind": "gauge", "alpha": 0.001, "history": [1.0] * 50, "period": 288, "ticks": [5.0] * 5}
        )
    )
    ended = lastgood("replay", file)
    assert ended.returncode == 6
    assert "Insufficient data" in ended.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no JSON"),
        ("[1, 2]", "holds no object"),
        ('{"kind": "error"}', "kind is 'error'"),
        ('{"kind": "errors", "horizon": 5, "ticks": []}', "alpha is missing"),
        ('{"kind": "errors", "alpha": 0.01, "horizon": 5, "ticks": [[1]]}', "ticks[0] is [1]"),
        (
            '{"kind": "errors", "alpha": 0.01, "horizon": 5, "ticks": [], "started_at": "x"}',
            "started_at is 'x'",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "rollout.json"
    file.write_text(content)
    ended = lastgood("replay", file)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_that_is_not_there_and_no_file_at_all_are_wrong_usage(tmp_path: Path) -> None:
    assert lastgood("replay", tmp_path / "none.json").returncode == 2
    assert lastgood("replay").returncode == 2
    assert lastgood("replay", "--from-log", tmp_path / "none.log").returncode == 2


def combined(at: datetime, status: int, upstream: str) -> str:
    stamp = at.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'10.0.0.9 - - [{stamp}] "GET /cart?q=\\"x\\" HTTP/1.1" {status} 512 "-" "curl/8" {upstream}'


def as_json(at: datetime, status: int, upstream: str) -> str:
    return json.dumps({"ts": at.timestamp(), "status": status, "upstream": upstream})


def log_lines(form: object, beside: bool) -> list[str]:
    """Ten minutes of 20 requests a second; from 14:05 on a tenth (or all) meets a release with 8 % errors."""
    chance = random.Random(5)
    lines = ["# started", ""]
    for second in range(600):
        at = START + timedelta(seconds=second)
        for _ in range(20):
            new = second >= 300 and (not beside or chance.random() < 0.1)
            failed = chance.random() < (0.08 if new else 0.01)
            lines.append(form(at, 502 if failed else 200, ":8082" if new else ":8081"))  # type: ignore[operator]
    return lines


@pytest.mark.parametrize("form", [combined, as_json])
@pytest.mark.parametrize("beside", [True, False])
def test_an_access_log_is_replayed(tmp_path: Path, form: object, beside: bool) -> None:
    log = tmp_path / "access.log"
    log.write_text("\n".join(log_lines(form, beside)) + "\n")
    told = ["--new", ":8082"] if beside else []
    written = tmp_path / "stream.json"
    ended = lastgood(
        *("replay", "--from-log", log, "--rollout-at", "2026-11-24T14:05:00Z", *told),
        *("--write", written, "--rolled-back-at", "14:14", "--json"),
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["decision"] == "roll back"
    assert "2026-11-24T14:05" < answer["at"] < "2026-11-24T14:10"
    assert answer["sooner"] > 240
    assert json.loads(lastgood("replay", written, "--json").stdout)["tick"] == answer["tick"]


def test_a_log_without_the_new_release_says_what_to_look_at(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("\n".join(log_lines(combined, True)))
    late = lastgood("replay", "--from-log", log, "--rollout-at", "2026-11-25T14:05:00Z")
    early = lastgood("replay", "--from-log", log, "--rollout-at", "2026-11-24T13:00:00Z")
    wrong = lastgood("replay", "--from-log", log, "--rollout-at", "2026-11-24T14:05:00Z", "--new", "(")
    assert "no request of the new release" in late.stderr
    assert "no request from before the rollout" in early.stderr
    assert "new is no regular expression" in wrong.stderr
    assert {late.returncode, early.returncode, wrong.returncode} == {2}


def test_help_and_replay_import_nothing_heavy(recording: Path) -> None:
    code = (
        "import sys; from lastgood.__main__ import main; sys.argv = ['lastgood', 'replay', sys.argv[1]]\n"
        "try:\n    main()\nfinally:\n"
        "    print([name for name in ('dbos', 'pydantic', 'httpx2', 'numpy') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, recording], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stdout.splitlines()[-1] == "[]", ended.stderr

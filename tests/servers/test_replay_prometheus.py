"""`lastgood replay --from-prometheus`: a rollout that a real Prometheus remembers, and servers that lie."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.support.metrics_servers import HOST, plain, prometheus, serving
from tests.support.small_services import free_port, wait_for

STEP = timedelta(seconds=15)
BEFORE, GOOD, BAD = 16, 12, 30  # ticks: before the rollout, with a good release, after it turned bad
BESIDE = (
    *(
        "--total-new",
        'requests_total{release="new"}',
        "--bad-new",
        'requests_total{release="new",code="500"}',
    ),
    *(
        "--total-old",
        'requests_total{release="old"}',
        "--bad-old",
        'requests_total{release="old",code="500"}',
    ),
)
ALONE = ("--total-new", "alone_total", "--bad-new", 'alone_total{code="500"}')


class Past:
    """An exporter that tells a whole past in one scrape, each sample with its time. The old release and the
    lone one are restarted on the way, so that their counters begin anew."""

    def __init__(self) -> None:
        self.rollout = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
        self._values: dict[str, int] = {}
        self._lines: list[str] = []
        for tick in range(-BEFORE, GOOD + BAD):
            self._tell(tick)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        plain(handler, ("\n".join(self._lines) + "\n").encode(), kind="text/plain; version=0.0.4")

    def _tell(self, tick: int) -> None:
        rate = 8 if tick >= GOOD else 1
        if tick == 0:
            self._restart("alone_total{")
        if tick == 5:
            self._restart('requests_total{release="old"')
        self._count('requests_total{release="old",code="%d"}', 900, 9)
        self._count('alone_total{code="%d"}', 1000, 10 * rate)
        if tick >= 0:
            self._count('requests_total{release="new",code="%d"}', 100, rate)
        at = round((self.rollout + tick * STEP + STEP / 3).timestamp() * 1000)
        self._lines += [f"{series} {value} {at}" for series, value in self._values.items()]

    def _count(self, series: str, requests: int, failed: int) -> None:
        for code, number in ((200, requests - failed), (500, failed)):
            self._values[series % code] = self._values.get(series % code, 0) + number

    def _restart(self, series: str) -> None:
        self._values = {name: 0 if name.startswith(series) else old for name, old in self._values.items()}


@pytest.fixture(scope="module")
def past() -> Past:
    return Past()


@pytest.fixture(scope="module")
def server(past: Past, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    with serving(past.answer) as port, prometheus(folder, {"shop": port}) as asked:
        wait_for(lambda: stored(asked) == 100 * (GOOD + BAD), 30)
        yield f"http://{HOST}:{asked}"


def stored(port: int) -> float:
    query = urlencode({"query": 'sum(max_over_time(requests_total{release="new"}[1h]))'})
    with urllib.request.urlopen(f"http://{HOST}:{port}/api/v1/query?{query}", timeout=5) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def replay(server: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lastgood", "replay", "--from-prometheus", server, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def at(moment: datetime) -> str:
    return moment.isoformat()


def test_a_rollout_beside_the_old_release_is_replayed(past: Past, server: str, tmp_path: Path) -> None:
    theirs = past.rollout + (GOOD + BAD) * STEP
    written = tmp_path / "rollout.json"
    ended = replay(
        *(server, *BESIDE, "--rollout-at", at(past.rollout), "--write", written),
        *("--rolled-back-at", at(theirs)),
    )
    assert ended.returncode == 0, ended.stderr
    assert "lastgood would have rolled back at " in ended.stdout
    assert f"You did at {theirs:%H:%M:%S}, " in ended.stdout and " minutes later." in ended.stdout
    stream = json.loads(written.read_text())
    assert "history" not in stream
    assert stream["ticks"] == [
        [0, 0, 900, 9],  # what the first sample of a release had counted was counted before anyone looked
        *[[100, 1, 900, 9]] * (GOOD - 1),
        *[[100, 8, 900, 9]] * BAD,
    ]
    answer = json.loads(replay(server, *BESIDE, "--rollout-at", at(past.rollout), "--json").stdout)
    assert GOOD <= answer["tick"] < GOOD + 20
    again = subprocess.run(
        [sys.executable, "-m", "lastgood", "replay", written, "--json"], capture_output=True, timeout=60
    )
    assert json.loads(again.stdout)["tick"] == answer["tick"]


def test_without_an_old_release_beside_its_own_past_stands_for_it(
    past: Past, server: str, tmp_path: Path
) -> None:
    """The counters begin anew at the rollout, where the process was restarted."""
    written = tmp_path / "rollout.json"
    told = (*ALONE, "--rollout-at", at(past.rollout), "--history", "1h", "--write", written, "--json")
    ended = replay(server, *told)
    assert ended.returncode == 0, ended.stderr
    assert GOOD <= json.loads(ended.stdout)["tick"] < GOOD + 20
    stream = json.loads(written.read_text())
    assert stream["history"] == [1000 * (BEFORE - 1), 10 * (BEFORE - 1)]
    assert stream["ticks"] == [*[[1000, 10, 0, 0]] * GOOD, *[[1000, 80, 0, 0]] * BAD]


def test_a_good_rollout_is_not_rolled_back(past: Past, server: str) -> None:
    until = at(past.rollout + GOOD * STEP)
    ended = replay(server, *BESIDE, "--rollout-at", at(past.rollout), "--until", until)
    assert ended.returncode == 0, ended.stderr
    assert f"Not rolled back: the evidence of {GOOD} ticks is not enough" in ended.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("--total-new", 'requests_total{release="none"}'), 'no samples of requests_total{release="none"}'),
        (("--rollout-at", "2020-01-01T00:00:00Z"), "no samples of alone_total between 2020-01-01 00:00:00"),
        (("--bad-new", "eror_total"), "never had a sample of eror_total"),
        (("--history", "0s"), "counted no request before the rollout at"),
        (
            ("--total-old", 'requests_total{release="none"}', "--bad-old", "eror_total"),
            "hardly any of the old release beside the new one",
        ),
    ],
)
def test_too_little_data_says_what_is_missing(
    past: Past, server: str, changes: tuple[str, ...], said: str
) -> None:
    ended = replay(server, *ALONE, "--rollout-at", at(past.rollout), *changes)
    assert (ended.returncode, ended.stdout) == (6, "")
    assert said in ended.stderr and len(ended.stderr.splitlines()) == 3


def test_what_prometheus_refuses_is_told_with_its_reason(past: Past, server: str) -> None:
    told = ("--rollout-at", at(past.rollout), "--total-new", "alone_total{code=}", "--bad-new", "x")
    ended = replay(server, *told)
    assert ended.returncode == 4
    assert "status 400: " in ended.stderr and "parse error" in ended.stderr
    assert len(ended.stderr.splitlines()) == 3


def test_what_is_written_wrong_is_wrong_usage_before_anything_is_asked(past: Past) -> None:
    nobody = f"http://{HOST}:{free_port()}"
    rollout = ("--rollout-at", at(past.rollout))
    for arguments, said in (
        ((), "--rollout-at is missing"),
        (rollout, "needs --total-new and --bad-new"),
        ((*rollout, *ALONE[:2], "--bad-new", "rate(x[5m])"), "--bad-new is no plain counter"),
        ((*rollout, *ALONE[:2], "--bad-new", ""), "--bad-new is empty"),
        ((*rollout, *ALONE, "--total-old", "x"), "one is missing"),
        ((*rollout, *BESIDE, "--total-old", "sum(x)"), "--total-old is no plain counter"),
        ((*rollout, *ALONE, "--step", "soon"), "--step is no duration"),
        ((*rollout, *ALONE, "--step", "10ms"), "--step is out of range"),
        ((*rollout, *ALONE, "--history", "90d"), "--history is longer than 31 days"),
        ((*rollout, *ALONE, "--limit", "0s"), "--limit "),
        ((*rollout, *ALONE, "--until", "2020-01-01"), "until is not after rollout-at"),
        ((*rollout, *ALONE, "--rolled-back-at", "noon"), "rolled-back-at is 'noon'"),
        ((*rollout, *ALONE, "--until", "2100-01-01T00:00:00Z"), "ticks"),
        (("--rollout-at", "0001-01-01", *ALONE), "rollout-at is in the year 1"),
        ((*rollout, *ALONE, "--user", "ada"), "one of user and password"),
    ):
        ended = replay(nobody, *arguments)
        assert (ended.returncode, said in ended.stderr) == (2, True), (arguments, ended.stderr)
        assert "Traceback" not in ended.stderr
    elsewhere = replay("ftp://metrics", *rollout, *ALONE)
    assert elsewhere.returncode == 2 and "--from-prometheus is no address" in elsewhere.stderr
    stray = [sys.executable, "-m", "lastgood", "replay", "rollout.json", "--until", "14:00"]
    ended = subprocess.run(stray, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and "--until goes with --from-prometheus only" in ended.stderr


# --- secrets -----------------------------------------------------------------------------------------------

ANY = ("--rollout-at", "2026-11-24T14:00:00Z", *ALONE)


def matrix(*series: dict[str, object]) -> bytes:
    data = {"resultType": "matrix", "result": list(series)}
    return json.dumps({"status": "success", "data": data}).encode()


def test_a_token_is_a_reference_and_goes_in_the_header_only(tmp_path: Path) -> None:
    given: list[tuple[str, str]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        given.append((handler.headers.get("Authorization", ""), handler.path))
        plain(handler, matrix())

    (tmp_path / "token").write_text("s3cret\n")
    with serving(answer) as port:
        address = f"http://{HOST}:{port}"
        for reference in ("env:PROMETHEUS_TOKEN", f"file:{tmp_path / 'token'}"):
            ended = replay(address, *ANY, "--token", reference, PROMETHEUS_TOKEN="s3cret")
            assert ended.returncode == 6 and "s3cret" not in ended.stdout + ended.stderr
        assert {header for header, _ in given} == {"Bearer s3cret"}
        assert not any("s3cret" in path for _, path in given)
        asked = len(given)
        bare = replay(address, *ANY, "--token", "s3cret")
        assert bare.returncode == 2 and "never the secret" in bare.stderr and "s3cret" not in bare.stderr
        in_address = replay(f"http://ada:s3cret@{HOST}:{port}", *ANY)
        assert in_address.returncode == 2 and "s3cret" not in in_address.stderr
        missing = replay(address, *ANY, "--token", "env:NOT_THERE")
        assert missing.returncode == 4 and "'env:NOT_THERE' is not there" in missing.stderr
        assert len(given) == asked


# --- servers that are dead or lie --------------------------------------------------------------------------


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            threading.Event().wait(0.05)
    except OSError:
        return


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Longer than any answer may be, however short the time that is asked for."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(12):
            handler.wfile.write(b" " * 1_000_000)
    except OSError:
        return


LIES = {
    "a page": lambda handler: plain(handler, b"<html>Login</html>"),
    "an error": lambda handler: plain(handler, b"oops", 500),
    "a part": lambda handler: plain(handler, matrix()[:-1] + b', "warnings": ["store 3 is gone"]}'),
    "a vector": lambda handler: plain(handler, matrix().replace(b"matrix", b"vector")),
    "words": lambda handler: plain(handler, matrix({"metric": {}, "values": [[1.0, "many"]]})),
    "no times": lambda handler: plain(handler, matrix({"metric": {}, "values": [["NaN", "1"]]})),
    "drips": drips,
    "endless": endless,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_is_an_error_in_three_sentences(lie: str) -> None:
    with serving(LIES[lie]) as port:
        ended = replay(f"http://{HOST}:{port}", *ANY, "--limit", "1s")
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "Prometheus did not tell the past" in ended.stderr and "Nothing was judged." in ended.stderr
    assert len(ended.stderr.splitlines()) == 3


def test_nobody_there_is_an_error_too() -> None:
    ended = replay(f"http://{HOST}:{free_port()}", *ANY)
    assert ended.returncode == 4 and "connection refused" in ended.stderr


def test_samples_of_another_time_and_impossible_ones_count_for_nothing() -> None:
    """A server that does not heed the time it is asked for, with values no counter has."""
    began = datetime(2026, 11, 24, 14, 0, tzinfo=UTC).timestamp()
    odd = ["NaN", "+Inf", "-7", "1e300"]
    values = [[began - 1e6, "5"], *([began + 20 + index, value] for index, value in enumerate(odd))]
    with serving(lambda handler: plain(handler, matrix({"metric": {}, "values": values}))) as port:
        ended = replay(f"http://{HOST}:{port}", *ANY)
    assert ended.returncode == 6 and "did not grow" in ended.stderr


def test_an_answer_that_is_too_long_is_asked_for_in_parts() -> None:
    """More than 8 MB for an hour, less for a few minutes."""
    began = datetime(2026, 11, 24, 14, 0, tzinfo=UTC).timestamp()
    spans: list[float] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        name, _, span = query["query"][0].rpartition("[")
        seconds, end = int(span.removesuffix("ms]")) / 1000, float(query["time"][0])
        spans.append(seconds)
        errors = "code" in name
        times = [began + 15 * index for index in range(-240, 240)]
        samples = [
            [at, str((at - began + 3600) * (0.01 if errors else 1))]
            for at in times
            if end - seconds <= at <= end
        ]
        body = matrix({"metric": {"job": "shop"}, "values": samples})
        plain(handler, body + b" " * int(5000 * seconds))

    with serving(answer) as port:
        told = ("--history", "1h", "--until", "14:30", "--json")
        ended = replay(f"http://{HOST}:{port}", *ANY, *told)
    assert ended.returncode == 0, ended.stderr
    assert max(spans) == 3600 and min(spans) <= 1600
    assert json.loads(ended.stdout)["requests"] == 15 * 120

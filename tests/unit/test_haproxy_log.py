"""What a line of the proxy's log says about an instance."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime

import pytest

from lastgood.adapters.signals.haproxy_log import HAProxyOutcomes, Line, read_line


def line(server: str = "shop-1", status: int = 200, ends: str = "--", answer_ms: int = 12) -> Line:
    values = {
        "line": 1,
        "server": server,
        "status": status,
        "ends": ends,
        "answer_ms": answer_ms,
        "connect_ms": 3,
        "active_ms": 40,
    }
    return read_line(json.dumps(values).encode())


@pytest.mark.parametrize(
    ("status", "ends", "answer_ms", "bad"),
    [
        (200, "--", 12, ""),
        (404, "--", 12, ""),
        (500, "--", 12, "status 500"),
        (503, "SC", -1, "broken answer"),
        (502, "SH", -1, "broken answer"),
        (200, "SD", 12, "broken answer"),
        (504, "sH", -1, "time limit"),
        (502, "PH", -1, "status 502"),
        (200, "CD", 12, ""),
        (500, "CD", 12, "status 500"),
    ],
)
def test_errors_and_broken_answers_are_bad_and_leaving_clients_are_not(
    status: int, ends: str, answer_ms: int, bad: str
) -> None:
    found = line(status=status, ends=ends, answer_ms=answer_ms)
    assert (found.bad, found.given_up) == (bad, False)


def test_a_client_that_left_before_the_answer_tells_nothing_about_the_instance() -> None:
    found = line(status=-1, ends="CH", answer_ms=-1)
    assert found.given_up
    assert found.bad == ""


def test_the_latency_is_the_instances_own_and_without_an_answer_the_time_it_was_given() -> None:
    answered, silent = line(answer_ms=12), line(status=504, ends="sH", answer_ms=-1)
    assert (answered.latency_seconds, silent.latency_seconds) == (0.012, 0.037)


@pytest.mark.parametrize("server", ["lastgood-decoy", "<NOSRV>"])
def test_a_request_that_reached_no_instance_is_none_of_its_outcomes(server: str) -> None:
    assert line(server=server, status=503, ends="SC", answer_ms=-1).instance_id == ""


def written(number: int, server: str = "shop-1") -> bytes:
    values = {"line": number, "server": server, "status": 200, "ends": "--"}
    return json.dumps({**values, "answer_ms": 1, "connect_ms": 0, "active_ms": 1}).encode() + b"\n"


def seen(source: HAProxyOutcomes, count: int) -> int:
    give_up_at = time.monotonic() + 10
    total = 0
    while total < count and time.monotonic() < give_up_at:
        total += sum(reading.total for reading in source.read(datetime.now(UTC)))
    return total


def test_lines_that_never_came_are_counted() -> None:
    proxy, here = socket.socketpair()
    source = HAProxyOutcomes(lambda: here)
    source.open()
    proxy.sendall(written(7) + written(8, "lastgood-decoy") + b"Server shop-1 is UP\n" + written(11)[:20])
    proxy.sendall(written(11)[20:])
    assert seen(source, 2) == 2
    assert source.missed == 2
    source.close()
    proxy.close()


def test_a_broken_stream_is_opened_again_and_its_numbers_begin_anew() -> None:
    pairs = [socket.socketpair(), socket.socketpair()]
    streams = [here for _, here in pairs]
    source = HAProxyOutcomes(lambda: streams.pop(0))
    source.open()
    pairs[0][0].sendall(written(500))
    assert seen(source, 1) == 1
    pairs[0][0].close()
    pairs[1][0].sendall(written(1))
    assert seen(source, 1) == 1
    assert source.missed == 0
    source.close()
    pairs[1][0].close()

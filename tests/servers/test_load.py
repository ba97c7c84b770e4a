"""The load generator is honest: open loop, nothing sent twice, nothing hidden."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from tests.support.instances import TestInstance, free_port, start_instance

from lastgood.adapters.load import Load
from lastgood.adapters.load_answer import Call


@pytest.fixture
def instance() -> Iterator[TestInstance]:
    started = start_instance("v1")
    yield started
    started.kill()


def test_a_thousand_a_second_are_sent_on_time_with_half_a_core(instance: TestInstance) -> None:
    with Load("127.0.0.1", instance.port, 1000, at_most=1000) as load:
        load.join()
    assert {(answer.status, answer.release, answer.fault) for answer in load.answers} == {(200, "v1", "")}
    assert sorted(answer.number for answer in load.answers) == list(range(1000))
    assert load.processor_seconds < 0.5


def test_a_refused_connection_is_a_failed_request() -> None:
    with Load("127.0.0.1", free_port(), 100, at_most=3) as load:
        load.join()
    assert [answer.failed for answer in load.answers] == [True] * 3
    assert all(answer.fault for answer in load.answers)


def test_a_stalled_server_does_not_slow_the_load_and_its_stall_counts_from_when_requests_were_due(
    instance: TestInstance,
) -> None:
    slow = Load(
        "127.0.0.1",
        instance.port,
        100,
        call=lambda number: Call(path="/slow/0.3"),
        at_most=30,
        connections=10,
    )
    with slow:
        slow.join()
    latencies = sorted(answer.seconds for answer in slow.answers)
    assert latencies[0] >= 0.3
    assert latencies[-1] >= 0.6  # three turns of ten: the last ones were due at 0.3 s and began at 0.6 s


def test_a_request_whose_connection_breaks_is_not_sent_again() -> None:
    received = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut_off() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                received.append(connection.recv(65536))
                connection.close()

        thread = threading.Thread(target=cut_off)
        thread.start()
        with Load("127.0.0.1", server.getsockname()[1], 50, at_most=2) as load:
            load.join()
        thread.join()
    assert [answer.status for answer in load.answers] == [0, 0]
    assert [text.rpartition(b"\r\n")[2] for text in received] == [b'{"number":0}', b'{"number":1}']


def test_it_ends_after_the_longest_time_and_silence_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began_at = time.monotonic()
        with Load(
            "127.0.0.1",
            silent.getsockname()[1],
            20,
            longest=timedelta(milliseconds=200),
            answer_limit=timedelta(milliseconds=200),
        ) as load:
            load.join()
    assert time.monotonic() - began_at < 5
    assert {answer.fault for answer in load.answers} == {"no answer within 0.2 s"}


def test_idle_connections_that_the_server_ends_are_not_used_again() -> None:
    """Each answer is whole and promises to keep the connection, which is closed a moment later."""

    def answer_and_leave(line: socket.socket) -> None:
        with line:
            if line.recv(65536):
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                time.sleep(0.02)

    def serve(server: socket.socket) -> None:
        with suppress(OSError):  # the test is over, and the server with it
            while True:
                threading.Thread(target=answer_and_leave, args=(server.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        with Load("127.0.0.1", server.getsockname()[1], 20, at_most=20) as load:
            load.join()
    assert [answer.status for answer in load.answers] == [200] * 20

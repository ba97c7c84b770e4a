"""The load generator knows where an answer ends."""

from __future__ import annotations

import pytest

from lastgood.adapters.load_answer import Call, read_head, request_bytes, whole

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
SIZED = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nX-Release: v2\r\n\r\nabc"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize("answer", [CHUNKED, SIZED, EMPTY])
def test_an_answer_is_whole_with_its_last_byte_and_not_before(answer: bytes) -> None:
    for length in range(len(answer) + 1):
        head = read_head(answer[:length])
        assert (head is not None and whole(answer[:length], head)) == (length == len(answer))


def test_an_answer_without_length_lasts_until_the_connection_ends() -> None:
    head = read_head(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert head is not None
    assert head.until_close
    assert head.closes
    assert not whole(b"HTTP/1.1 200 OK\r\n\r\nabc", head)


def test_status_and_headers_are_read() -> None:
    head = read_head(SIZED)
    assert head is not None
    assert (head.status, head.headers["x-release"], head.closes) == (201, "v2", False)


def test_what_is_no_http_is_an_error() -> None:
    with pytest.raises(ValueError, match="no HTTP"):
        read_head(b"SSH-2.0-x\r\n\r\n")


def test_a_request_states_the_length_of_its_body() -> None:
    assert request_bytes(Call(body=b"ab"), "x:1").endswith(b"Content-Length: 2\r\n\r\nab")
    assert request_bytes(Call("GET", "/a"), "x:1") == b"GET /a HTTP/1.1\r\nHost: x:1\r\n\r\n"

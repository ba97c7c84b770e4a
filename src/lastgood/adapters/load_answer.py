"""HTTP/1.1 as the load generator speaks it: bytes out, and the end of an answer found in bytes in. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """A request to send. It is sent once: a POST is not repeated when its connection breaks."""

    method: str = "POST"
    path: str = "/"
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Head:
    """`length` is the body's; None when it comes in chunks or, with
    `until_close`, until the connection ends."""

    status: int
    headers: dict[str, str]  # names in small letters
    starts_at: int  # where the body begins
    length: int | None
    until_close: bool
    closes: bool  # the connection ends after this answer


def request_bytes(call: Call, host: str) -> bytes:
    head = f"{call.method} {call.path} HTTP/1.1\r\nHost: {host}\r\n"
    if call.body or call.method not in ("GET", "HEAD"):
        head += f"Content-Type: {call.content_type}\r\nContent-Length: {len(call.body)}\r\n"
    return head.encode("ascii") + b"\r\n" + call.body


def read_head(received: bytes | bytearray) -> Head | None:
    """None while the headers are not whole. Raises ValueError when this is no HTTP."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *rest = bytes(received[:end]).decode("latin-1").split("\r\n")
    version, _, after = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP: {first[:40]!r}")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
    }
    status = int(after[:3])
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    length = None if chunked or "content-length" not in headers else int(headers["content-length"])
    if status in (204, 304):
        length = 0
    until_close = not chunked and length is None
    closes = until_close or headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
    return Head(status, headers, end + 4, length, until_close, closes)


def whole(received: bytes | bytearray, head: Head) -> bool:
    """Whether the body has come to its end; answers until close never have."""
    if head.length is not None:
        return len(received) >= head.starts_at + head.length
    return not head.until_close and _chunks_end(received, head.starts_at)


def _chunks_end(received: bytes | bytearray, at: int) -> bool:
    while (line_end := received.find(b"\r\n", at)) >= 0:
        size = int(bytes(received[at:line_end]).partition(b";")[0], 16)
        at = line_end + 2 + size + 2
        if size == 0:
            return len(received) >= at
    return False

"""HTTP/1.1 with keep-alive on asyncio streams: as much of it as a shop behind a proxy needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

HEAD_LIMIT_BYTES = 32 * 1024
BODY_LIMIT_BYTES = 32 * 1024 * 1024
REQUEST_LIMIT_SECONDS = 60  # for a whole request to arrive; also how long an idle connection is kept
FINISH_LIMIT_SECONDS = 10  # for the requests in flight when the server ends
WAITING_CONNECTIONS = 512


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in small letters
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class HttpError(Exception):
    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def json_response(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode() + b"\n")


class HttpServer:
    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._idle: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._ending = False

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(
            self._serve, host, port, limit=HEAD_LIMIT_BYTES, backlog=WAITING_CONNECTIONS
        )

    async def finish(self) -> None:
        """Take no more connections, answer the requests in flight, then return."""
        self._ending = True
        if self._server is not None:
            self._server.close()
        for writer in self._idle:
            writer.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=FINISH_LIMIT_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while not self._ending and await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the other side left, or said nothing for too long: there is nobody to answer
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read and answer one request; whether the connection may carry another."""
        try:
            async with asyncio.timeout(REQUEST_LIMIT_SECONDS):
                request = await self._read(reader, writer)
        except HttpError as error:  # where the next request begins is not known
            await _send(writer, json_response({"error": str(error)}, error.status), keep_alive=False)
            return False
        response = await self._answer(request)
        keep_alive = request.headers.get("connection", "").lower() != "close" and not self._ending
        await _send(writer, response, keep_alive)
        return keep_alive

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
        self._idle.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise HttpError(431, "the head of the request is too long") from None
        finally:
            self._idle.discard(writer)
        method, target, headers = _parse_head(head)
        if "transfer-encoding" in headers:
            raise HttpError(411, "say the length of the body in Content-Length")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise HttpError(400, "Content-Length is no number")
        if int(length) > BODY_LIMIT_BYTES:
            raise HttpError(413, f"the body is longer than {BODY_LIMIT_BYTES} bytes")
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(int(length))
        url = urlsplit(target)
        return Request(method, unquote(url.path), dict(parse_qsl(url.query)), headers, body)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    request_line, *header_lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise HttpError(400, "this is no HTTP/1.1 request")
    headers = {}
    for line in header_lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise HttpError(400, "a header has no colon")
        headers[name.lower()] = value.strip()
    if words[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return words[0], words[1], headers


async def _send(writer: asyncio.StreamWriter, response: Response, keep_alive: bool) -> None:
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "keep-alive" if keep_alive else "close",
        **response.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    phrase = HTTPStatus(response.status).phrase
    writer.write(f"HTTP/1.1 {response.status} {phrase}\r\n{lines}\r\n".encode("latin-1") + response.body)
    await writer.drain()

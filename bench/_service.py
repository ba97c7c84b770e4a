"""A small fast service for benchmarks: answers each POST with 201, or by chance with 500.

Copied into release folders as it is; release.json beside it says {"name": ..., "failing": ...}, the chance.
It listens at $HOST:$PORT; on TERM it takes no more connections, answers what it has and ends with 0.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from pathlib import Path

RELEASE = json.loads((Path(__file__).parent / "release.json").read_text())
STATUS = {201: "201 Created", 200: "200 OK", 500: "500 Internal Server Error"}


class Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].partition(b"\r\n")[0])
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            self.answer(is_post=head.startswith(b"post"))

    def answer(self, is_post: bool) -> None:
        status = 200
        if is_post:
            status = 500 if random.random() < RELEASE["failing"] else 201
        body = b"{}"
        self.transport.write(
            f"HTTP/1.1 {STATUS[status]}\r\nX-Release: {RELEASE['name']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


async def main() -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    server = await loop.create_server(Connection, os.environ["HOST"], int(os.environ["PORT"]))
    await ending.wait()
    server.close()
    await asyncio.sleep(0.05)  # answers are written as soon as a request is whole


if __name__ == "__main__":
    asyncio.run(main())

"""A small instance for traffic tests, run as its own process: `python instance.py PORT RELEASE`.

Paths: `/` answers 200, `/500` answers 500, `/slow/SECONDS` answers late, `/cut` closes without an answer.
Each answer carries X-Release.
"""

from __future__ import annotations

import asyncio
import sys


async def serve(port: int, release: str) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: answer(reader, writer, release), "127.0.0.1", port
    )
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, release: str) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            length = next(
                (
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            await reader.readexactly(length)
            if path.startswith("/slow/"):
                await asyncio.sleep(float(path.removeprefix("/slow/")))
            if path == "/cut":
                return
            status = "500 Broken" if path == "/500" else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\nX-Release: {release}\r\nContent-Length: 2\r\n\r\nok".encode())
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))

"""Run the shop: python3 -B -m shop [--host HOST] [--port PORT].

Environment: PORT, SHOP_DATABASE (a file, default shop.db), SHOP_UPLOADS (a folder, default uploads).
On TERM it finishes the requests it has and ends with 0.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

from shop.http import HttpServer
from shop.orders import OrderBook
from shop.release import Release
from shop.routes import Shop
from shop.uploads import Uploads


def main() -> None:
    parser = argparse.ArgumentParser(prog="shop")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    arguments = parser.parse_args()
    asyncio.run(run(arguments.host, arguments.port))


async def run(host: str, port: int) -> None:
    release = Release()
    orders = OrderBook(Path(os.environ.get("SHOP_DATABASE", "shop.db")), release.total)
    uploads = Uploads(Path(os.environ.get("SHOP_UPLOADS", "uploads")))
    server = HttpServer(Shop(release, orders, uploads).answer)

    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    await server.start(host, port)
    release.started()
    print(f"shop {release.version} on http://{host}:{port}", flush=True)
    await asked_to_stop.wait()
    await server.finish()
    await orders.close()


if __name__ == "__main__":
    main()

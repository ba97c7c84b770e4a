"""Bad: it ends in the middle of its work 20 seconds after it started, with exit code 1."""

import asyncio
import os

from shop.behaviour import Behaviour


class Release(Behaviour):
    version = "bad-crash"

    def started(self) -> None:
        seconds = float(os.environ.get("SHOP_CRASH_AFTER_SECONDS", "20"))
        asyncio.get_running_loop().call_later(seconds, os._exit, 1)

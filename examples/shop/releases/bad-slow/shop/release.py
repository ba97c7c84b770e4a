"""Bad: every answer takes 1.5 seconds."""

import asyncio

from shop.behaviour import Behaviour, Handler
from shop.http import Request, Response


class Release(Behaviour):
    version = "bad-slow"

    async def answer(self, request: Request, handle: Handler) -> Response:
        await asyncio.sleep(1.5)
        return await handle(request)

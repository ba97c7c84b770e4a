"""What a release can do differently. The good ones only name their version; each bad one breaks one thing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shop.http import Request, Response

Handler = Callable[[Request], Awaitable[Response]]


class Behaviour:
    version = "unnamed"

    def started(self) -> None:
        """Called once, when the shop takes requests."""

    async def answer(self, request: Request, handle: Handler) -> Response:
        return await handle(request)

    def total(self, quantity: int, price: int) -> int:
        return quantity * price

"""Bad: every twentieth order is answered with an error."""

from itertools import count

from shop.behaviour import Behaviour, Handler
from shop.http import Request, Response


class Release(Behaviour):
    version = "bad-errors"

    def __init__(self) -> None:
        self._orders = count(1)

    async def answer(self, request: Request, handle: Handler) -> Response:
        if request.method == "POST" and request.path == "/orders" and next(self._orders) % 20 == 0:
            raise RuntimeError("the till is jammed")
        return await handle(request)

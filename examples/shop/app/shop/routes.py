"""What the shop answers to which request."""

from __future__ import annotations

import json
import sqlite3
import traceback
from collections.abc import Awaitable
from dataclasses import replace

from shop.behaviour import Behaviour
from shop.catalogue import PRICES
from shop.extra_fields import EXTRA_FIELDS
from shop.http import HttpError, Request, Response, json_response
from shop.orders import NewOrder, OrderBook
from shop.page import shop_front
from shop.uploads import Uploads

HEALTH_PATH = "/health"
LARGEST_QUANTITY = 1000
LONGEST_TEXT = 500
DEFAULT_LIMIT, LARGEST_LIMIT = 20, 1000


class Shop:
    def __init__(self, release: Behaviour, orders: OrderBook, uploads: Uploads) -> None:
        self._release = release
        self._orders = orders
        self._uploads = uploads

    async def answer(self, request: Request) -> Response:
        """Never raises. Each answer names the release it comes from."""
        try:
            response = await self._release.answer(request, self._route)
        except HttpError as error:
            response = json_response({"error": str(error)}, error.status)
        except (sqlite3.Error, OSError) as error:
            response = json_response({"error": f"the shop cannot keep its data: {error}"}, 503)
        except Exception:  # noqa: BLE001  one broken request must not end the others
            traceback.print_exc()
            response = json_response({"error": "the shop made a mistake"}, 500)
        return replace(response, headers={**response.headers, "X-Release": self._release.version})

    def _route(self, request: Request) -> Awaitable[Response]:
        if request.path == HEALTH_PATH:
            return self._health()
        match request.method, request.path.strip("/").split("/"):
            case "GET", [""]:
                return self._front()
            case "POST", ["orders"]:
                return self._place_order(request)
            case "GET", ["orders"]:
                return self._list_orders(request)
            case "GET", ["orders", number]:
                return self._show_order(number)
            case "POST", ["uploads", name]:
                return self._upload(name, request.body)
            case "GET", ["uploads", name]:
                return self._download(name)
        raise HttpError(404, f"there is no {request.method} {request.path}")

    async def _front(self) -> Response:
        page = shop_front(self._release.version, await self._orders.latest(5))
        return Response(200, page.encode(), "text/html; charset=utf-8")

    async def _health(self) -> Response:
        await self._orders.check()
        await self._uploads.check()
        return json_response({"status": "ok", "release": self._release.version})

    async def _place_order(self, request: Request) -> Response:
        return json_response(await self._orders.place(_new_order(request.body)), 201)

    async def _list_orders(self, request: Request) -> Response:
        limit = _number(request.query.get("limit", str(DEFAULT_LIMIT)), "limit", LARGEST_LIMIT)
        return json_response(await self._orders.latest(limit))

    async def _show_order(self, number: str) -> Response:
        order = await self._orders.find(_number(number, "order number", 2**63 - 1))
        if order is None:
            raise HttpError(404, f"there is no order {number}")
        return json_response(order)

    async def _upload(self, name: str, content: bytes) -> Response:
        await self._uploads.keep(name, content)
        return json_response({"name": name, "size_bytes": len(content)}, 201)

    async def _download(self, name: str) -> Response:
        content = await self._uploads.read(name)
        if content is None:
            raise HttpError(404, f"there is no upload {name}")
        return Response(200, content, "application/octet-stream")


def _new_order(body: bytes) -> NewOrder:
    try:
        wish = json.loads(body)
    except ValueError:
        raise HttpError(400, 'the body is no JSON; send {"item": "tea", "quantity": 2}') from None
    item = wish.get("item") if isinstance(wish, dict) else None
    if not isinstance(item, str) or item not in PRICES:
        raise HttpError(400, f"item must be one of: {', '.join(PRICES)}")
    quantity = wish.get("quantity")
    if type(quantity) is not int or not 1 <= quantity <= LARGEST_QUANTITY:
        raise HttpError(400, f"quantity must be a number from 1 to {LARGEST_QUANTITY}")
    extra = {name: wish.get(name, "") for name in EXTRA_FIELDS}
    if any(not isinstance(text, str) or len(text) > LONGEST_TEXT for text in extra.values()):
        raise HttpError(400, f"{', '.join(extra)} must be text of at most {LONGEST_TEXT} characters")
    return NewOrder(item, quantity, PRICES[item], extra)


def _number(text: str, what: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= largest):
        raise HttpError(400, f"{what} must be a number from 1 to {largest}")
    return int(text)

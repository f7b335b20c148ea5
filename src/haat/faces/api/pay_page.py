"""The page behind a pay link: what is due, in the buyer's language, and a button for each way to pay it. Plain HTML, no script, no login.

A buyer comes here from a message after a payment failed, or from a gateway's own page. The link opens this one order's money and
nothing else; a button begins a payment and sends the browser on to the gateway.
"""

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl

from haat.domain import orders, payments
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import pages, pay_html
from haat.faces.api.pages import HEADERS, PageQuery
from haat.faces.api.payments import LINK_FOR, PayDesk, redirect_of
from haat.faces.api.shop import Shop
from haat.flows.paying import Counter
from haat.kernel.errors import HaatError, Refused
from haat.kernel.facts import Origin
from haat.kernel.outside import Connection

FORM = "application/x-www-form-urlencoded"
BODY_MAX = 4096


def endpoints(shop: Shop, counter: Counter) -> list[Endpoint]:
    desk = _Desk(shop, counter)
    return [
        Endpoint("GET", "/pay/{token}", "showPayPage", "The page on which a buyer pays for one order", desk.show, "Payments",
                 query=PageQuery, answers={200: "text/html", 404: "text/html"}, problems=(400, 404)),
        Endpoint("POST", "/pay/{token}", "payOnPage", "Begin a payment from the page and go on to the gateway", desk.pay, "Payments",
                 query=PageQuery, streams=(FORM,), body_max=BODY_MAX, answers={200: "text/html", 303: None, 404: "text/html"},
                 problems=(400, 404, 413, 415), example="method=bkash"),
    ]  # fmt: skip


class Landing:
    """Where a buyer goes on who comes back from a gateway: to the page of the order, after the gateway was asked once."""

    def __init__(self, shop: Shop, counter: Counter) -> None:
        self._shop = shop
        self._counter = counter
        self._desk = PayDesk(shop, counter)

    async def __call__(self, connection: Connection, brought: Mapping[str, str]) -> str | None:
        order_id = await self._counter.returned(connection, brought)
        return None if order_id is None else self._desk.link_of(order_id, self._shop.clock.now() + LINK_FOR)


class _Desk:
    def __init__(self, shop: Shop, counter: Counter) -> None:
        self._shop = shop
        self._counter = counter
        self._desk = PayDesk(shop, counter)

    async def show(self, call: Call) -> Answer:
        order = await self._order(call)
        return _closed(call) if order is None else self._page(call, order)

    async def pay(self, call: Call) -> Answer:
        order = await self._order(call)
        if order is None:
            return _closed(call)
        body = b"".join([chunk async for chunk in call.chunks]) if call.chunks is not None else b""
        with suppress(UnicodeDecodeError, ValueError):
            method = dict(parse_qsl(body.decode(), max_num_fields=10)).get("method", "")
            try:
                _, order = await self._desk.begin(order, _wanted(order, method), Origin("guest", "pay link", call.trace))
            except Refused as refusal:
                return self._page(call, await self._desk.order(order.id), said=refusal.code)
            except HaatError:
                return self._page(call, await self._desk.order(order.id), said="later")
        onward = redirect_of(order, self._shop.clock.now())
        if onward.startswith(("https://", "http://")):
            return Answer(303, headers=[(b"location", onward.encode("ascii", "ignore")), *HEADERS])
        return self._page(call, order)

    async def _order(self, call: Call) -> orders.Order | None:
        """The order that the link opens."""
        order_id = payments.order_to_pay(call.path["token"], secrets=self._shop.guest_secrets, now=self._shop.clock.now())
        return None if order_id is None else await self._desk.order(order_id)

    def _page(self, call: Call, order: orders.Order, *, said: str = "") -> Answer:
        offered = pay_html.offered(self._counter.desk.methods(), order)
        return pages.answer(200, pay_html.page(order, offered, pages.language_of(call), said=said))


def _closed(call: Call) -> Answer:
    """A person reads this, so it is a page and no problem document."""
    return pages.answer(404, pay_html.closed(pages.language_of(call)))


def _wanted(order: orders.Order, method: str) -> list[tuple[str, int]]:
    """What a button asks for: all that is due by this method; the same again where that is how it was to be paid."""
    due = [t for t in order.payments if t.method != orders.paying.CASH and t.owed > t.secured]
    if len(due) == 1 and method == due[0].method:
        return []
    later = [(t.method, t.owed - t.secured) for t in order.payments if t.method == orders.paying.CASH and t.owed > t.secured]
    now, later = orders.paying.uncovered(order), later if order.status == "placed" else []
    if method == orders.paying.CASH:
        return [(method, now + sum(amount for _, amount in later))]
    return [(method, now), *later]

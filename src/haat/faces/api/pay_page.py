"""The page behind a pay link: what is due, in two languages, and a button for each way to pay it. Plain HTML, no script, no login.

A buyer comes here from a message after a payment failed, or from a gateway's own page. The link opens this one order's money and
nothing else; a button begins a payment and sends the browser on to the gateway.
"""

from collections.abc import Mapping
from contextlib import suppress
from html import escape
from urllib.parse import parse_qsl

from haat.domain import orders, payments
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api.payments import LINK_FOR, PayDesk, redirect_of
from haat.faces.api.shop import Shop
from haat.flows.paying import Counter
from haat.kernel.errors import HaatError, Refused
from haat.kernel.facts import Origin
from haat.kernel.money import decimal_text
from haat.kernel.outside import Connection
from haat.kernel.text import bangla_digits

FORM = "application/x-www-form-urlencoded"
BODY_MAX = 4096
HTML = b"text/html; charset=utf-8"
#: No script, nothing from elsewhere, and nobody shows it inside a page of theirs. Its form goes on to gateways, so that stays open.
POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
    (b"content-security-policy", POLICY),
)
#: What buyers know these by. A method that is not here is shown by its code.
METHODS: Mapping[str, tuple[str, str]] = {
    "bkash": ("bKash", "বিকাশ"),
    "nagad": ("Nagad", "নগদ"),
    "card": ("Card", "কার্ড"),
    "rocket": ("Rocket", "রকেট"),
    "upay": ("upay", "উপায়"),
    "bank": ("Internet banking", "ইন্টারনেট ব্যাংকিং"),
    "sslcommerz": ("SSLCOMMERZ", "এসএসএল কমার্জ"),
    "stripe": ("Stripe", "স্ট্রাইপ"),
    "cod": ("Cash on delivery", "পণ্য হাতে পেয়ে নগদ"),
}
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:30rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}"
    "h1{font-size:1.3rem}.due{font-size:1.6rem;font-weight:600}button{display:block;width:100%;padding:.8rem;margin:.5rem 0;"
    "font:inherit;border:1px solid #0a5c44;border-radius:.4rem;background:#0a5c44;color:#fff;cursor:pointer}"
    "button:focus-visible{outline:3px solid #e2a400}p[role=status]{padding:.6rem;border-left:4px solid #0a5c44;background:#eef6f2}"
)


def endpoints(shop: Shop, counter: Counter) -> list[Endpoint]:
    desk = _Desk(shop, counter)
    return [
        Endpoint("GET", "/pay/{token}", "showPayPage", "The page on which a buyer pays for one order", desk.show, "Payments",
                 answers={200: "text/html"}, problems=(404,)),
        Endpoint("POST", "/pay/{token}", "payOnPage", "Begin a payment from the page and go on to the gateway", desk.pay, "Payments",
                 streams=(FORM,), body_max=BODY_MAX, answers={200: "text/html", 303: None}, problems=(404, 413, 415),
                 example="method=bkash"),
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
        return self._page(await self._order(call))

    async def pay(self, call: Call) -> Answer:
        order = await self._order(call)
        body = b"".join([chunk async for chunk in call.chunks]) if call.chunks is not None else b""
        with suppress(UnicodeDecodeError, ValueError):
            method = dict(parse_qsl(body.decode(), max_num_fields=10)).get("method", "")
            try:
                _, order = await self._desk.begin(order, _wanted(order, method), Origin("guest", "pay link", call.trace))
            except Refused as refusal:
                return self._page(await self._order(call), said=refusal.detail)
            except HaatError:
                return self._page(await self._order(call), said="Please try again in a minute. একটু পরে আবার চেষ্টা করুন।")
        onward = redirect_of(order, self._shop.clock.now())
        if onward.startswith(("https://", "http://")):
            return Answer(303, headers=[(b"location", onward.encode("ascii", "ignore")), *HEADERS])
        return self._page(order)

    async def _order(self, call: Call) -> orders.Order:
        order_id = payments.order_to_pay(call.path["token"], secrets=self._shop.guest_secrets, now=self._shop.clock.now())
        if order_id is None:
            raise Refused("unknown_link", "This link does not open anything (any more).", kind="missing")
        return await self._desk.order(order_id)

    def _page(self, order: orders.Order, *, said: str = "") -> Answer:
        methods = sorted(self._counter.desk.methods() & METHODS.keys())
        return Answer(200, page(order, methods, said=said).encode(), HEADERS, HTML)


def page(order: orders.Order, methods: list[str], *, said: str = "") -> str:
    """The page. Everything that comes from an order is escaped."""
    due = 0 if order.status in orders.paying.ENDED else orders.paying.uncovered(order)
    state, state_bn = _state(order, due)
    amount = f"{order.currency} {decimal_text(due, order.currency)}"
    buttons = [
        f'<button name="method" value="{escape(code)}">{escape(METHODS[code][0])} · <span lang="bn">{METHODS[code][1]}</span></button>'
        for code in methods
        if due and (code != orders.paying.CASH or order.status == "placed")
    ]
    form = f'<form method="post">{"".join(buttons)}</form>' if buttons else ""
    note = f"<p role=status>{escape(said)}</p>" if said else ""
    owed = f'<p class="due">{escape(amount)} <span lang="bn">({bangla_digits(decimal_text(due, order.currency))} টাকা)</span></p>'
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Haat · {escape(order.number)}</title><style>{STYLE}</style><main>"
        f'<h1>Order <span translate="no">{escape(order.number)}</span> · <span lang="bn">অর্ডার</span></h1>'
        f'<p>{state} <span lang="bn">{state_bn}</span></p>{owed if due else ""}{note}{form}</main></html>'
    )


def _state(order: orders.Order, due: int) -> tuple[str, str]:
    if order.status in orders.paying.ENDED:
        return "This order has ended. What you paid comes back to you.", "অর্ডারটি শেষ হয়েছে। যা দিয়েছেন তা ফেরত পাবেন।"
    if not due:
        return "Thank you, nothing is to be paid online.", "ধন্যবাদ, অনলাইনে আর কিছু দিতে হবে না।"
    if any(a.status == "uncertain" for t in order.payments for a in t.attempts):
        return "We are asking whether your payment arrived.", "আপনার পরিশোধ পৌঁছেছে কি না আমরা জানছি।"
    return "Your goods are held for you. To be paid:", "আপনার পণ্য রাখা আছে। দিতে হবে:"


def _wanted(order: orders.Order, method: str) -> list[tuple[str, int]]:
    """What a button asks for: all that is due by this method; the same again where that is how it was to be paid."""
    due = [t for t in order.payments if t.method != orders.paying.CASH and t.owed > t.secured]
    if len(due) == 1 and method == due[0].method:
        return []
    later = [(t.method, t.owed - t.secured) for t in order.payments if t.method == orders.paying.CASH and t.owed > t.secured]
    return [(method, orders.paying.uncovered(order)), *(later if order.status == "placed" else [])]

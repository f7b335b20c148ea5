"""The page of an order, for the buyer who got its link in a message: its story in the buyer's language, what is in it, what is to be paid.

The link carries a guest's token of this one order, which opens nothing else. Plain HTML, no script, no login.
"""

from collections.abc import Sequence
from html import escape

from haat.domain import orders, people
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, pages, pay_html
from haat.faces.api.pages import Language, PageQuery
from haat.faces.api.payments import LINK_FOR, PayDesk
from haat.faces.api.shop import Shop
from haat.flows.paying import Counter

WORDS = {
    "order": ("Order", "অর্ডার"),
    "pay": ("Pay {}", "{} পরিশোধ করুন"),
    "expected": ("Expected by {}", "{}-এর মধ্যে পৌঁছানোর কথা"),
    "story": ("What has happened", "এ পর্যন্ত যা হয়েছে"),
    "inside": ("What is in it", "যা আছে"),
    "total": ("In all", "মোট"),
    "closed": ("This link does not open anything any more. Ask the shop for a new one.", "এই লিংকটি আর কাজ করে না। দোকান থেকে নতুন লিংক নিন।"),
}


def endpoints(shop: Shop, counter: Counter) -> list[Endpoint]:
    desk = _Desk(shop, counter)
    return [
        Endpoint("GET", "/orders/{token}", "showOrderPage", "The page of an order, for who has its link", desk.show, "Orders",
                 query=PageQuery, answers={200: "text/html", 404: "text/html"}, problems=(400, 404)),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop, counter: Counter) -> None:
        self._shop = shop
        self._pay = PayDesk(shop, counter)

    async def show(self, call: Call) -> Answer:
        language, now = pages.language_of(call), self._shop.clock.now()
        order_id = people.guest.order_of_token(call.path["token"], secrets=self._shop.guest_secrets, now=now)
        stream = None
        if order_id is not None:
            async with self._shop.database.reading() as tx:
                stream = (await orders.streams(self._shop.journal, tx, [order_id])).get(order_id)
        order = orders.fold(stream) if stream else None
        if order is None or stream is None:
            return pages.answer(404, pages.framed("", language, f"<p role=status>{_word('closed', language)}</p>"))
        due = 0 if order.ended else orders.paying.uncovered(order)
        link = self._pay.link_of(order.id, now + LINK_FOR) if due else ""
        told = orders.timeline(stream, reader="customer")
        return pages.answer(200, page(access.shown_to("guest", order), told, language, due=due, pay_link=link))


def page(order: orders.Order, told: Sequence[orders.Entry], language: Language, *, due: int, pay_link: str) -> str:
    """The newest word first, as that is what somebody comes for."""
    body = f'<h1>{_word("order", language)} <span translate="no">{escape(order.number)}</span></h1>'
    if due and pay_link:
        amount = pages.money(due, order.currency, language)
        body += f'<a class="first" href="{escape(pay_link)}?language={language}">{_word("pay", language).format(amount)}</a>'
    if order.promised_at is not None and not order.ended:
        body += f"<p>{_word('expected', language).format(pages.day(order.promised_at, language))}</p>"
    story = [
        f"<li>{escape(entry.text_bn if language == 'bn' else entry.text)}<br><small>{pages.day(entry.at, language)}, "
        f"{pages.moment(entry.at, language)}</small></li>"
        for entry in reversed(told)
    ]
    body += f"<h2>{_word('story', language)}</h2><ol>{''.join(story)}</ol>"
    body += f"<h2>{_word('inside', language)}</h2>{pay_html.lines(order, language)}"
    if order.totals.grand:
        body += f"<p>{_word('total', language)}: <strong>{pages.money(order.totals.grand, order.currency, language)}</strong></p>"
    return pages.framed(order.number, language, body)


def _word(name: str, language: Language) -> str:
    return WORDS[name][language == "bn"]

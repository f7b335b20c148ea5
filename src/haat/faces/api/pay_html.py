"""How the page behind a pay link looks: what is due, for what, until when, and a button for each way to pay. Pure; no script."""

from collections.abc import Mapping, Sequence
from html import escape

from haat.domain import orders
from haat.faces.api.pages import Language, framed, moment, money, number

LINES_MAX = 12
#: What buyers know ways to pay by, in the order in which they are offered. A method that is not here is not offered.
METHODS: Mapping[str, tuple[str, str]] = {
    "bkash": ("bKash", "বিকাশ"),
    "nagad": ("Nagad", "নগদ (Nagad)"),
    "rocket": ("Rocket", "রকেট"),
    "upay": ("upay", "উপায়"),
    "card": ("Card", "কার্ড"),
    "bank": ("Internet banking", "ইন্টারনেট ব্যাংকিং"),
    "sslcommerz": ("SSLCOMMERZ", "এসএসএল কমার্জ"),
    "stripe": ("Stripe", "স্ট্রাইপ"),
    "cod": ("Cash on delivery", "পণ্য হাতে পেয়ে নগদ টাকা"),
}
#: Houses behind ways to pay: a buyer chooses a card, not whose machine reads it. Offered where nothing better is.
HOUSES = frozenset({"sslcommerz", "stripe"})
WORDS: Mapping[str, tuple[str, str]] = {
    "order": ("Order", "অর্ডার"),
    "ended": ("This order has ended. What you paid comes back to you.", "অর্ডারটি শেষ হয়েছে। যা দিয়েছেন তা ফেরত পাবেন।"),
    "paid": ("Thank you, nothing is to be paid online.", "ধন্যবাদ, অনলাইনে আর কিছু দিতে হবে না।"),
    "asking": ("We are asking whether your payment arrived. Please wait a minute.", "আপনার টাকা পৌঁছেছে কি না আমরা জানছি। একটু অপেক্ষা করুন।"),
    "held": ("Your goods are held for you. To be paid:", "আপনার পণ্য রাখা আছে। দিতে হবে:"),
    "until": ("Please pay by {}.", "{}-এর মধ্যে পরিশোধ করুন।"),
    "with": ("Pay with {}", "{} দিয়ে পরিশোধ"),
    "door": ("Pay in cash at the door", "পণ্য হাতে পেয়ে নগদ টাকা দেব"),
    "more": ("and {} more", "আরও {}টি"),
    "delivery": ("Delivery and fees", "ডেলিভারি ও ফি"),
    "later": ("Please try again in a minute.", "একটু পরে আবার চেষ্টা করুন।"),
    "unknown_link": ("This link does not open anything any more. Ask the shop for a new one.",
                     "এই লিংকটি আর কাজ করে না। দোকান থেকে নতুন লিংক নিন।"),
    "nothing_due": ("Nothing of this order is due now.", "এই অর্ডারের জন্য এখন কিছু দিতে হবে না।"),
    "payment_uncertain": ("Your last payment is still being asked about. Please wait a minute.",
                          "আপনার আগের পরিশোধের খোঁজ নেওয়া হচ্ছে। একটু অপেক্ষা করুন।"),
    "too_many_attempts": ("This order was tried to be paid too often. Please call the shop.",
                          "এই অর্ডারে অনেকবার চেষ্টা হয়েছে। দোকানে ফোন করুন।"),
    "unknown_method": ("Please choose one of these ways to pay.", "নিচের যেকোনো একটি উপায় বেছে নিন।"),
    "order_ended": ("This order has ended and cannot be paid.", "অর্ডারটি শেষ হয়েছে, আর পরিশোধ করা যাবে না।"),
    "due_at_the_door": ("This is paid at the door.", "পণ্য হাতে পেয়ে টাকা দেবেন।"),
}  # fmt: skip


def offered(methods: frozenset[str], order: orders.Order) -> list[str]:
    """The ways to pay that a buyer is offered: the one that was chosen first, houses only where there is nothing else.

    Of an order that is paid in several ways that is the one by which something is due now.
    """
    due = [t.method for t in order.payments if t.method != orders.paying.CASH and t.owed > t.secured]
    chosen = due[0] if due else order.payment_method
    known = [code for code in METHODS if code in methods and (code != orders.paying.CASH or order.status == "placed")]
    plain = [code for code in known if code not in HOUSES or code == chosen]
    usual = [code for code in plain if code != orders.paying.CASH]
    return sorted(plain if usual else known, key=lambda code: code != chosen)


def page(order: orders.Order, methods: Sequence[str], language: Language, *, said: str = "") -> str:
    """What is due, and how it may be paid. `said`: a word of WORDS that answers what was tried."""
    due = 0 if order.status in orders.paying.ENDED else orders.paying.uncovered(order)
    title = f'<h1>{_word("order", language)} <span translate="no">{escape(order.number)}</span></h1>'
    head = f"{title}<p>{_word(_state(order, due), language)}</p>"
    note = f"<p role=status>{_word(said, language)}</p>" if said else ""
    if not due:
        return framed(order.number, language, head + note)
    until = min((t.due_at for t in order.payments if t.due_at is not None and t.owed > t.secured), default=None)
    hint = f"<p><small>{_word('until', language).format(moment(until, language))}</small></p>" if until is not None else ""
    owed = f'<p class="due">{money(due, order.currency, language)}</p>'
    buttons = "".join([_button(code, language, first=n == 0) for n, code in enumerate(methods)])
    form = f'<form method="post" action="?language={language}">{buttons}</form>' if buttons else ""
    return framed(order.number, language, head + owed + hint + note + form + lines(order, language))


def closed(language: Language) -> str:
    """The page behind a link that opens nothing."""
    return framed("", language, f"<p role=status>{_word('unknown_link', language)}</p>")


def _state(order: orders.Order, due: int) -> str:
    if order.status in orders.paying.ENDED:
        return "ended"
    if not due:
        return "paid"
    uncertain = any(a.status == "uncertain" for t in order.payments for a in t.attempts)
    return "asking" if uncertain else "held"


def _button(code: str, language: Language, *, first: bool) -> str:
    name = METHODS[code][language == "bn"]
    text = _word("door", language) if code == orders.paying.CASH else _word("with", language).format(escape(name))
    return f'<button name="method" value="{escape(code)}"{" class=first" if first else ""}>{text}</button>'


def lines(order: orders.Order, language: Language) -> str:
    """What the order is for, as far as it was not cancelled."""
    kept = [(line, line.quantity - line.buckets.get("cancelled", 0)) for line in order.lines]
    kept = [(line, units) for line, units in kept if units]
    rows = [
        (f"{number(units, language)} × {escape(line.name_bn if language == 'bn' and line.name_bn else line.name)}", line.total)
        for line, units in kept[:LINES_MAX]
    ]
    if len(kept) > LINES_MAX:
        rows.append((_word("more", language).format(number(len(kept) - LINES_MAX, language)), sum([x.total for x, _ in kept[LINES_MAX:]])))
    beside = order.totals.grand - sum([line.total for line, _ in kept])
    if beside:
        rows.append((_word("delivery", language), beside))
    shown = [f"<li><span>{name}</span><span>{money(amount, order.currency, language)}</span></li>" for name, amount in rows]
    return f"<ul>{''.join(shown)}</ul>"


def _word(name: str, language: Language) -> str:
    return WORDS[name if name in WORDS else "later"][language == "bn"]

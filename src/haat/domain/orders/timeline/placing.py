"""Sentences about placing and changing an order."""

from collections.abc import Mapping

from haat.domain.orders.events import (
    OrderCancelled,
    OrderCreated,
    OrderHeld,
    OrderLinesCancelled,
    OrderNoted,
    OrderReleased,
    OrderStockReserved,
    OrderValidated,
    Remark,
)
from haat.domain.orders.timeline import words
from haat.domain.orders.timeline.saying import Audience, Said, Scene, Sentences, digits, items
from haat.domain.orders.timeline.words import Both


def ended(en: str, bn: str, amount: int, scene: Scene) -> Both:
    """`… ; 1,346.00 BDT is no longer owed and its goods were released`, for every way in which an order ends."""
    owed, owed_bn = scene.money(amount)
    return (
        f"{en}; {owed} is no longer owed and its goods were released.",
        f"{bn}; {owed_bn} আর দিতে হবে না, পণ্য আবার বিক্রির জন্য ছাড়া হয়েছে।",
    )


def remarks(found: tuple[Remark, ...]) -> Both:
    """What rules had to say, each by name, version and reason."""
    english = ", ".join(f"{r.rule} v{r.version} ({r.reason})" for r in found)
    return english, english


def _created(f: OrderCreated, scene: Scene) -> Said:
    total, total_bn = scene.money(f.totals.grand)
    goods, goods_bn = items(sum(line.quantity for line in f.lines))
    vendors = len(f.vendor_orders)
    channel, channel_bn = words.name(words.CHANNELS, f.channel)
    payer, payer_bn = _payer(f, scene)
    pay, pay_bn = (f", to be paid by {payer}", f", পরিশোধ: {payer_bn}") if not f.payments else (", paid already", ", আগেই পরিশোধিত")
    return Said(
        f"Order {f.number} was placed through {channel}: {goods} from {vendors} vendor{'s' * (vendors != 1)}, {total}{pay}.",
        f"{channel_bn} থেকে অর্ডার {f.number} দেওয়া হয়েছে: {digits(vendors)} জন বিক্রেতার {goods_bn}, মোট {total_bn}{pay_bn}।",
    )


def _payer(f: OrderCreated, scene: Scene) -> Both:
    """`bKash`; `bKash (500.00 BDT) and cash on delivery (846.00 BDT)` where the total was split."""
    if not f.tenders:
        return words.name(words.PAYERS, f.payment_method) if f.payment_method else ("agreement", "কথামতো")
    named = [(words.name(words.PAYERS, each.method), scene.money(each.amount)) for each in f.tenders]
    english, bangla = ([f"{name[n]} ({amount[n]})" for name, amount in named] for n in (0, 1))
    return f"{', '.join(english[:-1])} and {english[-1]}", f"{', '.join(bangla[:-1])} ও {bangla[-1]}"


def _validated(f: OrderValidated, scene: Scene) -> Said:
    del scene
    rules = len(f.passed)
    if not f.remarks:
        return Said(f"All {rules} checks passed.", f"{digits(rules)}টি যাচাই উত্তীর্ণ হয়েছে।", "staff")
    names, names_bn = remarks(f.remarks)
    return Said(f"{rules} checks passed; to look at: {names}.", f"{digits(rules)}টি যাচাই উত্তীর্ণ; দেখার বিষয়: {names_bn}।", "staff")


def _reserved(f: OrderStockReserved, scene: Scene) -> Said:
    sold = sum(line.quantity for line in scene.order.lines)
    late = sum(line.buckets.get("backordered", 0) for line in scene.order.lines)
    places = ", ".join(sorted({r.location for r in f.reservations}))
    (now, now_bn), (then, then_bn) = items(sold - late), items(late)
    if not late:
        plain = (f"{now} set aside for this order.", f"এই অর্ডারের জন্য {now_bn} আলাদা করে রাখা হয়েছে।")
        return Said(f"{now} set aside at {places}.", f"{now_bn} আলাদা করে রাখা হয়েছে ({places})।", "staff", plain)
    day, day_bn = scene.day(f.expected_at) if f.expected_at else ("a day to be told", "তারিখ পরে জানানো হবে")
    rest, rest_bn = f"; {then} will follow, expected {day}.", f"; আরও {then_bn} পরে আসবে, সম্ভাব্য দিন: {day_bn}।"
    plain = (f"{now} set aside for this order{rest}", f"এই অর্ডারের জন্য {now_bn} আলাদা করে রাখা হয়েছে{rest_bn}")
    return Said(f"{now} set aside at {places}{rest}", f"{now_bn} আলাদা করে রাখা হয়েছে ({places}){rest_bn}", "staff", plain)


def _held(f: OrderHeld, scene: Scene) -> Said:
    (kind, kind_bn), (until, until_bn) = words.said(words.HOLDS, f.kind), scene.until(f.until)
    why = f.detail or f.reason.replace("_", " ")
    plain = ("The order is being checked before it goes on.", "অর্ডারটি এগোনোর আগে যাচাই করা হচ্ছে।")
    return Said(f"On hold for {kind}{until}: {why}", f"স্থগিত, কারণ: {kind_bn}{until_bn}। {why}", "staff", plain)


def _released(f: OrderReleased, scene: Scene) -> Said:
    kind, kind_bn = words.said(words.HOLDS, f.kind)
    plain = None if scene.order.holds else ("The check is done; the order goes on.", "যাচাই শেষ; অর্ডারটি এগোচ্ছে।")
    return Said(f"The hold for {kind} was released: {f.reason}", f"স্থগিতাদেশ ({kind_bn}) তুলে নেওয়া হয়েছে: {f.reason}", "staff", plain)


def _lines_cancelled(f: OrderLinesCancelled, scene: Scene) -> Said:
    (less, less_bn), (cut, cut_bn) = scene.money(f.amount), items(sum(c.quantity for c in f.cuts))
    inside, outside = (ask(words.ENDINGS, f.reason) for ask in (words.reason, words.told))
    detail = f" «{f.detail}»" if f.detail else ""

    def both(reason: Both, more: str) -> Both:
        return (
            f"{cut} cancelled{reason[0]}{more}; {less} less to pay.",
            f"{cut_bn} বাতিল হয়েছে{reason[1]}{more}; {less_bn} কম দিতে হবে।",
        )

    return Said(*both(inside, detail), "staff", both(outside, ""))


def _cancelled(f: OrderCancelled, scene: Scene) -> Said:
    inside, outside = words.reason(words.ENDINGS, f.reason), words.told(words.ENDINGS, f.reason)
    detail = f" «{f.detail}»" if f.detail else ""
    plain = ended(f"The order was cancelled{outside[0]}", f"অর্ডারটি বাতিল হয়েছে{outside[1]}", f.amount, scene)
    told = ended(f"The order was cancelled{inside[0]}{detail}", f"অর্ডারটি বাতিল হয়েছে{inside[1]}{detail}", f.amount, scene)
    return Said(*told, "staff", plain)


def _noted(f: OrderNoted, scene: Scene) -> Said:
    del scene
    return Said(f"Note: {f.text}", f"নোট: {f.text}", _READERS.get(f.audience, "staff"))


_READERS: Mapping[str, Audience] = {"customer": "customer", "vendor": "vendor"}
SENTENCES: Sentences = {
    OrderCreated: _created,
    OrderValidated: _validated,
    OrderStockReserved: _reserved,
    OrderHeld: _held,
    OrderReleased: _released,
    OrderLinesCancelled: _lines_cancelled,
    OrderCancelled: _cancelled,
    OrderNoted: _noted,
}

"""Sixty days of orders: few things sell often, evenings and weekends are busy, most buyers pay at the door.

Requests as a client would send them, in the order in which they came. They keep the market's own rules (limits, coupons,
stock), so each of them can be placed; what becomes of each is in `outcome`, and `lives.py` tells it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

ORDERS = 2_000
DAYS = 60
DHAKA = timedelta(hours=6)  # UTC+6 all year
HOURS = (3, 2, 1, 1, 1, 2, 4, 8, 14, 22, 30, 34, 32, 28, 26, 26, 30, 36, 42, 50, 58, 60, 40, 16)
WEEKDAYS = (10, 10, 10, 11, 15, 14, 11)  # Monday first; the weekend is Friday and Saturday
CHANNELS = (("web", 45), ("app", 40), ("facebook", 15))
PAYMENTS = (("cod", 78), ("bkash", 14), ("nagad", 4), ("card", 4))
OUTCOMES = (("delivered", 83), ("cancelled", 7), ("refused", 6), ("returned", 3), ("lost", 1))
NOTES = ("সন্ধ্যার পর ফোন দেবেন", "অফিসের ঠিকানা, শুক্রবার বন্ধ", "দয়া করে সাবধানে প্যাক করবেন", "Please call before delivery", "Leave with the guard")
#: What is added to a basket because of an offer beside it, and how often in a hundred: three soaps, tea with honey.
ADDED = ((4, (("RUP-SOAP-NEEM-1", 3),)), (3, (("CHA-TEA-BLACK-500G", 1), ("SUN-HONEY-KHALISHA-500G", 1))))
OPEN_HOURS = 12  # orders of these last hours that are paid at the door are led on by the flows; others have been told until now
UNDECIDED_HOURS = (
    4  # and all of these last hours: a review of three hours and half an hour to pay may not be over, and nobody else would end them
)
COD_MAX = 40_000 * 100


def orders(now: datetime, products: Sequence[dict[str, Any]], customers: Sequence[dict[str, Any]], random: Random) -> list[dict[str, Any]]:
    """2,000 requests between `now` − 60 days and `now`, oldest first; `key` is an idempotency key."""
    sellable = [
        p
        for p in products
        if p.get("status", "active") == "active" and not (p.get("backorder") or p.get("purchase_limit") or p["sku"].startswith("DEMO-"))
    ]
    popular = list(sellable)
    random.shuffle(popular)
    weights = [1000 / (rank + 8) for rank in range(len(popular))]
    ordered: dict[str, int] = {}
    last: dict[str, datetime] = {}
    made = []
    for number, placed_at in enumerate(_instants(now, random), start=1):
        customer = _who(customers, last, placed_at, random)
        count = ordered[customer["phone"]] = ordered.get(customer["phone"], 0) + 1
        lines = _basket(popular, weights, wholesale=customer["group"] == "wholesale", random=random)
        asked, outcome = _request(customer, lines, count, random), _weighted(OUTCOMES, random)
        if now - placed_at < timedelta(hours=OPEN_HOURS if asked["payment_method"] == "cod" else UNDECIDED_HOURS):
            outcome = "open"
        made.append({"key": f"demo-order-{number:04d}", "placed_at": placed_at} | asked | {"outcome": outcome})
        last[customer["phone"]] = placed_at
    return made


def _instants(now: datetime, random: Random) -> list[datetime]:
    today = (now + DHAKA).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in range(DAYS, -1, -1)]
    weights = [WEEKDAYS[day.weekday()] * (100 + index) for index, day in enumerate(days)]
    found: list[datetime] = []
    earliest = now - timedelta(days=DAYS)
    while len(found) < ORDERS:
        day = random.choices(days, weights)[0]
        hour = random.choices(range(24), HOURS)[0]
        instant = (day + timedelta(hours=hour, seconds=random.randrange(3_600)) - DHAKA).astimezone(UTC)
        if earliest <= instant < now:
            found.append(instant)
    return sorted(found)


def _who(customers: Sequence[dict[str, Any]], last: dict[str, datetime], at: datetime, random: Random) -> dict[str, Any]:
    """Some buy often, most seldom; nobody twice within the hour."""
    while True:
        customer = customers[int(random.expovariate(1 / 90)) % len(customers)]
        before = last.get(customer["phone"])
        if before is None or at - before > timedelta(hours=1):
            return customer


def _basket(popular: list[dict[str, Any]], weights: list[float], *, wholesale: bool, random: Random) -> list[dict[str, Any]]:
    size = random.choices((1, 2, 3, 4, 5), (42, 28, 16, 9, 5))[0]
    chosen: dict[str, dict[str, Any]] = {}
    while len(chosen) < size:
        product = random.choices(popular, weights)[0]
        chosen[product["sku"]] = product
    lines = []
    by_sku = {product["sku"]: product for product in popular}
    for percent, extra in ADDED:
        if random.randrange(100) < percent and not chosen.keys() & {sku for sku, _ in extra}:
            lines += [{"sku": sku, "quantity": quantity, "price": by_sku[sku]["price"]} for sku, quantity in extra]
    for sku, product in chosen.items():
        quantity = random.choice((5, 10, 20)) if wholesale and product["price"] < 50_000 else random.choices((1, 2, 3), (78, 17, 5))[0]
        least, most = product.get("quantity_min", 1), product.get("quantity_max", quantity)
        lines.append({"sku": sku, "quantity": max(least, min(quantity, most)), "price": product["price"]})
    return lines


def _request(customer: dict[str, Any], lines: list[dict[str, Any]], count: int, random: Random) -> dict[str, Any]:
    """What the client sends, of a customer's order number `count`."""
    goods = sum(line["price"] * line["quantity"] for line in lines)
    method = _weighted(PAYMENTS, random)
    return {
        "channel": _weighted(CHANNELS, random),
        "customer": {"name": customer["name"], "phone": customer["phone"], "reference": customer["reference"], "group": customer["group"]},
        "ship_to": customer["address"],
        "lines": [{"sku": line["sku"], "quantity": line["quantity"]} for line in lines],
        "payment_method": method if method != "cod" or goods < COD_MAX else "bkash",
        "coupons": _coupon(goods, count, customer, random),
        "services": ["gift_wrap"] if random.random() < 0.04 else [],
        "note": random.choice(NOTES) if random.random() < 0.08 else "",
    }


def _coupon(goods: int, count: int, customer: dict[str, Any], random: Random) -> list[str]:
    if count == 1 and goods >= 80_000 and random.random() < 0.5:
        return ["WELCOME100"]
    if count in (3, 6) and goods >= 50_000:
        return ["BOISHAKH10"]
    if goods >= 150_000 and customer["address"]["district"] in ("Dhaka", "ঢাকা") and random.random() < 0.15:
        return ["FREEDHAKA"]
    return []


def _weighted(choices: tuple[tuple[str, int], ...], random: Random) -> str:
    return random.choices([name for name, _ in choices], [weight for _, weight in choices])[0]

"""Prices around the price: lists, promotions of every kind with their coupons, VAT, shipping, fees, dynamic rules.

Rows are dicts in the shape of the pricing module's own rows. Amounts in paisa, rates in hundredths of a percent.
Rates and fees are of the order that the market knows (delivery 60 to 150 taka, cash on delivery about 1 %), not anyone's tariff.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Any

TAKA = 100
COUPON_SYMBOLS = "ACDEFHJKMNPQRTUVWXY379"

PRICE_LISTS: tuple[dict[str, Any], ...] = (
    {"code": "retail", "currency": "BDT", "title": "Retail", "priority": 0},
    {"code": "app", "currency": "BDT", "title": "Only in the app", "channels": ("app",), "priority": 10},
    {"code": "wholesale", "currency": "BDT", "title": "Wholesale", "customer_groups": ("wholesale",), "priority": 20},
)

TAX_RATES: tuple[dict[str, Any], ...] = (
    {"tax_class": "standard", "rate": 1_500},
    {"tax_class": "reduced", "rate": 750},
    {"tax_class": "exempt", "rate": 0},
    {"tax_class": "delivery", "rate": 1_500},
)

SHIPPING_RATES: tuple[dict[str, Any], ...] = (
    {"code": "dhaka", "zone": "dhaka", "amount": 60 * TAKA, "step_amount": 15 * TAKA, "free_above": 2_500 * TAKA},
    {"code": "dhaka-suburb", "zone": "dhaka_suburb", "amount": 100 * TAKA, "step_amount": 20 * TAKA, "free_above": 4_000 * TAKA},
    {"code": "outside", "zone": "outside", "amount": 130 * TAKA, "step_amount": 25 * TAKA, "free_above": 6_000 * TAKA},
    {"code": "abroad", "zone": "intl", "amount": 2_500 * TAKA, "step_amount": 800 * TAKA},
    {"code": "books-anywhere", "vendor": "akshar-boi", "amount": 50 * TAKA, "step_amount": 15 * TAKA, "free_above": 999 * TAKA},
)

FEE_RATES: tuple[dict[str, Any], ...] = (
    {"code": "cod", "payment_method": "cod", "rate": 100, "minimum": 10 * TAKA, "maximum": 150 * TAKA},
    {"code": "gift-wrap", "service": "gift_wrap", "amount": 50 * TAKA, "tax_class": "standard"},
)

PRICE_RULES: tuple[dict[str, Any], ...] = (
    {
        "code": "last-pieces", "signal": "stock", "categories": ("sarees", "crafts"), "floor": 10_000, "ceiling": 10_800, "step": 5 * TAKA,
        "bands": ({"at_least": 0, "change": 800}, {"at_least": 5, "change": 300}, {"at_least": 15, "change": 0}),
    },
    {
        "code": "match-day", "signal": "demand", "categories": ("cricket", "football"), "floor": 9_000, "ceiling": 11_000, "step": 5 * TAKA,
        "bands": ({"at_least": 0, "change": -500}, {"at_least": 7_000, "change": 0}, {"at_least": 20_000, "change": 700}),
    },
)  # fmt: skip

#: `days` are the days before and after now that the promotion runs; the rest is the pricing module's own row.
PROMOTIONS: tuple[tuple[tuple[int, int], dict[str, Any]], ...] = (
    ((70, 365), {
        "code": "TEA-WEEK", "kind": "percent", "args": {"rate": 500}, "title": "চায়ে ৫% ছাড়", "conditions": {"categories": ("tea",)},
        "funded_by": "vendor", "priority": 50,
    }),
    ((70, 30), {
        "code": "BOISHAKH", "kind": "percent", "args": {"rate": 1_000, "maximum": 300 * TAKA}, "title": "বৈশাখী ছাড় ১০%", "automatic": False,
        "conditions": {"minimum_total": 500 * TAKA}, "stacking": "exclusive", "group": "festival", "uses": 5_000, "uses_per_customer": 2,
        "budget": 500_000 * TAKA, "funded_by": "shared", "vendor_share": 4_000,
    }),
    ((70, 365), {
        "code": "WELCOME", "kind": "fixed_amount", "args": {"amount": 100 * TAKA}, "title": "প্রথম অর্ডারে ১০০ টাকা ছাড়", "automatic": False,
        "conditions": {"minimum_total": 800 * TAKA, "first_order": True}, "stacking": "exclusive", "group": "festival", "currency": "BDT",
        "uses_per_customer": 1,
    }),
    ((70, 365), {
        "code": "SOAP-2-1", "kind": "buy_x_get_y", "args": {"buy": 2, "get": 1}, "title": "দুটি সাবানে একটি ফ্রি",
        "conditions": {"skus": ("RUP-SOAP-NEEM-1", "RUP-SOAP-TURMERIC-1")}, "funded_by": "vendor", "priority": 40,
    }),
    ((70, 365), {
        "code": "ADDA-BUNDLE", "kind": "bundle", "title": "চা আর মধু একসঙ্গে ৭৯৯ টাকা", "currency": "BDT", "priority": 60,
        "args": {
            "components": ({"sku": "CHA-TEA-BLACK-500G", "quantity": 1}, {"sku": "SUN-HONEY-KHALISHA-500G", "quantity": 1}),
            "price": 799 * TAKA,
        },
        "conditions": {"skus": ("CHA-TEA-BLACK-500G", "SUN-HONEY-KHALISHA-500G")}, "funded_by": "shared", "vendor_share": 5_000,
    }),
    ((70, 365), {
        "code": "FREE-DHAKA", "kind": "free_shipping", "args": {"maximum": 120 * TAKA}, "title": "ঢাকায় ফ্রি ডেলিভারি", "automatic": False,
        "conditions": {"minimum_total": 1_200 * TAKA, "zones": ("dhaka",)}, "uses": 20_000,
    }),
    ((70, 365), {
        "code": "MORE-IS-LESS", "kind": "tier_discount", "title": "বেশি কিনলে বেশি ছাড়", "stacking": "exclusive", "group": "festival",
        "args": {"tiers": ({"at_least": 4_000 * TAKA, "rate": 300}, {"at_least": 8_000 * TAKA, "rate": 500}), "by": "total"},
    }),
    ((70, 365), {
        "code": "BKASH-FRIDAY", "kind": "percent", "args": {"rate": 300, "maximum": 100 * TAKA}, "title": "শুক্রবারে বিকাশে ৩% ছাড়",
        "conditions": {"payment_methods": ("bkash",), "hours": {"weekdays": (5,)}}, "priority": 10,
    }),
    ((-1, 2), {
        "code": "FLASH-EARBUDS", "kind": "fixed_amount", "args": {"amount": 500 * TAKA, "per": "unit"},
        "title": "ফ্ল্যাশ সেল: ইয়ারবাডে ৫০০ টাকা ছাড়",
        "conditions": {"skus": ("GAD-EARBUDS-BLACK", "GAD-EARBUDS-WHITE")}, "currency": "BDT",
        "uses": 1_000, "uses_per_customer": 1, "priority": 90,
    }),
)  # fmt: skip

#: coupon code, promotion
COUPONS = (("BOISHAKH10", "BOISHAKH"), ("WELCOME100", "WELCOME"), ("FREEDHAKA", "FREE-DHAKA"))
BATCH = ("EID-GIFT-CARDS", 50)


def promotions(now: datetime) -> list[dict[str, Any]]:
    """The promotions with their periods around `now`, and the one that a batch of single coupons opens."""
    rows = [
        row | {"starts_at": now - timedelta(days=before), "ends_at": now + timedelta(days=after)} for (before, after), row in PROMOTIONS
    ]
    rows.append(
        {
            "code": "EID-GIFT", "kind": "fixed_amount", "args": {"amount": 200 * TAKA}, "title": "ঈদ উপহার ২০০ টাকা", "automatic": False,
            "conditions": {"minimum_total": 1_000 * TAKA}, "stacking": "exclusive", "group": "festival", "currency": "BDT",
            "starts_at": now - timedelta(days=70), "ends_at": now + timedelta(days=90),
        }
    )  # fmt: skip
    return rows


def coupons(random: Random) -> list[dict[str, Any]]:
    """The codes that everybody knows, and a batch of codes for one use each."""
    rows: list[dict[str, Any]] = [{"code": code, "promotion": promotion} for code, promotion in COUPONS]
    batch, count = BATCH
    codes: set[str] = set()
    while len(codes) < count:
        codes.add("EID-" + "".join(random.choices(COUPON_SYMBOLS, k=8)))
    return rows + [{"code": code, "promotion": "EID-GIFT", "uses": 1, "batch": batch} for code in sorted(codes)]


def prices(products: list[dict[str, Any]], random: Random) -> list[dict[str, Any]]:
    """Every eighth product is cheaper in the app; food, beauty and stationery have wholesale prices from 5 and from 20 pieces."""
    rows: list[dict[str, Any]] = []
    for product in products:
        if product.get("kit"):
            continue
        price = product["price"]
        if random.randrange(8) == 0:
            rows.append({"sku": product["sku"], "list": "app", "amount": in_taka(price * 95, 100)})
        if product["vendor"] in {"sodai-pati", "cha-bagan", "sundarban-agro", "rupkothar-rup", "akshar-boi"}:
            rows.append({"sku": product["sku"], "list": "wholesale", "amount": in_taka(price * 92, 100), "min_quantity": 5})
            rows.append({"sku": product["sku"], "list": "wholesale", "amount": in_taka(price * 86, 100), "min_quantity": 20})
    return rows


def with_currency(rows: tuple[dict[str, Any], ...], **more: Any) -> list[dict[str, Any]]:
    """Rows with the market's currency and what else all of them share; a row's own fields win."""
    return [{"currency": "BDT", **more, **row} for row in rows]


def in_taka(numerator: int, denominator: int) -> int:
    """`numerator / denominator` paisa rounded half up to whole taka, at least one."""
    return max(1, (2 * numerator + denominator * TAKA) // (2 * denominator * TAKA)) * TAKA

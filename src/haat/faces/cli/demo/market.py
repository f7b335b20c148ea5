"""Puts the market together: goods become products with SKUs, orders become the stock that they need.

Amounts in paisa, weights in grams. The dicts take the names of the modules' own structs: `products` are catalogue sheets,
`price_lists … price_rules` pricing rows, `locations` and `stock` inventory's.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from haat.faces.cli.demo import goods, offers, past, people, places

SEED = 1971
FIRST_SKU = "DEMO-001"  # what the README and the API's examples order
FIRST_STOCK = 10_000
Rows = list[dict[str, Any]]


class Market(msgspec.Struct, frozen=True):
    """Everything that a demo starts with. `orders` are requests of the past, oldest first; `stock` covers all of them."""

    vendors: Rows
    channels: Rows
    locations: Rows
    categories: Rows
    products: Rows
    stock: Rows  # sku, location, quantity
    price_lists: Rows
    prices: Rows
    promotions: Rows
    coupons: Rows
    tax_rates: Rows
    shipping_rates: Rows
    fee_rates: Rows
    price_rules: Rows
    customers: Rows
    orders: Rows


def market(now: datetime, *, seed: int = SEED) -> Market:
    """The market as it stands at `now` (aware UTC). The same arguments give the same market; about a tenth of a second."""
    random = Random(seed)  # noqa: S311 a demo wants repeatable dice
    products = _products(now, random)
    customers = people.customers(random)
    orders = past.orders(now, products, customers, random)
    return Market(
        vendors=_vendors(),
        channels=[
            {"code": code, "kind": kind, "name": name, "currency": "BDT", "language": language, "price_list": price_list}
            for code, kind, name, language, price_list in places.CHANNELS
        ],
        locations=[
            {"code": code, "name": name, "name_bn": bangla, "kind": kind, "country": "BD", "district": district, "priority": priority}
            for code, name, bangla, kind, district, priority in places.LOCATIONS
        ],
        categories=[
            {"code": code, "parent": parent, "name_en": english, "name_bn": bangla, "position": position}
            for position, (code, parent, english, bangla) in enumerate(places.CATEGORIES)
        ],
        products=products,
        stock=_stock(products, orders, random),
        price_lists=list(offers.PRICE_LISTS),
        prices=offers.prices(products, random),
        promotions=offers.promotions(now),
        coupons=offers.coupons(random),
        tax_rates=list(offers.TAX_RATES),
        shipping_rates=offers.with_currency(offers.SHIPPING_RATES, base_g=1_000, step_g=1_000, tax_class="delivery"),
        fee_rates=offers.with_currency(offers.FEE_RATES),
        price_rules=list(offers.PRICE_RULES),
        customers=customers,
        orders=orders,
    )


def _vendors() -> Rows:
    """Vendors that are approved and sell."""
    return [
        {"code": code, "name_en": english, "name_bn": bangla, "city": district, "zone": zone, "country": "BD"}
        for code, _, english, bangla, district, zone in places.VENDORS
    ]


def _products(now: datetime, random: Random) -> Rows:
    prefixes = {code: prefix for code, prefix, *_ in places.VENDORS}
    products = [
        _product(vendor, prefixes[vendor], thing, variant)
        for vendor, things in goods.GOODS.items()
        for thing in things
        for variant in _variants(thing)
    ]
    by_sku = {product["sku"]: product for product in products}
    by_sku["KHE-CARROM-L"]["status"] = "draft"
    by_sku["GAD-IRON"]["status"] = "archived"
    by_sku["GAD-SMARTWATCH-BLACK"]["backorder"] = {"kind": "preorder", "limit": 200, "expected_at": now + timedelta(days=21)}
    by_sku["JAM-SAREE-DHAKAI-RED"]["backorder"] = {"kind": "backorder", "limit": 20, "expected_at": now + timedelta(days=30)}
    by_sku["GAD-EARBUDS-BLACK"]["purchase_limit"] = {"quantity": 2, "days": 30}
    by_sku["SUN-HONEY-KHALISHA-1KG"]["quantity_max"] = 5
    by_sku["BOI-PEN-BALL-1"]["quantity_min"] = 5
    products += [_kit(kit, by_sku) for kit in goods.KITS]
    products.append(_product("matir-tan", "DEMO", goods.FIRST, _variants(goods.FIRST)[0]) | {"sku": FIRST_SKU, "product": FIRST_SKU})
    for product in products:
        product["attributes"] = {"rating": random.randint(36, 50) / 10}
    return products


def _variants(thing: goods.Thing) -> tuple[goods.Variant, ...]:
    return goods.VARIANTS[thing[6]][1]


def _product(vendor: str, prefix: str, thing: goods.Thing, variant: goods.Variant) -> dict[str, Any]:
    stem, english, bangla, category, taka, grams, kind = thing
    code, variant_en, variant_bn, price_factor, weight_factor = variant
    option = goods.VARIANTS[kind][0]
    root = f"{prefix}-{stem}"
    return {
        "sku": f"{root}-{code}" if code else root,
        "vendor": vendor,
        "product": root,
        "options": {option: variant_en} if option else {},
        "name_en": f"{english}, {variant_en}" if code else english,
        "name_bn": f"{bangla}, {variant_bn}" if code else bangla,
        "category": category,
        "tax_class": goods.TAX_CLASSES.get(category, "standard"),
        "price": offers.in_taka(taka * offers.TAKA * price_factor, 1_000),
        "currency": "BDT",
        "weight_g": grams * weight_factor // 1_000,
        "images": (f"/demo/images/{root.lower()}.svg",),
    }


def _kit(kit: tuple[Any, ...], by_sku: dict[str, dict[str, Any]]) -> dict[str, Any]:
    sku, vendor, english, bangla, category, components, factor = kit
    parts = [(by_sku[part], quantity) for part, quantity in components]
    return {
        "sku": sku,
        "vendor": vendor,
        "product": sku,
        "options": {},
        "name_en": english,
        "name_bn": bangla,
        "category": category,
        "tax_class": goods.TAX_CLASSES.get(category, "standard"),
        "price": offers.in_taka(sum(part["price"] * quantity for part, quantity in parts) * factor, 1_000),
        "currency": "BDT",
        "weight_g": sum(part["weight_g"] * quantity for part, quantity in parts),
        "images": (f"/demo/images/{sku.lower()}.svg",),
        "kit": tuple({"sku": part["sku"], "quantity": quantity} for part, quantity in parts),
    }


def _stock(products: Rows, orders: Rows, random: Random) -> Rows:
    """What the past orders took, all of it in Tejgaon, and on top what is left now. A few things are nearly out, one is."""
    components = {product["sku"]: product["kit"] for product in products if product.get("kit")}
    demand: dict[str, int] = {}
    for order in orders:
        for line in order["lines"]:
            for part in components.get(line["sku"], ({"sku": line["sku"], "quantity": 1},)):
                demand[part["sku"]] = demand.get(part["sku"], 0) + part["quantity"] * line["quantity"]
    hubs = [code for code, *_ in places.LOCATIONS]
    rows: Rows = []
    for product in products:
        sku = product["sku"]
        if sku == FIRST_SKU:
            rows.append({"sku": sku, "location": hubs[0], "quantity": FIRST_STOCK})
            continue
        if sku in components or product.get("backorder", {}).get("kind") == "preorder":
            continue
        left = random.choices((0, random.randint(1, 4), random.randint(20, 60), random.randint(60, 240)), (1, 4, 35, 60))[0]
        rows.append({"sku": sku, "location": hubs[0], "quantity": demand.get(sku, 0) + left})
        for hub in random.sample(hubs[1:], random.randint(0, 3) if left > 10 else 0):
            rows.append({"sku": sku, "location": hub, "quantity": random.randint(10, 80)})
    return [row for row in rows if row["quantity"]]

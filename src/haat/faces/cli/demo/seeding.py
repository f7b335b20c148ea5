"""Puts the demo market into a database: once, and where it broke off it goes on.

The market is that of the moment at which it was first seeded (`instance`, "demo_began"). Its past is placed through the same
group commit as every order, priced and validated at the instant at which it was placed, and lived through (`lives.py`) without the
flows, which lead on the orders of the last hours only; facts carry their instants and the cause `demo`, so nobody takes them for
a real history. Afterwards `demo.json` tells the address and the keys.
"""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from haat.domain import orders, people, pricing
from haat.engine import idempotency, instance
from haat.faces.cli import show
from haat.faces.cli.demo import lived, stocking
from haat.faces.cli.demo.keys import FILE, keep_keys
from haat.faces.cli.demo.market import Market, market
from haat.faces.cli.house import Runtime
from haat.flows import checkout
from haat.kernel import time
from haat.kernel.errors import Refused
from haat.kernel.facts import Origin

BEGAN, SEEDED = "demo_began", "demo_seeded"
CALLED_BACK = 8  # every so many open orders waits for a call to its buyer
STILL_OPEN = "open"  # the outcome of orders that the flows lead on


async def seed(runtime: Runtime, kinds: Mapping[str, pricing.Promotion], url: str) -> None:
    """The demo market stands, and `demo.json` opens it. Safe to repeat; says what it does."""
    async with runtime.database.transaction() as tx:
        began = time.parse(await instance.remember(tx, BEGAN, time.text(runtime.clock.now())))
        seeded = await instance.recall(tx, SEEDED)
    if seeded is None:
        show.say("Seeding the demo market (once) …")
        demo = market(began)
        customers = await stocking.stock(runtime, demo, kinds, began)
        await runtime.memory.catch_up()
        refused = await _live_through(runtime, demo, customers, began)
        async with runtime.database.transaction() as tx:
            await instance.remember(tx, SEEDED, time.text(runtime.clock.now()))
        show.say(
            f"{len(demo.vendors)} vendors, {len(demo.products)} products, {len(demo.locations)} locations, "
            f"{len(demo.customers)} customers, {len(demo.orders) - len(refused)} past orders"
        )
        for key, reason in refused.items():
            show.error(f"{key} was refused: {reason}")
    await keep_keys(runtime, url, began=began, entropy=partial(os.urandom, 32))


async def _live_through(runtime: Runtime, demo: Market, customers: Mapping[str, people.Customer], began: datetime) -> dict[str, str]:
    """Place the past orders and let happen what happened to them; returns those that were refused, with the reason."""
    await runtime.market.know([product["sku"] for product in demo.products])
    refused: dict[str, str] = {}
    placed: list[tuple[dict[str, Any], orders.Order]] = []
    with show.progress() as bars:
        bar = bars.add_task("past orders", total=len(demo.orders))
        for together in _batches(demo.orders):
            waiting = []
            for row in together:
                try:
                    waiting.append((row, await _submitted(runtime, row, customers)))
                except Refused as refusal:
                    refused[row["key"]] = refusal.detail
            for row, outcome in waiting:
                try:
                    placed.append((row, (await outcome).order))
                except Refused as refusal:
                    refused[row["key"]] = refusal.detail
            bars.advance(bar, len(together))
        await lived.live(
            runtime, [(row["key"], row["outcome"], order) for row, order in placed if row["outcome"] != STILL_OPEN], began, bars
        )
    still = [order for row, order in placed if row["outcome"] == STILL_OPEN]
    for change in [runtime.changing.submit(_call(order, began)) for order in still[::CALLED_BACK]]:
        await change
    return refused


def _batches(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Orders that may be committed together: no buyer twice, because to the committer that would be at the same moment."""
    batches: list[list[dict[str, Any]]] = [[]]
    buyers: set[str] = set()
    for row in rows:
        if row["customer"]["phone"] in buyers:
            batches.append([])
            buyers.clear()
        buyers.add(row["customer"]["phone"])
        batches[-1].append(row)
    return batches


async def _submitted(runtime: Runtime, row: dict[str, Any], customers: Mapping[str, people.Customer]) -> Any:
    """The order on its way into the next batch, as of the instant at which it was placed."""
    customer = customers[row["customer"]["phone"]]
    request = checkout.PlaceOrder(
        lines=tuple(checkout.LineRequest(line["sku"], line["quantity"]) for line in row["lines"]),
        customer=checkout.CustomerRequest(name=customer.name, phone=customer.phone or "", id=customer.id),
        ship_to=msgspec.convert(row["ship_to"], orders.Address),
        channel=row["channel"],
        coupons=tuple(row["coupons"]),
        payment_method=row["payment_method"],
        services=tuple(row["services"]),
        note=row["note"],
    )
    coupons = await checkout.acquaint(request, runtime.market)
    key = idempotency.Key("demo", row["key"], idempotency.fingerprint(row["key"].encode()))
    origin = Origin(f"customer:{customer.id}", "demo")
    serial = await runtime.draw.serial()
    errand = checkout.Errand(serial, origin, row["placed_at"], key, coupons, history=row["outcome"] != STILL_OPEN)
    prepared = checkout.prepare(request, runtime.market, runtime.draw, errand)
    return runtime.placing.submit(prepared)


def _call(order: orders.Order, began: datetime) -> orders.Change:
    """The buyer of an open order is still to be called; one of the last minutes has not had its minute yet."""
    decide = partial(orders.hold, hold_id="call-1", kind="MANUAL", reason="call_customer", detail="The landmark is not clear.")
    at = order.placed_at + min(timedelta(minutes=1), (began - order.placed_at) / 2)
    return orders.Change(order.id, decide, at, Origin("system", "demo"))


__all__ = ["FILE", "seed"]

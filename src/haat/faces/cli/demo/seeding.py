"""Puts the demo market into a database: once, and where it broke off it goes on.

The market is that of the moment at which it was first seeded (`instance`, "demo_began"). Its past is placed through the same
group commit as every order, priced and validated at the instant at which it was placed; facts carry that instant and the
cause `demo`, so nobody takes them for a real history. Afterwards `demo.json` tells the address and the keys.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from haat.domain import orders, people, pricing
from haat.engine import idempotency, instance
from haat.faces.cli import show
from haat.faces.cli.demo import stocking
from haat.faces.cli.demo.keys import FILE, keep_keys
from haat.faces.cli.demo.market import Market, market
from haat.faces.cli.house import Runtime
from haat.flows import checkout
from haat.kernel import time
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

BEGAN, SEEDED = "demo_began", "demo_seeded"
CALLED_BACK = 25  # every so many open orders waits for a call to its buyer

Decide = Callable[[orders.Order], tuple[Fact, ...]]


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
    await keep_keys(runtime, url, entropy=partial(os.urandom, 32))


async def _live_through(runtime: Runtime, demo: Market, customers: Mapping[str, people.Customer], began: datetime) -> dict[str, str]:
    """Place the past orders and let happen what happened to them; returns those that were refused, with the reason."""
    await runtime.market.know([product["sku"] for product in demo.products])
    refused: dict[str, str] = {}
    changes: list[orders.Change] = []
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
                    placed = await outcome
                except Refused as refusal:
                    refused[row["key"]] = refusal.detail
                else:
                    changes += _later(row, placed.order, len(changes), began)
            bars.advance(bar, len(together))
    for change in [runtime.changing.submit(change) for change in changes]:
        try:
            await change
        except Refused as refusal:  # it happened in a seeding that broke off
            if refusal.code != "not_in_this_status":
                raise
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
    prepared = checkout.prepare(request, runtime.market, runtime.draw, checkout.Errand(serial, origin, row["placed_at"], key, coupons))
    return runtime.placing.submit(prepared)


def _later(row: dict[str, Any], order: orders.Order, number: int, began: datetime) -> list[orders.Change]:
    """What became of an order before the market `began`, as far as Haat can tell it: cancellations, a call still to be made."""
    placed: datetime = row["placed_at"]
    left = (began - placed) / 2  # an order of the last minutes has not had its hours yet
    at = placed + min(timedelta(minutes=20 + number * 7 % 240), left)
    decide: Decide
    if row["outcome"] == "cancelled":
        decide = partial(orders.cancel, quantities=None, reason="customer_request", detail="Ordered by mistake")
        return [orders.Change(order.id, decide, at, Origin(f"customer:{order.customer.id}", "demo"))]
    if row["outcome"] == "open" and int(row["key"][-4:]) % CALLED_BACK == 0:
        decide = partial(orders.hold, hold_id="call-1", kind="MANUAL", reason="call_customer", detail="The landmark is not clear.")
        return [orders.Change(order.id, decide, placed + min(timedelta(minutes=1), left), Origin("system", "demo"))]
    return []


__all__ = ["FILE", "seed"]

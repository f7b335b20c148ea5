"""Shipments on a real PostgreSQL: rows follow the facts, bookings are written down before they are asked for, scans are kept once."""

import itertools
from datetime import timedelta

from haat.domain import fulfilment, orders
from haat.engine.database import Database
from haat.flows import fulfilling
from haat.flows.fulfilling.shipments import row_of
from tests.domain.orders.goods_cases import AT, FIRST, SECOND, accepted, at, placed, planned, told

events = orders.events
Scan = fulfilment.courier.Scan


async def followed(database: Database, *states: orders.Order) -> list[fulfilment.Shipment]:
    """Follow an order through these states, an hour apart; its shipments then."""
    async with database.transaction() as tx:
        for n, (before, after) in enumerate(itertools.pairwise(states)):
            await fulfilling.follow(tx, [(before, after, ())], AT + timedelta(hours=n))
        found = await fulfilment.shipments(tx, [p.id for p in states[-1].shipments])
    return [found[p.id] for p in states[-1].shipments]


async def test_rows_are_what_the_facts_say_and_instants_are_set_once(database: Database) -> None:
    first = accepted()
    states = [placed(), first, *(at(first, s) for s in ("picking", "packed", "booked", "shipped", "out_for_delivery", "delivered"))]
    shipment, other = await followed(database, *states)
    assert (shipment.status, shipment.consignment, shipment.cash, shipment.weight_g) == ("delivered", "C-1", 86_000, 900)
    assert shipment.booked_at == AT + timedelta(hours=3)
    assert shipment.shipped_at == AT + timedelta(hours=4)
    assert shipment.delivered_at == shipment.ended_at == AT + timedelta(hours=6)
    assert (other.id, other.status) == (SECOND, "planned")


async def test_following_the_same_change_again_changes_nothing(database: Database) -> None:
    states = [placed(), at(accepted(), "shipped")]
    once = await followed(database, *states)
    async with database.transaction() as tx:
        await fulfilling.follow(tx, [(states[0], states[1], ())], AT + timedelta(days=1))
        again = await fulfilment.shipments(tx, [FIRST])
    assert again[FIRST] == once[0]


async def test_a_recalled_booking_leaves_its_reference_for_the_next_one(database: Database) -> None:
    order = at(accepted(), "packed")
    row = row_of(order, order.shipments[0])
    async with database.transaction() as tx:
        for n, courier in ((1, "swift"), (2, "slow")):
            begun = fulfilment.Begun(FIRST, courier, fulfilment.shipment.reference("h 1", 1, n))
            for _ in range(2):  # written down twice, counted once
                await fulfilment.begin(tx, [(row, begun)], now=AT)
        found = (await fulfilment.shipments(tx, [FIRST]))[FIRST]
        named = await fulfilment.by_name(tx, "slow", consignments=[], references=["H-1-1-2"])
        assert await fulfilment.by_name(tx, "swift", consignments=[], references=["H-1-1-2"]) == []
    assert (found.courier, found.reference, found.bookings) == ("slow", "H-1-1-2", 2)
    assert [s.id for s in named] == [FIRST]


async def test_a_scan_is_kept_once_for_each_booking(database: Database) -> None:
    order = at(accepted(), "shipped")
    scans = [Scan(AT, "C-1", "", "picked_up"), Scan(AT + timedelta(hours=1), "C-1", "", "in_transit", place="Tejgaon")]

    def said(scan: Scan, consignment: str = "C-1") -> fulfilment.Said:
        return fulfilment.Said(FIRST, order.id, "pathao", consignment, scan, "hook", "courier:pathao")

    async with database.transaction() as tx:
        new = await fulfilment.hear(tx, [said(s) for s in reversed(scans)], now=AT)
        assert len(new) == 2
        assert await fulfilment.hear(tx, [said(s) for s in (*scans, scans[0])], now=AT) == set()
        assert len(await fulfilment.hear(tx, [said(scans[0], "C-2")], now=AT)) == 1
        told_ = (await fulfilment.scans(tx, [FIRST]))[FIRST]
    assert fulfilment.shipment.present(told_, "C-1") == scans
    assert [t.source for t in told_] == ["hook"] * 3


async def test_what_waits_to_be_packed_is_found_by_place_and_vendor(database: Database) -> None:
    states = [placed(), at(accepted(), "packed")]
    async with database.transaction() as tx:
        await fulfilling.follow(tx, [(states[0], states[1], ())], AT)
        await fulfilment.project(tx, [row_of(states[1], p) for p in states[1].shipments], now=AT)
        assert await fulfilment.to_pick(tx, location="DHK", vendor=None, limit=10) == [(states[1].id, SECOND)]
        assert await fulfilment.to_pick(tx, location=None, vendor="shop-a", limit=10) == []
        page = await fulfilment.find_shipments(tx, fulfilment.Wanted(vendor="shop-a"), before=None, limit=5)
    assert [s.id for s in page] == [FIRST]


async def test_what_nodes_did_is_kept_as_it_happened(database: Database) -> None:
    before = planned()
    facts = [events.VendorOrderRejected(before.vendor_orders[0].id, "out_of_stock", lines=(events.ParcelLine(1, 1),))]
    offered = told(accepted(), facts)
    async with database.transaction() as tx:
        await fulfilling.follow(tx, [(before, offered, facts)], AT)
        rows = await tx.fetch("SELECT location, vendor, kind, reason, units FROM node_events")
    assert [tuple(r) for r in rows] == [("DHK", "shop-a", "rejected", "out_of_stock", 1)]


async def test_how_couriers_fared_is_counted_from_the_shipments(database: Database) -> None:
    await followed(database, placed(), *(at(accepted(), s) for s in ("booked", "shipped", "delivered")))
    async with database.transaction() as tx:
        assert await fulfilment.refresh_records(tx, since=AT.date()) == 1
        (record,) = await fulfilment.records(tx, since=AT.date().replace(day=1))
    assert (record.courier, record.delivered, record.returned) == ("pathao", 1, 0)

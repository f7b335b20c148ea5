"""Orders with goods, for tests: two vendors, three lines, and facts told in a row."""

from collections.abc import Iterable
from datetime import UTC, datetime

from haat.domain import orders
from haat.domain.orders import events
from haat.kernel.facts import Fact

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
TEA, POT = "0198a000-0000-7000-8000-0000000000a1", "0198a000-0000-7000-8000-0000000000a2"
FIRST, SECOND, REST = (f"0198a000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))


def told(order: orders.Order | None, facts: Iterable[Fact]) -> orders.Order:
    """The order after these facts."""
    for fact in facts:
        version = 1 if order is None else order.version + 1
        order = orders.evolve(order, fact, order_id="0198a000-0000-7000-8000-0000000000ff", version=version, at=AT, by="test")
    assert order is not None
    return order


def placed(*, method: str = "cod", shipping: int = 6_000) -> orders.Order:
    """Vendor shop-a: 3 of line 1 (10,000 each) and 2 of line 2 (25,000); shop-b: 1 of line 3 (5,000)."""
    lines = (
        events.Line(1, "TEA", "shop-a", "Tea", 3, 10_000, 30_000, weight_g=200),
        events.Line(2, "CUP", "shop-a", "Cup", 2, 25_000, 50_000, weight_g=300),
        events.Line(3, "POT", "shop-b", "Pot", 1, 5_000, 5_000),
    )
    shares = (
        events.Share(TEA, "shop-a", 80_000, 0, shipping, 0, 80_000 + shipping),
        events.Share(POT, "shop-b", 5_000, 0, shipping, 0, 5_000 + shipping),
    )
    grand = 85_000 + 2 * shipping
    address = orders.Address(recipient="Rahima", phone="+8801712345678", line="House 1", district="Dhaka", upazila="Mirpur")
    created = events.OrderCreated(
        number="H-1", channel="web", currency="BDT", customer=events.Customer("Rahima", "+8801712345678"), ship_to=address, lines=lines,
        vendor_orders=shares, totals=events.Totals(85_000, 0, 2 * shipping, 0, 0, grand), payment_method=method, basket=1,
    )  # fmt: skip
    reserved = tuple(events.Reservation(x.line_no, x.sku, "DHK", x.quantity) for x in lines)
    return told(None, [created, events.OrderValidated({}), events.OrderStockReserved(reserved)])


def planned(**said: object) -> orders.Order:
    """Confirmed, one parcel for each vendor, the cash requested."""
    order = placed(**said)  # type: ignore[arg-type]
    parcels = (
        events.PlannedParcel(FIRST, TEA, "DHK", (events.ParcelLine(1, 3), events.ParcelLine(2, 2))),
        events.PlannedParcel(SECOND, POT, "DHK", (events.ParcelLine(3, 1),)),
    )
    request = events.OrderPaymentRequested("t1", order.payment_method, order.totals.grand)
    return told(order, [request, events.OrderInventoryAllocated("plan", parcels), events.OrderConfirmed()])


def accepted(**said: object) -> orders.Order:
    facts = [f(v) for v in (TEA, POT) for f in (events.VendorOrderOffered, events.VendorOrderAccepted)]
    return told(planned(**said), facts)


def at(order: orders.Order, status: str, parcel: str = FIRST) -> orders.Order:
    """The order with that parcel brought to `status` the ordinary way."""
    ways: dict[str, list[Fact]] = {
        "planned": [],
        "picking": [events.OrderFulfillmentStarted(parcel)],
        "packed": [events.OrderParcelPacked(parcel, 900)],
        "uncertain": [events.OrderShipmentUncertain(parcel, "pathao")],
        "booked": [events.OrderShipmentBooked(parcel, "pathao", f"C-{parcel[-1]}", cash=86_000)],
        "shipped": [events.OrderShipped(parcel)],
        "out_for_delivery": [events.OrderOutForDelivery(parcel)],
        "attempt_failed": [events.OrderDeliveryFailed(parcel, "not_at_home")],
        "returning": [events.OrderReturnStarted(parcel, "customer_refused")],
        "delivered": [events.OrderDelivered(parcel, (), 86_000)],
        "partially_delivered": [events.OrderDelivered(parcel, (events.ParcelLine(1, 3),), 36_000)],
        "returned": [events.OrderReturnReceived(parcel, (events.ParcelLine(1, 3), events.ParcelLine(2, 2)))],
        "lost": [events.OrderParcelLost(parcel)],
    }
    paths = {
        "planned": ["planned"], "picking": ["picking"], "packed": ["picking", "packed"],
        "uncertain": ["picking", "packed", "uncertain"], "booked": ["picking", "packed", "booked"],
    }  # fmt: skip
    road = [*paths["booked"], "shipped"]
    path = (
        paths.get(status)
        or {
            "shipped": road,
            "out_for_delivery": [*road, "out_for_delivery"],
            "attempt_failed": [*road, "out_for_delivery", "attempt_failed"],
            "returning": [*road, "returning"],
            "delivered": [*road, "delivered"],
            "partially_delivered": [*road, "partially_delivered"],
            "returned": [*road, "returning", "returned"],
            "lost": [*road, "lost"],
            "cancelled": [],
        }[status]
    )
    if status == "cancelled":
        return told(order, [events.VendorOrderRejected(TEA, "closed")])
    return told(order, [fact for step in path for fact in ways[step]])

"""Vendor orders and shipments as far along as a test of the faces wants them: by HTTP what a vendor does, by `tell` what others do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from haat.domain import orders
from haat.faces.api import examples
from haat.kernel.facts import Fact
from tests.faces.served import Served

events = orders.events
Tell = Callable[[str, Callable[[orders.Order], tuple[Fact, ...]]], None]
MINE, OTHER = "vendor", "other_vendor"


def offered(served: Served, tell: Tell, quantity: int = 2) -> dict[str, Any]:
    """A vendor order on offer."""
    order = served.place(lines=[{"sku": examples.SKU, "quantity": quantity}])

    def plan(now: orders.Order) -> tuple[Fact, ...]:
        part = now.vendor_orders[0]
        lines = tuple(events.ParcelLine(x.line_no, x.quantity) for x in now.lines)
        parcel = events.PlannedParcel(now.id[:-4] + "abcd", part.id, "dhaka-tejgaon", lines)
        asked = events.OrderPaymentRequested(now.id, "cod", now.totals.grand)
        facts = (asked, events.OrderInventoryAllocated("plan", (parcel,)), events.OrderConfirmed())
        return (*facts, events.VendorOrderOffered(part.id, now.placed_at + timedelta(hours=4)))

    tell(order["id"], plan)
    with served.client(MINE) as vendor:
        found: dict[str, Any] = vendor.get("/v1/vendor-orders", params={"order": order["id"]}).json()["data"][0]
    assert found["answer"] == "offered"
    return found


def accepted(served: Served, tell: Tell, quantity: int = 2) -> dict[str, Any]:
    part = offered(served, tell, quantity)
    with served.client(MINE) as vendor:
        answer = vendor.post(f"/v1/vendor-orders/{part['id']}/acceptances", json={})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def packed(served: Served, tell: Tell) -> str:
    """The id of a shipment that is packed."""
    part = accepted(served, tell)
    with served.client(MINE) as vendor:
        answer = vendor.post(f"/v1/vendor-orders/{part['id']}/shipments", json={"weight_g": 800})
    assert answer.status_code == 201, answer.text
    shipment: str = answer.json()["shipments"][0]["id"]
    return shipment


def booked(served: Served, tell: Tell) -> str:
    shipment = packed(served, tell)
    with served.client("admin") as admin:
        order_id = admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["order_id"]
    tell(order_id, lambda o: (events.OrderShipmentBooked(shipment, "swift", f"C-{o.number}", cash=o.totals.grand, fee=6_000),))
    return shipment

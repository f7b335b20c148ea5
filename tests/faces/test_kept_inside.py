"""What the marketplace keeps for itself stays inside: an order full of marked secrets is read in every way that there is, as everybody."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from haat.domain import orders, payments
from haat.faces.api import examples
from haat.kernel.facts import Fact, Origin
from tests.database import trading
from tests.faces.served import OTHER_SKU, OTHER_VENDOR, Served
from tests.faces.test_access import SOMETHING, operations

events = orders.events
FEE = 98_765_431
#: What nobody but staff may read, in the order's JSON or anywhere else.
SECRET = re.compile(rf"secret|s3cret|suspected_fraud|{FEE}|dhaka-tejgaon|FRAUD_REVIEW|screened", re.IGNORECASE)
#: What staff alone are shown by name, whatever stands in it.
NAMES = re.compile(
    r'"(exceptions|claims)":\[[^\]]|"(screening|plan|strategy)":"[^"]|"flows":\{[^}]|"(refused_by|given_back|doubts|score|client)":|"receipt":\{"gateway'
)


class Told(msgspec.Struct):
    """An order of two vendors with a long and troubled life, and the ids of what belongs to whom."""

    id: str
    customer: str
    parts: dict[str, str]
    parcels: dict[str, str]
    attempts: tuple[str, str]
    keys: dict[str, str]


def ids(order: orders.Order, *marks: str) -> list[str]:
    return [order.id[: -len(mark)] + mark for mark in marks]


def life(order: orders.Order) -> tuple[Fact, ...]:
    """Everything that may hold a secret, and all that a buyer may know of it beside."""
    mine, theirs = order.vendor_orders
    one, two, bkash, nagad, hold = ids(order, "a001", "a002", "b001", "b002", "c001")
    by_vendor = {
        p.vendor: tuple(events.ParcelLine(x.line_no, x.quantity) for x in order.lines if x.vendor == p.vendor) for p in (mine, theirs)
    }
    parcels = (
        events.PlannedParcel(one, mine.id, "dhaka-tejgaon", by_vendor[mine.vendor]),
        events.PlannedParcel(two, theirs.id, "dhaka-tejgaon", by_vendor[theirs.vendor]),
    )
    why = events.Remark("secret_rule", 1, "secret_reason", "Secret detail.", "", {"points": 120})
    grand = order.totals.grand
    return (
        events.OrderScreened("review", 777, (why,)),
        events.OrderHeld(hold, "FRAUD_REVIEW", "secret_reason", "Secret detail.", "secret_rule", 1, {"score": 777}),
        events.OrderNoted("Secret note of staff.", "staff"),
        events.OrderPaymentRequested(bkash, "bkash", grand),
        events.OrderPaymentAttempted(bkash, bkash, "bkash", grand, "secret-receipt"),
        events.OrderPaymentFailed(bkash, bkash, "suspected_fraud", True, "secret code"),
        events.OrderPaymentAttempted(bkash, nagad, "nagad", grand, "secret-receipt", "secret-gateway"),
        events.OrderPaymentProcessed(bkash, nagad, grand, "nagad", "bkash", "TRX-9"),
        events.OrderReleased(hold, "FRAUD_REVIEW", "secret decision"),
        events.OrderInventoryAllocated("secret-plan", parcels, "secret-strategy", FEE),
        events.OrderConfirmed(),
        events.VendorOrderOffered(mine.id, order.placed_at + timedelta(hours=4)),
        events.VendorOrderReminded(mine.id, order.placed_at + timedelta(hours=4)),
        events.VendorOrderAccepted(mine.id),
        events.OrderFlowMigrated("secret-flow", 2),
        events.OrderPaused("secret pause"),
        events.OrderResumed("secret again"),
        events.OrderFulfillmentStarted(one),
        events.OrderParcelPacked(one, 700),
        events.OrderShipmentFailed(one, "secretcourier", "secret_reason", "secret detail", True),
        events.OrderShipmentBooked(one, "swift", "MINE-0", "", 0, FEE),
        events.OrderShipmentRecalled(one, "secret_reason"),
        events.OrderShipmentBooked(one, "swift", "MINE-1", "https://swift.example/MINE-1", 0, FEE, "secretcourier"),
        events.OrderParcelPacked(two, 900),
        events.OrderShipmentBooked(two, "swift", "THEIRS-2", "https://swift.example/THEIRS-2", 0, FEE),
        events.OrderShipped(one),
        events.OrderShipmentDoubted(one, "secret_cause", "secret doubt"),
        events.OrderDeliveryFailed(one, "suspected_fake_attempt", "secret rider"),
        events.OrderExceptionRaised("1.0", "secretflow", "secretstep", "secret_cause", "secret", one, "secret detail", ("retry",)),
        events.OrderExceptionEscalated("1.0", "secretflow", "secretstep", "secret_cause", "secret", order.placed_at, ("retry",)),
        events.OrderHeld(hold[:-1] + "2", "FRAUD_REVIEW", "secret_reason", "Secret detail.", "secret_rule", 1, {"score": 777}),
        events.OrderRefundRequested(bkash, bkash, nagad, 100, "secret_kindness", "nagad"),
        events.OrderRefundFailed(bkash, "misconfigured", "secret detail", "secret name"),
        events.OrderRefundRetried(bkash, "secret new name"),
        events.OrderPaymentMismatched(bkash, bkash, FEE, "BDT", "secret second"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Told:
    with served.client("customer") as client:
        lines = [{"sku": examples.SKU, "quantity": 2}, {"sku": OTHER_SKU, "quantity": 3}]
        body = examples.PLACE_ORDER | {"lines": lines, "client": {"ip": "203.0.113.77", "device": "secret-device"}}
        answer = client.post("/v1/orders", json=body)
        assert answer.status_code == 201, answer.text
        placed: dict[str, Any] = answer.json()
        assert not SECRET.search(answer.text) and not NAMES.search(answer.text)
    order = asyncio.run(_tell(served, tmp_path_factory.mktemp("told"), placed["id"]))
    one, two, bkash, nagad = ids(order, "a001", "a002", "b001", "b002")
    mine, theirs = order.vendor_orders
    with served.client("admin") as admin:
        guest = admin.post(f"/v1/orders/{order.id}/tokens").json()["token"]
        vendor = admin.post("/v1/api-keys", json={"role": "vendor", "subject": theirs.vendor, "name": "the other"}).json()["secret"]
    parts, parcels = {mine.vendor: mine.id, theirs.vendor: theirs.id}, {mine.vendor: one, theirs.vendor: two}
    return Told(order.id, order.customer.id, parts, parcels, (bkash, nagad), {"guest": guest, "the_other": vendor})


async def _tell(served: Served, place: Path, order_id: str) -> orders.Order:
    async with trading.opened(served.dsn, place) as parts:
        now = parts.clock.now()
        changed = await parts.shop.changing.submit(orders.Change(order_id, life, now, Origin("user:secretive", "secret cause", "")))
        order = changed.after
        tried = [(tender.id, attempt) for tender in order.payments for attempt in tender.attempts]
        rows = [
            payments.AttemptRow(
                id=a.id, order_id=order.id, tender=tender, gateway=a.gateway, method="bkash", reference=a.id, status=a.status, amount=a.amount,
                currency="BDT", started_at=now, receipt=payments.Receipt(a.gateway, "secret-route"),
            )
            for tender, a in tried
        ]  # fmt: skip
        said = payments.Observation(status="failed", reason="suspected_fraud", raw_code="secret code")
        async with parts.database.transaction() as tx:
            await payments.note_attempts(tx, rows)
            await payments.note_signals(
                tx, [payments.SignalRow(attempt=a.id, source="hook", observation=said, counted=True, at=now) for _, a in tried]
            )
        return order


def asker(served: Served, told: Told, role: str) -> httpx.Client:
    key = told.keys.get(role) or served.keys[role]
    return httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {key}"}, timeout=30)


def readings(served: Served, told: Told, role: str) -> Iterator[str]:
    """Every GET that this role may ask, of everything that the order has."""
    things = [told.id, *told.parts.values(), *told.parcels.values(), *told.attempts]
    for method, path, said in operations(served):
        if method != "GET" or role not in said.get("x-roles", ()) or said["operationId"] in ("streamOrder", "readFeed"):
            continue
        if SOMETHING["id"] in path:
            yield from [path.replace(SOMETHING["id"], thing) for thing in things]
        else:
            yield path


@pytest.mark.parametrize("role", ["customer", "guest", "channel", "vendor", "the_other"])
def test_nobody_but_staff_reads_what_staff_keep(served: Served, told: Told, role: str) -> None:
    found = 0
    with asker(served, told, role) as client:
        for path in readings(served, told, "vendor" if role == "the_other" else role):
            answer = client.get(path, params={"limit": 200} if path in ("/v1/orders", "/v1/vendor-orders", "/v1/shipments") else None)
            assert answer.status_code in (200, 400, 404, 409), (path, answer.text)
            found += told.id in answer.text or told.id in path
            text = answer.text
            if (
                role in ("vendor", "the_other") or told.id not in text
            ):  # where a vendor's goods lie is the vendor's business; channels see stock
                text = text.replace("dhaka-tejgaon", "")
            hit = SECRET.search(text) or (NAMES.search(text) if told.id in text else None)
            assert not hit, (path, hit, answer.text[max(hit.start() - 200, 0) : hit.end() + 100])
            if role in ("customer", "guest"):
                assert told.id not in path + text or "remind" not in text.lower(), path
                assert '"rejections":' not in text and '"offered_until":' not in text and '"vendor_funded":' not in text, path
    assert found


def test_staff_read_all_of_it(served: Served, told: Told) -> None:
    with served.client("admin") as admin:
        order = admin.get(f"/v1/orders/{told.id}").json()
        assert (order["screening"], order["plan"], order["client"]["device"]) == ("review", "secret-plan", "secret-device")
        assert (order["shipments"][0]["fee"], order["shipments"][0]["refused_by"]) == (FEE, ["secretcourier"])
        assert "suspected_fraud" in admin.get(f"/v1/orders/{told.id}/events").text


def test_what_is_recorded_is_read_by_staff_alone(served: Served) -> None:
    raw = {"getOrderEvents", "streamOrder", "readFeed", "getWorkflow", "listFraudScores", "listOrderPlans", "listNotifications"}
    roles = {said["operationId"]: said["x-roles"] for _, _, said in operations(served) if said["operationId"] in raw}
    assert roles == {name: ["admin"] for name in raw}


def test_buyers_read_their_payments_and_parcels(served: Served, told: Told) -> None:
    with asker(served, told, "guest") as guest:
        order = guest.get(f"/v1/orders/{told.id}").json()
        paid = guest.get(f"/v1/payments/{told.attempts[1]}").json()
        failed = guest.get(f"/v1/payments/{told.attempts[0]}").json()
    assert [p["consignment"] for p in order["shipments"]] == ["MINE-1", "THEIRS-2"]
    assert [h["kind"] for h in order["holds"]] == ["REVIEW"]
    assert (order["payment_status"], paid["status"], paid["captured"]) == ("paid", "charged", order["totals"]["grand"])
    assert (failed["status"], failed["reason"]) == ("failed", "declined")


@pytest.mark.parametrize(("role", "own", "other"), [("vendor", "matir-tan", OTHER_VENDOR), ("the_other", OTHER_VENDOR, "matir-tan")])
def test_a_vendor_reads_and_does_nothing_with_anothers_part(served: Served, told: Told, role: str, own: str, other: str) -> None:
    theirs = {told.parts[other], told.parcels[other], {"matir-tan": "MINE-1", OTHER_VENDOR: "THEIRS-2"}[other]}
    tried = 0
    with asker(served, told, role) as vendor:
        for path in ("/v1/vendor-orders", "/v1/shipments"):
            seen = vendor.get(path, params={"limit": 200, "order": told.id}).text
            assert told.parts[own] in seen and not any(each in seen for each in theirs), path
            assert vendor.get(path, params={"vendor": other}).status_code == 403
        assert told.parcels[other] not in vendor.get("/v1/shipments", params={"vendor_order": told.parts[other]}).text
        for method, path, said in operations(served):
            if not path.startswith(("/v1/vendor-orders/", "/v1/shipments/")) or "vendor" not in said["x-roles"]:
                continue
            thing = (told.parts if "vendor-orders" in path else told.parcels)[other]
            body = None if method == "GET" else said["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
            answer = vendor.request(method, path.replace(SOMETHING["id"], thing), json=body)
            assert (answer.status_code, answer.json()["code"]) in ((404, "unknown_vendor_order"), (404, "unknown_shipment")), (method, path)
            tried += 1
        assert tried >= 10
        for path in (f"/v1/orders/{told.id}", f"/v1/payments/{told.attempts[0]}", f"/v1/orders/{told.id}/payments"):
            assert vendor.get(path).status_code == 403, path


@pytest.mark.parametrize("role", ["other_customer", "other_channel"])
def test_somebody_elses_payment_does_not_exist(served: Served, told: Told, role: str) -> None:
    with served.client(role) as client:
        for attempt in told.attempts:
            assert client.get(f"/v1/payments/{attempt}").status_code == 404
        for path in ("payments", "refunds", "timeline"):
            assert client.get(f"/v1/orders/{told.id}/{path}").status_code == 404
        for path, body in (("payments", {}), (f"payments/{told.attempts[0]}/checks", None), ("cancellations", {"reason": "mistake"})):
            assert client.post(f"/v1/orders/{told.id}/{path}", json=body).status_code == 404, path

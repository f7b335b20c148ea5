"""The couriers on the wire: a parcel is booked, travels by the world's clock, and its scans are told in each one's own words."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from haat_world import books
from haat_world.couriers import generic, pathao, redx, steadfast
from tests.world.running import Running, a_world

TO = {"name": "Rahima Khatun", "phone": "01711000001", "address": "House 1, Road 2, Mirpur, Dhaka"}


async def pathao_headers(running: Running) -> dict[str, str]:
    token = await running.post("/pathao/aladdin/api/v1/issue-token", pathao.ACCOUNT | {"grant_type": "password"})
    return {"authorization": f"Bearer {token['access_token']}"}


def pathao_order(reference: str, cash: int = 500, **changed: Any) -> dict[str, Any]:
    return {"store_id": pathao.STORE, "merchant_order_id": reference, "recipient_name": TO["name"], "recipient_phone": TO["phone"],
            "recipient_address": TO["address"], "delivery_type": 48, "item_type": 2, "item_quantity": 1, "item_weight": 0.5,
            "amount_to_collect": cash} | changed  # fmt: skip


async def test_a_parcel_with_pathao_travels_to_its_buyer_and_its_cash_comes_home() -> None:
    async with a_world() as running:
        headers = await pathao_headers(running)
        made = await running.post("/pathao/aladdin/api/v1/orders", pathao_order("P1"), **headers)
        await running.turn(days=4)
        info = await running.get(f"/pathao/aladdin/api/v1/orders/{made['data']['consignment_id']}/info", **headers)
        told = [each for each in running.told() if each["event"].startswith("order.")]
        (books,) = running.world.truth.consignments.values()
    events = [each["event"] for each in told]
    assert (made["type"], made["data"]["merchant_order_id"]) == ("success", "P1")
    assert (events[0], events[-2:]) == ("order.created", ["order.delivered", "order.paid"])
    assert (told[-2]["collected_amount"], told[-1]["invoice_id"]) == (500, books.remitted)
    assert (info["data"]["order_status"], books.collected) == ("Delivered", 50_000)


async def test_pathao_proves_an_address_first_and_names_every_wrong_field() -> None:
    async with a_world() as running:
        headers = await pathao_headers(running)
        wrong = await running.answer(
            "POST", "/pathao/aladdin/api/v1/orders", pathao_order("P1", recipient_phone="+8801711000001"), **headers
        )
        stranger = await running.answer("POST", "/pathao/aladdin/api/v1/orders", pathao_order("P1"), authorization="Bearer nobody")
        await running.post("/pathao/aladdin/api/v1/orders", pathao_order("P1"), **headers)
        await running.turn(minutes=1)
    assert (wrong.status, list(wrong.json()["errors"])) == (422, ["recipient_phone"])
    assert stranger.status == 401
    assert running.told()[0] == {"event": "webhook_integration"}


async def test_many_orders_at_pathao_are_taken_now_and_told_later() -> None:
    async with a_world() as running:
        headers = await pathao_headers(running)
        taken = await running.answer(
            "POST", "/pathao/aladdin/api/v1/orders/bulk", {"orders": [pathao_order("P1"), pathao_order("P2")]}, **headers
        )
        before = len(running.world.truth.consignments)
        await running.turn(minutes=1)
        told = {each.get("merchant_order_id") for each in running.told()}
    assert (taken.status, before) == (202, 0)
    assert {"P1", "P2"} <= told


STEADFAST = {"api_key": steadfast.ACCOUNT["api_key"], "secret_key": steadfast.ACCOUNT["secret_key"]}


def steadfast_order(invoice: str, cash: int = 500) -> dict[str, Any]:
    return {
        "invoice": invoice,
        "recipient_name": TO["name"],
        "recipient_phone": TO["phone"],
        "recipient_address": TO["address"],
        "cod_amount": cash,
    }


async def test_steadfast_books_an_invoice_once_and_finds_it_by_that_name() -> None:
    async with a_world() as running:
        made = await running.post("/steadfast/api/v1/create_order", steadfast_order("F-1"), **STEADFAST)
        again = await running.answer("POST", "/steadfast/api/v1/create_order", steadfast_order("F-1"), **STEADFAST)
        by_invoice = await running.get("/steadfast/api/v1/status_by_invoice/F-1", **STEADFAST)
        unknown = await running.answer("GET", "/steadfast/api/v1/status_by_invoice/F-2", **STEADFAST)
        await running.turn(days=6)
        by_code = await running.get(f"/steadfast/api/v1/status_by_trackingcode/{made['consignment']['tracking_code']}", **STEADFAST)
        (payment,) = (await running.get("/steadfast/api/v1/payments", **STEADFAST))["data"]
        details = await running.get(f"/steadfast/api/v1/payments/{payment['id']}", **STEADFAST)
        statuses = [each["status"] for each in running.told() if each["notification_type"] == "delivery_status"]
    assert (made["status"], made["consignment"]["status"]) == (200, "in_review")
    assert (again.status, unknown.status, by_invoice["delivery_status"]) == (400, 404, "in_review")
    assert by_code["delivery_status"] == "delivered"
    assert statuses == ["pending", "delivered_approval_pending", "delivered"]
    assert [row["invoice"] for row in details["consignments"]] == ["F-1"]
    assert payment["total_cod"] == 500


async def test_an_order_that_nobody_takes_goes_back_to_its_seller() -> None:
    async with a_world(absence=1.0) as running:
        await running.post("/courier/parcels", TO | {"reference": "G1", "cash": 500}, authorization=f"Bearer {generic.KEY}")
        await running.turn(days=9)
        statuses = [each["status"] for each in running.told()]
        (books,) = running.world.truth.consignments.values()
    assert statuses.count("delivery_failed") == 3
    assert statuses[-2:] == ["returning", "returned"]
    assert (books.status, books.collected) == ("returned", 0)


async def test_a_parcel_called_back_on_its_way_turns_round_and_one_not_yet_fetched_never_leaves() -> None:
    async with a_world() as running:
        headers = {"authorization": f"Bearer {generic.KEY}"}
        early = await running.post("/courier/parcels", TO | {"reference": "G1", "cash": 0}, **headers)
        late = await running.post("/courier/parcels", TO | {"reference": "G2", "cash": 0}, **headers)
        await running.post(f"/courier/parcels/{early['id']}/cancellation", {"reason": "buyer"}, **headers)
        while running.world.truth.consignments["courier", late["id"]].status != "in_transit":
            await running.turn(hours=1)
        await running.post(f"/courier/parcels/{late['id']}/cancellation", {"reason": "buyer"}, **headers)
        await running.turn(days=6)
        books = {c.reference: c.status for c in running.world.truth.consignments.values()}
    assert books == {"G1": "cancelled", "G2": "returned"}


async def test_the_generic_courier_books_a_reference_once_and_signs_its_scans() -> None:
    async with a_world() as running:
        headers = {"authorization": f"Bearer {generic.KEY}"}
        one, two = [await running.post("/courier/parcels", TO | {"reference": "G1", "cash": 500}, **headers) for _ in range(2)]
        found = await running.get("/courier/parcels/by-reference/G1", **headers)
        await running.turn(days=6)
        tracked = await running.get(f"/courier/parcels/{one['id']}", **headers)
    assert one["id"] == two["id"] == found["id"]
    assert tracked["scans"][-1] | {"at": ""} == {"id": one["id"], "reference": "G1", "status": "delivered", "at": "", "collected": 500.0}
    told, body = generic._signed({"a": 1}, running.world.now())
    signed = hmac.new(generic.SECRET.encode(), f"{told['x-courier-time']}.".encode() + body, hashlib.sha256).hexdigest()
    assert told["x-courier-signature"] == signed


REDX = {"api_access_token": f"Bearer {redx.TOKEN}"}


async def test_redx_wants_an_area_of_its_own_and_proves_itself_in_the_address() -> None:
    async with a_world() as running:
        areas = (await running.get("/redx/v1.0.0-beta/areas?district_name=Dhaka", **REDX))["areas"]
        order = {"customer_name": TO["name"], "customer_phone": TO["phone"], "delivery_area": areas[0]["name"], "delivery_area_id": areas[0]["id"],
                 "customer_address": TO["address"], "merchant_invoice_id": "X1", "cash_collection_amount": "500", "parcel_weight": 500}  # fmt: skip
        made = await running.answer("POST", "/redx/v1.0.0-beta/parcel", order, **REDX)
        nowhere = await running.answer("POST", "/redx/v1.0.0-beta/parcel", order | {"delivery_area_id": None}, **REDX)
        price = await running.get(f"/redx/v1.0.0-beta/charge/charge_calculator?delivery_area_id={areas[0]['id']}&weight=500", **REDX)
        await running.turn(days=6)
        track = await running.get(f"/redx/v1.0.0-beta/parcel/track/{made.json()['tracking_id']}", **REDX)
        last = running.told()[-1]
    assert (made.status, nowhere.status, price["deliveryCharge"]) == (201, 400, 60)
    assert track["tracking"][-1]["message_en"] == "Parcel is delivered"
    assert (last["invoice_number"], last["status"]) == ("X1", "delivered")


async def test_redx_takes_a_parcel_back_until_it_was_fetched() -> None:
    async with a_world() as running:
        order = {"customer_name": TO["name"], "customer_phone": TO["phone"], "delivery_area": "Mirpur North", "delivery_area_id": 1011,
                 "customer_address": TO["address"], "merchant_invoice_id": "X1", "cash_collection_amount": "500", "parcel_weight": 500}  # fmt: skip
        made = await running.post("/redx/v1.0.0-beta/parcel", order, **REDX)
        change = {"entity_type": "parcel-tracking-id", "entity_id": made["tracking_id"],
                  "update_details": {"property_name": "status", "new_value": "cancelled", "reason": "buyer"}}  # fmt: skip
        first = await running.answer("PATCH", "/redx/v1.0.0-beta/parcels", change, **REDX)
        info = await running.get(f"/redx/v1.0.0-beta/parcel/info/{made['tracking_id']}", **REDX)
    assert (first.status, info["parcel"]["status"]) == (200, "cancelled")


@pytest.mark.parametrize(("habit", "status"), [("refusal", "returned"), ("loss", "lost"), ("partial", "partially_delivered")])
async def test_habits_decide_how_parcels_end(habit: str, status: str) -> None:
    habits: dict[str, Any] = {habit: 9.0}
    async with a_world(**habits) as running:
        await running.post("/courier/parcels", TO | {"reference": "G1", "cash": 500}, authorization=f"Bearer {generic.KEY}")
        await running.turn(days=9)
        (books,) = running.world.truth.consignments.values()
    assert books.status == status


async def test_parcels_go_on_where_they_were_when_the_world_was_stopped(tmp_path: Path) -> None:
    kept = tmp_path / "world.books"
    async with a_world(seed=3) as running:
        await running.post("/courier/parcels", TO | {"reference": "G1", "cash": 500}, authorization=f"Bearer {generic.KEY}")
        while running.world.truth.consignments["courier", generic_id(running)].status != "in_transit":
            await running.turn(hours=1)
        books.write(running.world, kept)
    async with a_world(seed=3, kept=kept) as running:
        key = generic_id(running)
        before = running.world.truth.consignments["courier", key].status
        await running.turn(days=6)
        after = running.world.truth.consignments["courier", key]
    statuses = [status for _, status, _ in after.history]
    assert (before, after.status, after.collected) == ("in_transit", "delivered", 50_000)
    assert statuses == ["booked", "pickup_requested", "picked_up", "in_transit", "at_destination_hub", "out_for_delivery", "delivered"]


def generic_id(running: Running) -> str:
    (found,) = running.world.truth.consignments.values()
    return found.id


async def test_in_a_demo_a_visitors_own_parcel_always_arrives() -> None:
    async with a_world(refusal=9.0, strangers=True) as running:
        for reference, phone in (("G1", "01711000001"), ("G2", "01799900001")):
            order = TO | {"reference": reference, "cash": 500, "phone": phone}
            await running.post("/courier/parcels", order, authorization=f"Bearer {generic.KEY}")
        await running.turn(days=9)
        books = {c.reference: c.status for c in running.world.truth.consignments.values()}
    assert books == {"G1": "delivered", "G2": "returned"}

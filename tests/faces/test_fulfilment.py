"""A vendor's day over HTTP: what is on offer is taken or refused, picked and packed, scanned, received; nobody sees another's."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from haat.domain import orders
from haat.faces.api import examples, shipments
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders import goods_cases
from tests.faces.parcels import MINE, OTHER, Tell, accepted, booked, offered, packed
from tests.faces.served import Served

events = orders.events


def test_a_vendor_takes_its_part_and_may_say_so_twice(served: Served, tell: Tell) -> None:
    part = accepted(served, tell)
    assert part["answer"] == "accepted"
    with served.client(MINE) as vendor:
        again = vendor.post(f"/v1/vendor-orders/{part['id']}/acceptances", json={"note": "again"})
        assert (again.status_code, again.json()["version"]) == (201, part["version"])


def test_a_vendor_refuses_units_or_all_of_it(served: Served, tell: Tell) -> None:
    part = offered(served, tell)
    with served.client(MINE) as vendor:
        url = f"/v1/vendor-orders/{part['id']}/rejections"
        assert vendor.post(url, json={"reason": "mood"}).status_code == 422
        some = vendor.post(url, json=examples.REJECTION)
        assert some.status_code == 201, some.text
        assert some.json()["lines"][0]["buckets"] == {"allocated": 1, "reserved": 1}
        whole = vendor.post(url, json={"reason": "closed"})
        assert (whole.status_code, whole.json()["answer"]) == (201, "rejected")
        assert vendor.post(url, json={"reason": "closed"}).status_code == 409


def test_a_vendor_that_cannot_send_what_it_took_cancels_it_and_nobody_else_is_asked(served: Served, tell: Tell) -> None:
    part = accepted(served, tell, 3)
    url = f"/v1/vendor-orders/{part['id']}/cancellations"
    with served.client(OTHER) as other:
        assert other.post(url, json={"reason": "damaged"}).status_code == 404
    with served.client(MINE) as vendor:
        assert vendor.post(url, json={"reason": "damaged", "lines": [{"line_no": 9, "quantity": 1}]}).json()["code"] == "unknown_line"
        some = vendor.post(url, json={"reason": "damaged", "detail": "It fell.", "lines": [{"line_no": 1, "quantity": 1}]})
        assert some.status_code == 201, some.text
        assert [(f["what"], f["quantity"]) for f in some.json()["fates"]] == [("cancelled", 1)]
        assert some.json()["lines"][0]["buckets"] == {"allocated": 2, "cancelled": 1}
    shipment = booked(served, tell)
    with served.client("admin") as admin:
        booked_part = admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["vendor_order"]
    with served.client(MINE) as vendor:
        refused = vendor.post(f"/v1/vendor-orders/{booked_part}/rejections", json={"reason": "closed"})
        assert (refused.status_code, refused.json()["code"]) == (409, "booked_already")
        stopped = vendor.post(f"/v1/vendor-orders/{booked_part}/cancellations", json={"reason": "out_of_stock"})
        assert (stopped.status_code, [f["what"] for f in stopped.json()["fates"]]) == (201, ["recalling"])


def test_what_is_to_be_picked_is_listed_and_printed(served: Served, tell: Tell) -> None:
    part = accepted(served, tell)
    with served.client(MINE) as vendor:
        picks = vendor.get(f"/v1/vendor-orders/{part['id']}/pick-list").json()["data"]
        assert picks[0]["items"][0] | {"name": ""} == {"sku": examples.SKU, "name": "", "quantity": 2}
        listed = vendor.get("/v1/pick-lists", params={"location": "dhaka-tejgaon"}).json()["data"]
        assert picks[0] in listed
        page = vendor.get("/v1/pick-lists", params={"format": "html"})
        assert page.headers["content-type"].startswith("text/html")
        assert examples.SKU in page.text
        assert vendor.get("/v1/pick-lists", params={"vendor": examples.OTHER_VENDOR_CODE}).status_code == 403


def test_fewer_units_in_the_box_leave_a_second_parcel(served: Served, tell: Tell) -> None:
    part = accepted(served, tell)
    with served.client(MINE) as vendor:
        url = f"/v1/vendor-orders/{part['id']}/shipments"
        too_many = vendor.post(url, json={"lines": [{"line_no": 1, "quantity": 3}]})
        assert (too_many.status_code, too_many.json()["code"]) == (422, "more_than_there_is")
        answer = vendor.post(url, json=examples.PACKING)
        assert answer.status_code == 201, answer.text
        assert [(s["status"], s["lines"][0]["quantity"]) for s in answer.json()["shipments"]] == [("packed", 1), ("planned", 1)]
        assert vendor.post(url, json={"hand_over": True}).json()["code"] == "courier_collects"


def test_a_packed_parcel_has_a_label(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    with served.client(MINE) as vendor:
        page = vendor.get(f"/v1/shipments/{shipment}/label")
        assert page.status_code == 200
        assert "<svg" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        part = accepted(served, tell)
        early = vendor.get(f"/v1/shipments/{part['shipments'][0]['id']}/label")
        assert (early.status_code, early.json()["code"]) == (409, "not_packed")


def test_scans_are_reported_once_and_told_in_order(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    with served.client("admin") as admin:
        url = f"/v1/shipments/{shipment}/scans"
        out = admin.post(url, json={"status": "out_for_delivery", "at": "2026-01-01T10:00:00+06:00"})
        assert out.status_code == 201, out.text
        assert out.json()["shipment"]["status"] == "out_for_delivery"
        tried = {"status": "delivery_failed", "reason": "customer_unreachable", "at": "2026-01-01T12:00:00+06:00"}
        for _ in range(2):
            failed = admin.post(url, json=tried)
            assert (failed.status_code, failed.json()["shipment"]["tries"]) == (201, 1)
        assert [s["status"] for s in failed.json()["scans"]] == ["out_for_delivery", "delivery_failed"]
        assert admin.post(url, json={"status": "delivered", "at": "2099-01-01T10:00:00+06:00"}).json()["code"] == "in_the_future"
        assert admin.post(url, json={"status": "partially_delivered"}).json()["code"] == "lines_required"
        part = admin.post(url, json={"status": "partially_delivered", "lines": [{"line_no": 1, "quantity": 1}], "collected": 100})
        assert part.json()["shipment"]["status"] == "partially_delivered"
        back = admin.post(f"/v1/shipments/{shipment}/receptions", json={"damaged": [{"line_no": 1, "quantity": 1}]})
        assert back.status_code == 201, back.text
        assert back.json()["returned"] == [{"line_no": 1, "quantity": 1}]


def test_a_scan_and_what_follows_from_it_are_kept_together_or_not_at_all(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    url, out = f"/v1/shipments/{shipment}/scans", {"status": "out_for_delivery", "at": "2026-01-01T10:00:00+06:00"}
    with served.client("admin") as admin:
        stale = admin.post(url, json=out, headers={"if-match": '"1"'})
        assert stale.status_code == 412, stale.text
        assert admin.get(f"/v1/shipments/{shipment}").json()["scans"] == []
        again = admin.post(url, json=out)
        assert (again.status_code, again.json()["shipment"]["status"]) == (201, "out_for_delivery")


def uncertain(served: Served, tell: Tell) -> tuple[str, str]:
    """A shipment whose booking is unknown, and its order."""
    shipment = packed(served, tell)
    with served.client("admin") as admin:
        order_id: str = admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["order_id"]
    tell(order_id, lambda _: (events.OrderShipmentUncertain(shipment, "swift"),))
    return shipment, order_id


def test_a_person_says_that_a_courier_has_what_it_did_not_answer_for(served: Served, tell: Tell) -> None:
    shipment, order_id = uncertain(served, tell)
    url, name = f"/v1/shipments/{shipment}/bookings", f"DL{shipment[-12:]}"
    with served.client("admin") as admin:
        for body, code in (
            ({}, "consignment_required"), ({"found": False}, "reason_required"), ({"found": False, "reason": " "}, "reason_required"),
            ({"found": False, "consignment": "D1", "reason": "rang them"}, "contradictory"), ({"consignment": "D 1"}, "invalid"),
        ):  # fmt: skip
            answer = admin.post(url, json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, code), body
        other = admin.post(url, json={"consignment": name, "reference": "another"})
        assert (other.status_code, other.json()["code"]) == (409, "other_booking")
        for _ in range(2):
            answer = admin.post(url, json={"consignment": name})
            assert answer.status_code == 201, answer.text
            found = answer.json()["shipment"]
            assert (found["status"], found["courier"], found["consignment"]) == ("booked", "swift", name)
        known = admin.post(url, json={"found": False, "reason": "rang them"})
        assert (known.status_code, known.json()["code"]) == (409, "booking_known")
        said = [e for e in admin.get(f"/v1/orders/{order_id}/events").json()["data"] if e["type"] == "OrderShipmentBooked"]
        assert len(said) == 1 and said[0]["actor"].startswith("admin:"), "the story says who said so, once"
        second, _ = uncertain(served, tell)
        taken = admin.post(f"/v1/shipments/{second}/bookings", json={"consignment": name})
        assert (taken.status_code, taken.json()["code"]) == (409, "consignment_taken")


def test_a_person_says_that_a_courier_surely_has_it_not(served: Served, tell: Tell) -> None:
    shipment, order_id = uncertain(served, tell)
    url = f"/v1/shipments/{shipment}/bookings"
    with served.client("admin") as admin:
        for _ in range(2):
            answer = admin.post(url, json={"found": False, "reason": "Their desk has no such parcel."})
            assert (answer.status_code, answer.json()["shipment"]["status"]) == (201, "packed")
        said = [e for e in admin.get(f"/v1/orders/{order_id}/events").json()["data"] if e["type"] == "OrderShipmentFailed"]
        assert [(e["data"]["reason"], e["data"]["detail"]) for e in said] == [("not_booked", "Their desk has no such parcel.")]
    for role in (MINE, OTHER, "customer", "channel"):
        with served.client(role) as client:
            assert client.post(url, json={"consignment": "D1"}).status_code == 403


def test_another_day_is_agreed_upon(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    with served.client("admin") as admin:
        later = admin.post(f"/v1/shipments/{shipment}/reschedules", json={"to": "2199-12-01T15:00:00+06:00"})
        assert later.status_code == 201, later.text
        assert later.json()["shipment"]["promised_at"] == "2199-12-01T09:00:00Z"


def of_a_customer(served: Served, tell: Tell) -> tuple[str, str]:
    """An order that a customer placed, and its parcel, which a courier has."""
    order = served.place("customer", lines=[{"sku": examples.SKU, "quantity": 2}])

    def plan(now: orders.Order) -> tuple[Fact, ...]:
        part, parcel = now.vendor_orders[0], now.id[:-4] + "abcd"
        planned = events.PlannedParcel(parcel, part.id, "dhaka-tejgaon", tuple(events.ParcelLine(x.line_no, x.quantity) for x in now.lines))
        booked = events.OrderShipmentBooked(parcel, "swift", f"C-{now.number}", cash=now.totals.grand)
        return (events.OrderInventoryAllocated("plan", (planned,)), events.OrderConfirmed(), events.OrderParcelPacked(parcel, 800), booked)

    tell(order["id"], plan)
    return order["id"], order["id"][:-4] + "abcd"


def test_a_buyer_asks_for_another_day_for_a_parcel_of_theirs(served: Served, tell: Tell) -> None:
    order, parcel = of_a_customer(served, tell)
    url, day = f"/v1/orders/{order}/shipments/{parcel}/reschedules", datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    wanted = {"to": day.isoformat()}
    with served.client("admin") as admin:
        token = admin.post(f"/v1/orders/{order}/tokens").json()["token"]
    with served.client("customer") as buyer:
        first, again = buyer.post(url, json=wanted), buyer.post(url, json=wanted)
        assert (first.status_code, again.status_code) == (201, 201), first.text
        assert first.json()["version"] == again.json()["version"], "the same day again changes nothing"
        assert datetime.fromisoformat(first.json()["shipments"][0]["promised_at"]) == day
        for to, code in ((datetime(2026, 1, 1, tzinfo=UTC), "in_the_past"), (datetime.now(UTC) + timedelta(days=31), "too_far")):
            refused = buyer.post(url, json={"to": to.isoformat()})
            assert (refused.status_code, refused.json()["code"]) == (422, code)
    with httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {token}"}) as guest:
        sooner = guest.post(url, json={"to": (day - timedelta(days=2)).isoformat()})
        assert sooner.status_code == 201, sooner.text
        assert datetime.fromisoformat(sooner.json()["promised_at"]) == day - timedelta(days=2)
        unknown = guest.post(url.replace(parcel, str(uuid.UUID(int=7))), json=wanted)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_shipment")
        other = served.place()["id"]
        assert guest.post(f"/v1/orders/{other}/shipments/{parcel}/reschedules", json=wanted).status_code == 404
    with served.client("other_customer") as stranger:
        for headers in ({}, {"if-match": '"1"'}):
            assert stranger.post(url, json=wanted, headers=headers).status_code == 404
    tell(order, lambda o: orders.fulfilling.deliver(o, parcel))
    with served.client("customer") as buyer:
        late = buyer.post(url, json={"to": (day + timedelta(days=1)).isoformat()})
        assert (late.status_code, late.json()["code"]) == (409, "not_in_this_status")


def test_a_cancellation_says_what_becomes_of_every_unit(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    with served.client("admin") as admin:
        order_id = admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["order_id"]
        answer = admin.post(f"/v1/orders/{order_id}/cancellations", json={"reason": "changed_mind"})
        assert answer.status_code == 201, answer.text
        said = answer.json()["cancellation"]
        assert [(f["what"], f["quantity"], f["shipment"]) for f in said["fates"]] == [("recalling", 2, shipment)]
        assert said["released"] == 0
        assert said["later"] > 0


def test_another_vendors_goods_do_not_exist(served: Served, tell: Tell) -> None:
    shipment, part = packed(served, tell), offered(served, tell)
    with served.client(OTHER) as other:
        for method, path in (
            ("GET", f"/v1/shipments/{shipment}"), ("GET", f"/v1/shipments/{shipment}/label"),
            ("POST", f"/v1/shipments/{shipment}/scans"), ("POST", f"/v1/shipments/{shipment}/receptions"),
            ("POST", f"/v1/shipments/{shipment}/reschedules"), ("POST", f"/v1/vendor-orders/{part['id']}/acceptances"),
            ("POST", f"/v1/vendor-orders/{part['id']}/rejections"), ("POST", f"/v1/vendor-orders/{part['id']}/shipments"),
            ("GET", f"/v1/vendor-orders/{part['id']}/pick-list"),
        ):  # fmt: skip
            bodies: dict[str, Any] = {"scans": examples.SCAN, "reschedules": examples.RESCHEDULE, "rejections": {"reason": "closed"}}
            body = bodies.get(path.rsplit("/", 1)[1], {}) if method == "POST" else None
            answer = other.request(method, path, json=body)
            assert answer.status_code == 404, (method, path, answer.text)
        assert other.get("/v1/shipments").json()["data"] == []
        assert other.get("/v1/shipments", params={"vendor": examples.VENDOR_CODE}).status_code == 403
    with served.client("customer") as customer:
        assert customer.get("/v1/shipments").status_code == 403


def test_shipments_are_listed_by_page(served: Served, tell: Tell) -> None:
    first, second = packed(served, tell), packed(served, tell)
    with served.client(MINE) as vendor:
        page = vendor.get("/v1/shipments", params={"limit": 1, "status": "packed"}).json()
        assert [s["id"] for s in page["data"]] == [second]
        more = vendor.get("/v1/shipments", params={"limit": 200, "status": "packed", "cursor": page["page"]["next"]}).json()
        assert first in [s["id"] for s in more["data"]]


def test_packing_a_part_under_a_key_twice_packs_it_once(served: Served, tell: Tell) -> None:
    part = accepted(served, tell, 4)
    path, body = f"/v1/vendor-orders/{part['id']}/shipments", {"lines": [{"line_no": 1, "quantity": 2}]}
    with served.client(MINE) as vendor:
        answers = [vendor.post(path, json=body, headers={"idempotency-key": "pack-1"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert [[p["status"] for p in answer.json()["shipments"]] for answer in answers] == [["packed", "planned"]] * 2
        other = vendor.post(path, json={"lines": [{"line_no": 1, "quantity": 1}]}, headers={"idempotency-key": "pack-1"})
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        third = vendor.post(path, json=body, headers={"idempotency-key": "pack-2"})
        assert [p["status"] for p in third.json()["shipments"]] == ["packed", "packed"]


def test_a_vendor_receives_what_a_courier_has_only_when_it_comes_back(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    scans, receptions = f"/v1/shipments/{shipment}/scans", f"/v1/shipments/{shipment}/receptions"
    with served.client("admin") as admin, served.client(MINE) as vendor:
        assert admin.post(scans, json={"status": "out_for_delivery"}).status_code == 201
        early = vendor.post(receptions, json={})
        assert (early.status_code, early.json()["code"]) == (403, "courier_reports")
        assert admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["status"] == "out_for_delivery"
        assert admin.post(scans, json={"status": "returning"}).status_code == 201
        back = vendor.post(receptions, json={})
        assert (back.status_code, back.json()["shipment"]["status"]) == (201, "returned")
        assert vendor.post(receptions, json={}).status_code == 201, "told again it is the same"


def test_what_comes_back_without_a_word_an_admin_receives(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    with served.client("admin") as admin:
        assert admin.post(f"/v1/shipments/{shipment}/receptions", json={}).json()["shipment"]["status"] == "returned"


def captured(order: dict[str, Any]) -> list[int]:
    return [a["captured"] for t in order["payments"] for a in t.get("attempts", ())]


@pytest.mark.parametrize(("before", "said", "status"), [("returning", "returning", "returning"), ("returned", "delivered", "returned")])
def test_cash_for_what_is_not_sold_here_is_booked_once(served: Served, tell: Tell, before: str, said: str, status: str) -> None:
    shipment = booked(served, tell)
    scans = f"/v1/shipments/{shipment}/scans"
    with served.client("admin") as admin:
        admin.post(scans, json={"status": "returning"})
        if before == "returned":
            admin.post(f"/v1/shipments/{shipment}/receptions", json={})
        order_id = admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["order_id"]
        fees = admin.get(f"/v1/orders/{order_id}").json()["totals"]["fees"]
        for _ in range(2):
            answer = admin.post(scans, json={"status": said, "collected": 6_000})
            assert (answer.status_code, answer.json()["shipment"]["status"]) == (201, status), answer.text
        order = admin.get(f"/v1/orders/{order_id}").json()
        assert (order["totals"]["fees"] - fees, captured(order)) == (6_000, [6_000])
        without = admin.post(scans, json={"status": "delivered"})
        assert without.status_code == (409 if status == "returned" else 201), "without cash there is nothing to book"


@pytest.fixture
def couriers(served: Served) -> Iterator[None]:
    """Riders of one's own, and a courier that reports."""
    with served.client("admin") as admin:
        for code, more in (("riders", {"plugin": "own"}), ("red", {"plugin": "redx", "secrets": {"access_token": "x"}})):
            answer = admin.put(f"/v1/connections/{code}", json={"kind": "courier", "title": code, "config": {}, **more})
            assert answer.status_code in (200, 201), answer.text
        yield
        for code in ("riders", "red"):
            admin.delete(f"/v1/connections/{code}")


@pytest.mark.usefixtures("couriers")
def test_a_person_says_that_a_parcel_of_own_riders_stayed_at_home(served: Served, tell: Tell) -> None:
    with served.client("admin") as admin:

        def given_to(courier: str) -> tuple[str, str]:
            shipment = packed(served, tell)
            order_id = admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["order_id"]
            tell(order_id, lambda o: (events.OrderShipmentBooked(shipment, courier, f"{o.number}-1", cash=o.totals.grand),))
            return f"/v1/shipments/{shipment}/scans", order_id

        url, order_id = given_to("red")
        reports = admin.post(url, json={"status": "cancelled"})
        assert (reports.status_code, reports.json()["code"]) == (403, "courier_reports")
        url, order_id = given_to("riders")
        with served.client(MINE) as vendor:
            assert vendor.post(url, json={"status": "cancelled"}).status_code == 403
        asked = admin.post(f"/v1/orders/{order_id}/cancellations", json={"reason": "changed_mind"}).json()
        assert [f["what"] for f in asked["cancellation"]["fates"]] == ["recalling"]
        for _ in range(2):
            answer = admin.post(url, json={"status": "cancelled"}, headers={"idempotency-key": "stayed-1"})
            assert answer.status_code == 201, answer.text
        assert admin.get(f"/v1/orders/{order_id}").json()["status"] == "cancelled"
        url, order_id = given_to("riders")
        admin.post(url, json={"status": "picked_up"})
        left = admin.post(url, json={"status": "cancelled"})
        assert (left.status_code, left.json()["code"]) == (409, "not_in_this_status")


def test_what_a_person_says_is_about_the_booking_that_they_saw() -> None:
    order = goods_cases.at(goods_cases.accepted(), "booked")
    stands = orders.fulfilling.parcel_of(order, goods_cases.FIRST).consignment
    said = shipments._of_that_booking(SimpleNamespace(id=goods_cases.FIRST, consignment=stands), lambda o: ())  # type: ignore[arg-type]
    assert said(order) == ()
    late = shipments._of_that_booking(SimpleNamespace(id=goods_cases.FIRST, consignment="C-BEFORE"), lambda o: ())  # type: ignore[arg-type]
    with pytest.raises(Refused, match="other_booking"):
        late(order)

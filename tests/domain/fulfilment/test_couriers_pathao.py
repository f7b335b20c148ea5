"""Pathao on the wire: payloads as its merchant API and its hooks have them (reference/couriers.md, 2)."""

from datetime import UTC, datetime

import msgspec
import pytest

from haat.domain.fulfilment.courier import Booked, Declined, Known, Price, Recipient
from haat.domain.fulfilment.couriers import pathao
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Connection, Granted, Reply, Unknown
from tests.domain.fulfilment.talking import REFERENCE, a_parcel, drive, said, sent, told

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
AT = Connection(
    kind="courier", code="pathao-main", plugin="pathao",
    config=pathao.Config(store_id="4711", pickup_stores={"chattogram": "88"}, base_url="https://courier-api-sandbox.pathao.com"),
    secrets=pathao.Secrets("id", "secret", "shop@example.com", "word", "shared-word", "f3992ecc"),
)  # fmt: skip
BOOKED = {
    "message": "Order Created Successfully", "type": "success", "code": 200,
    "data": {"consignment_id": "DT231126ABCDEF", "merchant_order_id": REFERENCE, "order_status": "Pending", "delivery_fee": 80},
}  # fmt: skip
INVALID = {"message": "The given data was invalid.", "type": "error", "code": 422, "errors": {"recipient_phone": ["is invalid"]}}


def test_a_parcel_is_booked_with_whole_taka_and_its_own_places() -> None:
    booked, (request,) = drive(pathao.book(AT, a_parcel(cash=124_950, pickup="chattogram"), NOW), [said(200, BOOKED)])
    assert booked == Booked(
        "DT231126ABCDEF", "https://merchant.pathao.com/tracking?consignment_id=DT231126ABCDEF&phone=01712345678", 8_000, 125_000
    )
    assert (request.method, request.url) == ("POST", "https://courier-api-sandbox.pathao.com/aladdin/api/v1/orders")
    assert request.headers["authorization"] == "Bearer token"
    assert sent(request) == {
        "store_id": 88, "merchant_order_id": REFERENCE, "recipient_name": "Rahima Khatun", "recipient_phone": "01712345678",
        "recipient_address": "House 12, Road 5, Beside the stadium, Mirpur 10, Mirpur, Dhaka, 1216", "delivery_type": 48, "item_type": 2,
        "item_quantity": 1, "item_weight": 0.8, "item_description": "2 mugs", "special_instruction": "", "amount_to_collect": 1250,
        "recipient_city": 1, "recipient_zone": 298, "recipient_area": 37,
    }  # fmt: skip


def test_a_prepaid_light_parcel_weighs_half_a_kilogram_and_collects_nothing() -> None:
    _, (request,) = drive(pathao.book(AT, a_parcel(cash=0, weight_g=40), NOW), [said(200, BOOKED)])
    assert (sent(request)["amount_to_collect"], sent(request)["item_weight"], sent(request)["store_id"]) == (0, 0.5, 4711)


def test_a_parcel_and_its_price_are_asked_for_from_the_store_of_its_place() -> None:
    for place, store in (("chattogram", 88), ("dhaka-tejgaon", 4711), ("", 4711)):
        _, (booking,) = drive(pathao.book(AT, a_parcel(pickup=place), NOW), [said(200, BOOKED)])
        _, (pricing,) = drive(pathao.price(AT, a_parcel(pickup=place)), [said(200, {"data": {"price": 80}})])
        assert (sent(booking)["store_id"], sent(pricing)["store_id"]) == (store, store)


@pytest.mark.parametrize("stores", [{"no place": "1"}, {"": "1"}, {"dhaka": "north"}, {"dhaka": ""}, {f"p{n}": "1" for n in range(1_001)}])
def test_stores_by_place_have_our_codes_and_its_numbers_and_an_end(stores: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"store_id": "1", "pickup_stores": stores}, pathao.Config)


def test_what_it_does_not_take_is_not_sent() -> None:
    assert drive(pathao.book(AT, a_parcel(weight_g=10_001), NOW), []) == (Declined("too_heavy", "Pathao takes ten kilograms at most."), [])
    nowhere = a_parcel(recipient=Recipient("Karim", "+8801712345678", "H 1"))
    declined, asked = drive(pathao.book(AT, nowhere, NOW), [])
    assert (declined.reason, declined.final, asked) == ("address_incomplete", True, [])


def test_refused_fields_are_final_and_named() -> None:
    declined, _ = drive(pathao.book(AT, a_parcel(), NOW), [said(422, INVALID)])
    assert declined == Declined("refused", "recipient_phone: is invalid", final=True)
    nowhere, _ = drive(pathao.book(AT, a_parcel(), NOW), [said(422, {"errors": {"recipient_zone": ["not covered"]}})])
    assert nowhere.reason == "area_not_served"


def test_a_token_that_is_refused_is_renewed_once() -> None:
    booked, asked = drive(pathao.book(AT, a_parcel(), NOW), [said(401, {"message": "Unauthenticated."}), said(200, BOOKED)])
    assert isinstance(booked, Booked)
    assert [request.headers["authorization"] for request in asked] == ["Bearer token", "Bearer newer-token"]
    declined, _ = drive(pathao.book(AT, a_parcel(), NOW), [said(401, {}), said(401, {"message": "Unauthenticated."})])
    assert declined == Declined("credentials", "Unauthenticated.", final=False)


def test_a_token_is_granted_by_refresh_token_and_by_password_when_that_is_dead() -> None:
    token = {"access_token": "A", "refresh_token": "R2", "token_type": "Bearer", "expires_in": 432_000}
    granted, (request,) = drive(pathao._grant(AT, "R1"), [said(200, token)])
    assert granted == Granted("A", 432_000 - pathao.EARLIER_S, "R2")
    assert sent(request) == {"client_id": "id", "client_secret": "secret", "grant_type": "refresh_token", "refresh_token": "R1"}
    _, asked = drive(pathao._grant(AT, "R1"), [said(401, {"message": "dead"}), said(200, token)])
    assert sent(asked[1])["grant_type"] == "password"
    with pytest.raises(Unavailable) as refused:
        drive(pathao._grant(AT, ""), [said(401, {"message": "The user credentials were incorrect."})])
    assert refused.value.permanent


def test_it_cannot_be_asked_by_our_reference_and_says_so() -> None:
    with pytest.raises(Unknown, match="no_lookup"):
        drive(pathao.COURIER.look_up(AT, REFERENCE, NOW), [])
    assert pathao.COURIER.capabilities.lookup == "hook"


def test_asked_it_says_its_last_word_by_dhaka_s_clock() -> None:
    info = {"data": {"consignment_id": "DT1", "merchant_order_id": REFERENCE, "order_status": "Assigned for Delivery",
                     "order_status_slug": "Assigned_for_Delivery", "updated_at": "2026-11-23 11:30:00", "invoice_id": None}}  # fmt: skip
    (scan,), (request,) = drive(pathao.track(AT, Known("DT1", REFERENCE), NOW), [said(200, info)])
    assert request.url.endswith("/aladdin/api/v1/orders/DT1/info") and request.question
    assert (scan.status, scan.said, scan.at, scan.timed) == (
        "out_for_delivery",
        "Assigned_for_Delivery",
        datetime(2026, 11, 23, 5, 30, tzinfo=UTC),
        True,
    )
    assert not scan.hint and scan.invoice == ""


def test_a_price_has_a_fee_and_a_share_of_the_cash() -> None:
    plan = {
        "data": {
            "price": 80,
            "discount": 0,
            "promo_discount": 0,
            "plan_id": 69,
            "cod_enabled": 1,
            "cod_percentage": 1,
            "additional_charge": 0,
            "final_price": 75,
        }
    }
    price, (request,) = drive(pathao.price(AT, a_parcel()), [said(200, plan)])
    assert price == Price(7_500, 1_250)
    assert sent(request)["recipient_zone"] == 298 and request.question


def test_its_places_are_cities_with_zones() -> None:
    cities = {"data": {"data": [{"city_id": 1, "city_name": "Dhaka"}]}}
    zones = {"data": {"data": [{"zone_id": 298, "zone_name": "Mirpur"}, {"zone_id": 1070, "zone_name": "Abdullahpur"}]}}
    found, asked = drive(pathao.areas(AT), [said(200, cities), said(200, zones)])
    assert [(each.area.city_id, each.area.zone_id, each.district, each.place) for each in found] == [
        ("1", "298", "Dhaka", "Mirpur"), ("1", "1070", "Dhaka", "Abdullahpur"),
    ]  # fmt: skip
    assert asked[1].url.endswith("/cities/1/zone-list")


HOOK = {"x-pathao-signature": "shared-word"}


def test_the_greeting_is_answered_with_202_and_the_panel_s_value_and_not_kept() -> None:
    heard = pathao.verify(AT, told({"event": "webhook_integration"}), NOW)
    assert (heard.status, heard.keep) == (202, False)
    assert heard.headers == {"x-pathao-merchant-webhook-integration-secret": "f3992ecc"}
    with pytest.raises(Refused):
        pathao.verify(AT, told({"event": "webhook_integration"}, {"x-pathao-signature": "guess"}), NOW)


def test_a_delivery_is_a_hint_with_its_amount() -> None:
    event = {"consignment_id": "DT1", "merchant_order_id": REFERENCE, "updated_at": "2026-11-23 11:59:59", "timestamp": "2026-11-23T05:59:59+00:00",
             "store_id": 4711, "event": "order.delivered", "delivery_fee": 83.46, "collected_amount": 1250}  # fmt: skip
    hook = told(event, HOOK)
    assert pathao.verify(AT, hook, NOW).key == pathao.verify(AT, told(event | {"timestamp": "later"}, HOOK), NOW).key
    (scan,) = pathao.heard(AT, hook, NOW)
    assert (scan.status, scan.collected, scan.fee, scan.hint, scan.reference) == ("delivered", 125_000, 8_346, True, REFERENCE)
    assert scan.at == datetime(2026, 11, 23, 5, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("order.created", "booked"), ("order.updated", "booked"), ("order.pickup-requested", "pickup_requested"),
        ("order.assigned-for-pickup", "pickup_requested"), ("order.picked", "picked_up"), ("order.pickup-failed", "pickup_failed"),
        ("order.pickup-cancelled", "cancelled"), ("order.at-the-sorting-hub", "in_transit"), ("order.in-transit", "in_transit"),
        ("order.received-at-last-mile-hub", "at_destination_hub"), ("order.assigned-for-delivery", "out_for_delivery"),
        ("order.delivered", "delivered"), ("order.partial-delivery", "partially_delivered"), ("order.delivery-failed", "delivery_failed"),
        ("order.on-hold", "on_hold"), ("order.returned", "returning"), ("order.return-id-created", "returning"),
        ("order.return-in-transit", "returning"), ("order.returned-to-merchant", "returned"), ("order.paid-return", "returning"),
        ("order.exchanged", "exchanged"), ("Order.Delivered", "delivered"),
    ],
)  # fmt: skip
def test_every_event_is_a_word_of_ours(event: str, status: str) -> None:
    (scan,) = pathao.heard(AT, told({"event": event, "consignment_id": "DT1", "collected_amount": 500}), NOW)
    assert (scan.status, scan.known) == (status, True)
    assert (scan.collected is not None) == (status in ("delivered", "partially_delivered", "exchanged") or event == "order.paid-return")


def test_a_remittance_moves_nothing_and_names_its_invoice() -> None:
    (scan,) = pathao.heard(AT, told({"event": "order.paid", "consignment_id": "DT1", "invoice_id": "INV-9"}), NOW)
    assert (scan.status, scan.known, scan.cash, scan.invoice) == ("", True, "remitted", "INV-9")


def test_a_reason_in_its_words_is_one_of_ours() -> None:
    def reason(text: str) -> str:
        (scan,) = pathao.heard(AT, told({"event": "order.delivery-failed", "consignment_id": "DT1", "reason": text}), NOW)
        return scan.reason

    assert [reason(text) for text in ("Customer refused to take", "Phone unreachable", "Wrong address", "Something else", "")] == [
        "customer_refused", "customer_unreachable", "wrong_address", "other", "",
    ]  # fmt: skip


def test_events_of_stores_are_none_of_a_parcel_s() -> None:
    assert pathao.heard(AT, told({"event": "store.created", "store_id": 1}), NOW) == ()


def test_trouble_over_there_is_told_apart() -> None:
    with pytest.raises(Unknown):
        drive(pathao.book(AT, a_parcel(), NOW), [Reply(502)])
    with pytest.raises(Unavailable):
        drive(pathao.book(AT, a_parcel(), NOW), [Reply(429)])

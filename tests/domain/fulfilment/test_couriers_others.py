"""RedX on the wire, a courier by configuration, one's own riders, and how words are fitted into fields."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain.fulfilment import fitting
from haat.domain.fulfilment.courier import Area, Booked, Declined, Known, NotThere, Price, Recalled, Recipient
from haat.domain.fulfilment.couriers import generic, own, redx
from haat.kernel.errors import Refused
from haat.kernel.outside import Connection, Hook, Reply, Unknown
from tests.domain.fulfilment.talking import REFERENCE, a_parcel, drive, said, sent, told

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
REDX = Connection(
    kind="courier", code="redx-main", plugin="redx",
    config=redx.Config(pickup_store_id="5", pickup_area_id="9", base_url="https://sandbox.redx.com.bd/v1.0.0-beta"),
    secrets=redx.Secrets("jwt", "our-token"),
)  # fmt: skip


def test_redx_books_by_its_own_area_with_whole_taka_and_grams() -> None:
    booked, (request,) = drive(redx.book(REDX, a_parcel(), NOW), [said(201, {"tracking_id": "21A427TU4BN3R"})])
    assert booked == Booked("21A427TU4BN3R", "https://redx.com.bd/track-parcel/?trackingId=21A427TU4BN3R", cash=125_000)
    assert request.headers["api-access-token"] == "Bearer jwt"
    assert request.url == "https://sandbox.redx.com.bd/v1.0.0-beta/parcel"
    body = sent(request)
    assert (body["delivery_area"], body["delivery_area_id"], body["pickup_store_id"]) == ("Mirpur 10", 37, 5)
    assert (body["cash_collection_amount"], body["parcel_weight"], body["value"], body["merchant_invoice_id"]) == (
        "1250",
        800,
        "1300",
        REFERENCE,
    )


def test_redx_picks_up_at_the_store_of_the_parcel_s_place() -> None:
    at = msgspec.structs.replace(REDX, config=msgspec.structs.replace(REDX.config, pickup_stores={"chattogram": "8"}))
    for place, store in (("chattogram", 8), ("dhaka-tejgaon", 5)):
        _, (request,) = drive(redx.book(at, a_parcel(pickup=place), NOW), [said(201, {"tracking_id": "21A"})])
        assert sent(request)["pickup_store_id"] == store


def test_redx_takes_nothing_to_a_place_it_has_no_number_for() -> None:
    declined, asked = drive(redx.book(REDX, a_parcel(area=Area()), NOW), [])
    assert (declined.reason, declined.final, asked) == ("area_unknown", True, [])


def test_redx_is_asked_by_its_number_and_cancels_what_was_not_picked_up() -> None:
    info = {"parcel": {"tracking_id": "21A", "status": "delivery-in-progress", "charge": 60, "merchant_invoice_id": REFERENCE}}
    (scan,), (request,) = drive(redx.track(REDX, Known("21A", REFERENCE), NOW), [said(200, info)])
    assert (scan.status, scan.timed, request.url.endswith("/parcel/info/21A")) == ("out_for_delivery", False, True)
    recalled, (patch,) = drive(redx.cancel(REDX, Known("21A", REFERENCE), "buyer cancelled"), [said(200, {"success": True})])
    assert recalled == Recalled()
    assert sent(patch) == {
        "entity_type": "parcel-tracking-id", "entity_id": "21A",
        "update_details": {"property_name": "status", "new_value": "cancelled", "reason": "buyer cancelled"},
    }  # fmt: skip
    late, _ = drive(redx.cancel(REDX, Known("21A", REFERENCE), "x"), [said(400, {"message": "Parcel is picked up"})])
    assert late == Declined("refused", "Parcel is picked up")


def test_redx_has_a_price_for_two_areas() -> None:
    price, (request,) = drive(redx.price(REDX, a_parcel()), [said(200, {"deliveryCharge": 60, "codCharge": 12.5})])
    assert price == Price(6_000, 1_250)
    assert request.url.endswith("/charge/charge_calculator?delivery_area_id=37&pickup_area_id=9&cash_collection_amount=1250&weight=800")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pickup-pending", "pickup_requested"), ("pickup-processing", "pickup_requested"), ("ready-for-delivery", "at_destination_hub"),
        ("delivery-in-progress", "out_for_delivery"), ("Delivered", "delivered"), ("agent-hold", "on_hold"),
        ("agent-returning", "returning"), ("returned", "returned"), ("agent-area-change", "in_transit"), ("cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_redx_s_words_are_words_of_ours(word: str, status: str) -> None:
    hook = told({"tracking_number": "21A", "timestamp": "2026-11-23T05:30:00Z", "status": word, "message_en": "m", "message_bn": "ম",
                 "invoice_number": REFERENCE}, query={"token": "our-token"})  # fmt: skip
    assert redx.verify(REDX, hook, NOW).status == 200
    (scan,) = redx.heard(REDX, hook, NOW)
    assert (scan.status, scan.reference, scan.at) == (status, REFERENCE, datetime(2026, 11, 23, 5, 30, tzinfo=UTC))


def test_redx_s_areas_have_post_codes() -> None:
    rows = {"areas": [{"id": 37, "name": "Mirpur 10", "post_code": 1216, "division_name": "Dhaka", "zone_id": 1}, "odd"]}
    (reach,), _ = drive(redx.areas(REDX), [said(200, rows)])
    assert (reach.area.area_id, reach.postcode, reach.place) == ("37", "1216", "Mirpur 10")


GENERIC = msgspec.convert(
    {
        "base_url": "https://api.tracker.test/v2",
        "headers": {"Authorization": "Bearer {key}"},
        "book": {"path": "/parcels", "consignment": "data.id", "tracking_url": "data.url", "fee": "data.fee",
                 "body": {"ref": "{reference}", "to": {"name": "{name}", "tel": "{phone_local}", "where": ["{address}"]}, "cod": "{cash}",
                          "note": "order {number}"}},
        "look_up": {"method": "GET", "path": "/parcels/by-ref/{reference}", "consignment": "data.id"},
        "track": {"method": "GET", "path": "/parcels/{consignment}/events"},
        "said": {"each": "events", "status": "state", "at": "when"},
        "hook": {"status": "tracker.status", "consignment": "tracker.id", "at": "tracker.updated", "collected": "tracker.cod"},
        "signature": {"header": "X-Hmac-Signature", "prefix": "hmac-sha256-hex="},
        "statuses": {"On the road": "in_transit"},
    },
    generic.Config,
)  # fmt: skip
ANY = Connection(kind="courier", code="any", plugin="generic", config=GENERIC, secrets=generic.Secrets("k", "", "hook-word"))


def test_any_courier_is_spoken_with_as_the_operator_wrote() -> None:
    answer = {"data": {"id": 77, "url": "https://t.test/77", "fee": "60.50"}}
    booked, (request,) = drive(generic.book(ANY, a_parcel(number="H-1", cash=125_000), NOW), [said(201, answer)])
    assert booked == Booked("77", "https://t.test/77", 6_050)
    assert (request.url, request.headers["authorization"]) == ("https://api.tracker.test/v2/parcels", "Bearer k")
    assert sent(request) == {
        "ref": REFERENCE, "to": {"name": "Rahima Khatun", "tel": "01712345678",
        "where": ["House 12, Road 5, Beside the stadium, Mirpur 10, Mirpur, Dhaka, 1216"]}, "cod": 1250, "note": "order H-1",
    }  # fmt: skip


def test_any_courier_is_asked_by_our_reference_where_the_operator_said_how() -> None:
    assert drive(generic.look_up(ANY, REFERENCE, NOW), [said(200, {"data": {"id": "P/7"}})])[0] == Booked("P/7")
    assert drive(generic.look_up(ANY, REFERENCE, NOW), [said(404, {})])[0] == NotThere()
    mute = msgspec.structs.replace(ANY, config=msgspec.structs.replace(GENERIC, look_up=None))
    with pytest.raises(Unknown, match="no_lookup"):
        drive(generic.look_up(mute, REFERENCE, NOW), [])


def test_any_courier_s_words_are_the_operator_s_or_those_of_the_world() -> None:
    events = {
        "events": [
            {"state": "on the road", "when": 1795413600},
            {"state": "out_for_delivery", "when": "2026-11-23T05:00:00Z"},
            {"state": "beamed"},
        ]
    }
    scans, (request,) = drive(generic.track(ANY, Known("P/7", REFERENCE), NOW), [said(200, events)])
    assert request.url.endswith("/parcels/P%2F7/events")
    assert [(scan.status, scan.known, scan.timed) for scan in scans] == [
        ("in_transit", True, True), ("out_for_delivery", True, True), ("", False, False),
    ]  # fmt: skip


def test_a_hook_of_any_courier_is_signed_over_its_raw_body() -> None:
    body = b'{"tracker": {"id": "77", "status": "delivered", "updated": "2026-11-23T05:00:00Z", "cod": 1250}}'
    signature = hmac.new(b"hook-word", body, hashlib.sha256)
    hook = Hook(headers={"x-hmac-signature": f"hmac-sha256-hex={signature.hexdigest()}"}, body=body)
    assert generic.verify(ANY, hook, NOW).status == 200
    (scan,) = generic.heard(ANY, hook, NOW)
    assert (scan.status, scan.collected, scan.consignment) == ("delivered", 125_000, "77")
    with pytest.raises(Refused):
        generic.verify(ANY, msgspec.structs.replace(hook, body=body + b" "), NOW)


def test_a_signed_time_that_is_too_old_is_refused() -> None:
    how = generic.Signature(header="sig", form="base64", time_header="sent-at", age_s=300)
    timed = msgspec.structs.replace(ANY, config=msgspec.structs.replace(GENERIC, signature=how))

    def hook(at: int) -> Hook:
        made = hmac.new(b"hook-word", f"{at}.".encode() + b"{}", hashlib.sha256).digest()
        return Hook(headers={"sig": base64.b64encode(made).decode(), "sent-at": str(at)}, body=b"{}")

    now = int(NOW.timestamp())
    assert generic.verify(timed, hook(now - 200), NOW).keep
    for at in (now - 400, now + 400):
        with pytest.raises(Refused):
            generic.verify(timed, hook(at), NOW)


def test_one_s_own_riders_are_booked_at_once_and_asked_nothing() -> None:
    at = Connection(kind="courier", code="own", plugin="own", config=own.Config(fee=5_000), secrets=own.Secrets())
    assert drive(own.book(at, a_parcel(), NOW), []) == (Booked(REFERENCE, "", 5_000), [])
    assert drive(own.look_up(at, REFERENCE, NOW), [])[0] == Booked(REFERENCE, "", 5_000)
    recall, asked = drive(own.cancel(at, Known(REFERENCE, REFERENCE), "changed_mind"), [])
    assert (recall.reason, asked) == ("tell_the_rider", []) and REFERENCE in recall.detail, "nobody but a person reaches a rider"
    cashless = msgspec.structs.replace(at, config=own.Config(cash=False))
    assert drive(own.book(cashless, a_parcel(), NOW), [])[0] == Declined("cash_not_allowed", "These riders take no cash.")


def test_an_address_that_is_too_long_loses_its_line_and_never_its_landmark() -> None:
    to = Recipient("x", "", "Holding 7, beside many other words " * 12, "বটতলা মসজিদের পাশে", "Zindabazar", "Sylhet Sadar", "Sylhet")
    found = fitting.address(to, most=220)
    assert len(found) <= 220 and found.endswith("বটতলা মসজিদের পাশে, Zindabazar, Sylhet Sadar, Sylhet")


def test_a_town_that_the_line_names_already_is_not_written_twice() -> None:
    assert (
        fitting.address(Recipient("x", "", "House 1, Mirpur 10, Dhaka", "", "Mirpur 10", "Mirpur", "Dhaka"), most=220)
        == "House 1, Mirpur 10, Dhaka"
    )


def test_a_bangla_word_is_cut_between_letters() -> None:
    assert fitting.cut("মোহাম্মদ", 2) == "মো"
    assert fitting.cut("মোহাম্মদ", 5) == "মোহা"
    assert fitting.cut("ক্ষমা", 1) == "ক"


@given(st.text(max_size=120), st.integers(1, 60))
def test_what_is_cut_is_a_beginning_and_short_enough(text: str, length: int) -> None:
    found = fitting.cut(text, length)
    assert len(found) <= length
    assert text.startswith(found)


@pytest.mark.parametrize(
    ("phone", "local"),
    [("+8801712345678", "01712345678"), ("01712-345678", "01712345678"), ("০১৭১২৩৪৫৬৭৮", "01712345678"), ("+8801112345678", None),
     ("+4917012345678", None), ("", None), ("+88017123456789", None)],
)  # fmt: skip
def test_a_mobile_is_written_as_couriers_want_it(phone: str, local: str | None) -> None:
    assert fitting.mobile(phone) == local


@given(st.integers(0, 10**12))
def test_whole_taka_miss_at_most_fifty_paisa(amount: int) -> None:
    assert abs(fitting.taka(amount) * 100 - amount) <= 50


def test_amounts_and_times_that_are_none_are_none() -> None:
    assert [fitting.paisa(each) for each in ("83.46", 1250, "1,250.5", "abc", None, "NaN", "1e999", True)] == [
        8_346,
        125_000,
        125_050,
        None,
        None,
        None,
        None,
        None,
    ]
    assert [fitting.permyriad_of(each) for each in (0.01, 1, "1.5", 0, None)] == [100, 100, 150, 0, None]
    assert fitting.said_at("2026-11-23 11:30:00") == datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
    assert fitting.said_at("2026-11-23T05:30:00+00:00") == datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
    assert fitting.said_at("yesterday") is None and fitting.said_at("0001-01-01 00:00:00") is None


def test_trouble_over_there_while_booking_is_unknown() -> None:
    with pytest.raises(Unknown):
        drive(redx.book(REDX, a_parcel(), NOW), [Reply(500)])

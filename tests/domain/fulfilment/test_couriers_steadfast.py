"""Steadfast on the wire: payloads as its API and a recorded trace of its hooks have them (reference/couriers.md, 3)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from haat.domain.fulfilment import tracking
from haat.domain.fulfilment.courier import Booked, Declined, Known, NotThere, Recalled, Remittance, Remitted
from haat.domain.fulfilment.couriers import steadfast
from haat.kernel.errors import Refused
from haat.kernel.outside import Connection, Reply, Unknown
from tests.domain.fulfilment.talking import REFERENCE, a_parcel, drive, said, sent, told

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
AT = Connection(
    kind="courier", code="steadfast-main", plugin="steadfast", config=steadfast.Config(), secrets=steadfast.Secrets("key", "secret", "our-token")
)  # fmt: skip
MADE = {
    "status": 200, "message": "Consignment has been created successfully.",
    "consignment": {"consignment_id": 1424107, "invoice": REFERENCE, "tracking_code": "15BAEB8A", "recipient_name": "Rahima Khatun",
                    "recipient_phone": "01712345678", "cod_amount": 1250, "status": "in_review", "created_at": "2026-11-23T06:00:00.000000Z"},
}  # fmt: skip
TAKEN = {"status": 400, "errors": {"invoice": ["The invoice has already been taken."]}}


def test_a_parcel_is_booked_under_our_invoice() -> None:
    booked, (request,) = drive(steadfast.book(AT, a_parcel(), NOW), [said(200, MADE)])
    assert booked == Booked("1424107", "https://steadfast.com.bd/t/15BAEB8A", cash=125_000)
    assert request.url == "https://portal.packzy.com/api/v1/create_order"
    assert (request.headers["api-key"], request.headers["secret-key"]) == ("key", "secret")
    assert sent(request) == {
        "invoice": REFERENCE, "recipient_name": "Rahima Khatun", "recipient_phone": "01712345678",
        "recipient_address": "House 12, Road 5, Beside the stadium, Mirpur 10, Mirpur, Dhaka, 1216", "cod_amount": 1250, "note": "",
        "item_description": "2 mugs", "total_lot": 1, "delivery_type": 0,
    }  # fmt: skip


def test_an_invoice_that_is_taken_is_our_own_booking_of_before() -> None:
    found, asked = drive(
        steadfast.book(AT, a_parcel(), NOW), [said(400, TAKEN), said(200, {"status": 200, "delivery_status": "in_review"})]
    )
    assert found == Booked(REFERENCE)
    assert asked[1].url.endswith(f"/status_by_invoice/{REFERENCE}") and asked[1].question


def test_a_lost_booking_is_found_by_our_invoice_or_surely_not_there() -> None:
    found, _ = drive(steadfast.look_up(AT, REFERENCE, NOW), [said(200, {"status": 200, "delivery_status": "pending", "consignment_id": 7})])
    assert found == Booked("7")
    missing, _ = drive(steadfast.look_up(AT, REFERENCE, NOW), [said(404, {"message": "not found"})])
    assert missing == NotThere()
    for unclear in (Reply(200, body=b"<html>"), said(401, {"message": "Unauthorized"}), said(200, {"status": 200})):
        with pytest.raises(Unknown):
            drive(steadfast.look_up(AT, REFERENCE, NOW), [unclear])


def test_what_it_refuses_is_named() -> None:
    errors = {"status": 400, "errors": {"recipient_phone": ["The recipient phone must be 11 digits."]}}
    declined, _ = drive(steadfast.book(AT, a_parcel(), NOW), [said(400, errors)])
    assert declined == Declined("refused", "recipient_phone: The recipient phone must be 11 digits.", final=True)
    closed, _ = drive(steadfast.book(AT, a_parcel(), NOW), [said(401, {"message": "Unauthorized Access"})])
    assert closed == Declined("credentials", "Unauthorized Access", final=False)
    odd, asked = drive(steadfast.book(AT, a_parcel(recipient=a_parcel().recipient, number="1"), NOW), [said(200, MADE)])
    assert isinstance(odd, Booked) and len(asked) == 1


def test_asked_it_is_asked_by_its_number_or_by_ours() -> None:
    (scan,), (request,) = drive(
        steadfast.track(AT, Known("1424107", REFERENCE), NOW), [said(200, {"status": 200, "delivery_status": "pending"})]
    )
    assert request.url.endswith("/status_by_cid/1424107")
    assert (scan.status, scan.timed, scan.at) == ("in_transit", False, NOW)
    _, (by_ours,) = drive(
        steadfast.track(AT, Known(REFERENCE, REFERENCE), NOW), [said(200, {"status": 200, "delivery_status": "Delivered"})]
    )
    assert by_ours.url.endswith(f"/status_by_invoice/{REFERENCE}")


def delivered(**more: Any) -> dict[str, Any]:
    return {
        "notification_type": "delivery_status", "consignment_id": 1424107, "invoice": REFERENCE, "cod_amount": 1250.0, "status": "Delivered",
        "delivery_charge": 100, "tracking_message": "Your package has been delivered successfully.", "updated_at": "2026-11-23 11:30:00",
    } | more  # fmt: skip


def test_a_delivery_in_any_case_is_one_by_dhaka_s_clock_with_its_cash() -> None:
    for word in ("Delivered", "delivered", "DELIVERED"):
        (scan,) = steadfast.heard(AT, told(delivered(status=word)), NOW)
        assert (scan.status, scan.collected, scan.fee) == ("delivered", 125_000, 10_000)
        assert (scan.at, scan.consignment) == (datetime(2026, 11, 23, 5, 30, tzinfo=UTC), "1424107")


@pytest.mark.parametrize("word", ["pending", "cancelled", "hold", "in_review", "delivered_approval_pending", "cancelled_approval_pending"])
def test_the_amount_beside_any_other_status_is_the_parcel_s_value_and_no_money(word: str) -> None:
    (scan,) = steadfast.heard(AT, told(delivered(status=word)), NOW)
    assert (scan.collected, scan.known) == (None, True)


def test_a_claim_of_the_rider_is_not_final() -> None:
    (scan,) = steadfast.heard(AT, told(delivered(status="delivered_approval_pending")), NOW)
    assert scan.status == "out_for_delivery"
    (back,) = steadfast.heard(AT, told(delivered(status="cancelled_approval_pending", updated_at="2026-11-22 10:00:00")), NOW)
    (cancelled,) = steadfast.heard(AT, told(delivered(status="cancelled")), NOW)
    assert tracking.standing([cancelled, back]).place == "returning", "who claims that it was refused has it in hand"


@pytest.mark.parametrize("word", ["unknown", "unknown_approval_pending", "abducted"])
def test_what_even_steadfast_does_not_know_is_shown_to_somebody(word: str) -> None:
    (scan,) = steadfast.heard(AT, told(delivered(status=word)), NOW)
    assert (scan.status, scan.known, scan.said) == ("", False, word)


def test_cancelled_means_back_where_it_was_picked_up_and_cancelled_where_not() -> None:
    (pending,) = steadfast.heard(AT, told(delivered(status="pending", updated_at="2026-11-22 10:00:00")), NOW)
    (cancelled,) = steadfast.heard(AT, told(delivered(status="cancelled")), NOW)
    assert (tracking.standing([cancelled]).place, tracking.standing([cancelled]).vague) == ("cancelled", True)
    assert tracking.standing([cancelled, pending]).place == "returning"
    (asked,), _ = drive(steadfast.track(AT, Known("1424107", REFERENCE), NOW), [said(200, {"delivery_status": "cancelled"})])
    assert tracking.advance(tracking.Parcel("booked"), [asked]).moves[0].vague, "it says the same of what was refused at the door"
    assert [move.kind for move in tracking.advance(tracking.Parcel("out_for_delivery"), [cancelled]).moves] == ["returning"]


def test_a_sentence_moves_nothing_and_is_kept() -> None:
    update = {"notification_type": "tracking_update", "consignment_id": 1424107, "invoice": None,
              "tracking_message": "Amount has been changed from 1250 to 500", "updated_at": "2026-11-23 11:30:00"}  # fmt: skip
    (scan,) = steadfast.heard(AT, told(update), NOW)
    assert (scan.status, scan.known, scan.message, scan.reference) == ("", True, "Amount has been changed from 1250 to 500", "")


def test_a_sentence_tells_that_it_has_the_goods() -> None:
    def status(text: str) -> str:
        (scan,) = steadfast.heard(AT, told({"notification_type": "tracking_update", "consignment_id": 1, "tracking_message": text}), NOW)
        return scan.status

    assert [status(text) for text in ("Consignment has been received at Uttara hub.", "Consignment sent to HUB", "Assigned to rider.", "Note added")] == [
        "in_transit", "in_transit", "in_transit", "",
    ]  # fmt: skip


def test_a_hook_proves_itself_by_the_token_we_gave() -> None:
    heard = steadfast.verify(AT, told(delivered(), {"authorization": "Bearer our-token"}), NOW)
    assert (heard.status, heard.body) == (200, b'{"status":"success","message":"Webhook received successfully."}')
    with pytest.raises(Refused):
        steadfast.verify(AT, told(delivered(), {"authorization": "Bearer other"}), NOW)


def test_it_is_asked_to_bring_a_parcel_back() -> None:
    recalled, (asked, request) = drive(
        steadfast.cancel(AT, Known("1424107", REFERENCE), "buyer cancelled"),
        [said(200, {"delivery_status": "pending"}), said(200, {"id": 1, "status": "pending"})],
    )
    assert recalled == Recalled(asked=True)
    assert asked.url.endswith("/status_by_cid/1424107")
    assert sent(request) == {"consignment_id": 1424107, "reason": "buyer cancelled"}


@pytest.mark.parametrize(
    ("before", "after", "home"),
    [("in_review", "cancelled", True), ("in_review", "in_review", False), ("cancelled", "", False), ("hold", "", False)],
)
def test_only_what_was_in_review_a_moment_ago_is_surely_at_home_when_it_is_cancelled(before: str, after: str, home: bool) -> None:
    replies = [{"delivery_status": before}, {"id": 1, "status": "pending"}, *([{"delivery_status": after}] if after else [])]
    recalled, asked = drive(steadfast.cancel(AT, Known("1424107", REFERENCE), "buyer cancelled"), [said(200, each) for each in replies])
    assert recalled == Recalled(asked=not home)
    assert len(asked) == len(replies)


def test_remittances_have_their_parcels() -> None:
    payments = {
        "payments": [
            {"id": 9, "amount": 2300, "created_at": "2026-11-22 10:00:00"},
            {"id": 8, "amount": 100, "created_at": "2026-10-01 10:00:00"},
        ]
    }
    one = {"data": {"consignments": [{"consignment_id": 1424107, "invoice": REFERENCE, "cod_amount": 1250, "delivery_charge": 100}]}}
    found, asked = drive(steadfast.remittances(AT, date(2026, 11, 1)), [said(200, payments), said(200, one)])
    assert found == (Remittance("9", 230_000, datetime(2026, 11, 22, 4, tzinfo=UTC), (Remitted("1424107", 125_000, 10_000, REFERENCE),)),)
    assert len(asked) == 2

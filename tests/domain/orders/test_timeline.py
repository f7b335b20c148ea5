"""The story of an order: one sentence per fact, in both languages, and to each reader only what is for them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from haat.domain import orders
from haat.domain.fulfilment.courier import Reason as CourierReason
from haat.domain.orders import events
from haat.domain.orders.timeline import SENTENCES, words
from haat.domain.payments.gateway import Reason as GatewayReason
from haat.kernel.facts import Fact, Recorded
from haat.kernel.text import bangla_digits
from tests.domain.orders.histories import NOW, ORDER, a_line, created, reserved

LATER = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
ONE, TWO = "01a20000-0000-7000-8000-000000000201", "01a20000-0000-7000-8000-000000000202"
A, B = "01a20000-0000-7000-8000-000000000100", "01a20000-0000-7000-8000-000000000101"
FIRST = msgspec.structs.replace(
    created(
        msgspec.structs.replace(a_line(1, 2, 61_250), name_bn="চা"),
        msgspec.structs.replace(a_line(2, 1, 100, vendor="shop-b"), name_bn="মধু"),
    ),
    ship_to=orders.Address(recipient="Rahima", phone="+8801711223344", line="House 7"),
)
CUTS = (events.Cut(1, 1, 61_250, 0, 0, 61_250),)
GOODS = (events.ParcelLine(1, 2),)
#: What happened before the fact that is told: two parcels, one payment by bKash that is in hand, a refund of it, an open exception.
BEFORE: tuple[Fact, ...] = (
    FIRST,
    reserved(FIRST),
    events.OrderPaymentRequested("p", "bkash", 134_600),
    events.OrderPaymentAttempted("p", "t", "bkash", 134_600),
    events.OrderRefundRequested("r", "p", "t", 5_000, "late_delivery", "bkash"),
    events.OrderExceptionRaised("e", "fulfilment", "book", "declined", "fulfilment", ONE),
    events.OrderInventoryAllocated(
        "plan",
        (
            events.PlannedParcel(ONE, A, "dhaka", GOODS),
            events.PlannedParcel(TWO, B, "sylhet", (events.ParcelLine(2, 1),)),
        ),
    ),
    events.OrderParcelPacked(ONE),
    events.OrderShipmentBooked(ONE, "pathao", "DP1", cash=134_600),
    events.OrderShipped(ONE),
)
NOTHING = None
PLAN = (events.PlannedParcel(ONE, A, "dhaka", GOODS), events.PlannedParcel(TWO, B, "sylhet", (events.ParcelLine(2, 1),)))
LOOK = events.Remark("velocity", 1, "many", "Many orders today.", "", {"points": 120, "detail_bn": "আজ অনেক অর্ডার।"})
REST = (events.ParcelLine(1, 1),)
SHARES, TOTALS = FIRST.vendor_orders, FIRST.totals
#: (fact, who may read the staff's words, what is in them, what is in the buyer's words or that there are none)
STORY: list[tuple[Fact, str, str, str | None]] = [
    (FIRST, "customer", "3 items from 2 vendors, 1,346.00 BDT, to be paid by cash on delivery", "through the web shop"),
    (events.OrderValidated({"phone": 1}, (events.Remark("phone", 1, "odd", "Odd."),)), "staff", "to look at: phone v1 (odd)", NOTHING),
    (events.OrderValidated({"phone": 1}), "staff", "All 1 checks passed", NOTHING),
    (reserved(FIRST), "staff", "3 items set aside at DHK", "3 items set aside for this order"),
    (reserved(FIRST, late=1), "staff", "2 items will follow", "2 items will follow"),
    (events.OrderHeld("h", "MANUAL", "look", "Call the buyer."), "staff", "somebody to look at it: Call the buyer.", "is being checked"),
    (events.OrderHeld("h", "FRAUD_REVIEW", "s", "Forged.", until=LATER), "staff", "review, until Tue 24 Nov 16:30: Forged.", "is being checked"),
    (events.OrderReleased("h", "MANUAL", "seen"), "staff", "released: seen", "goes on"),
    (events.OrderLinesCancelled(CUTS, "customer_request", 61_250, "Oops"), "staff", "asked for it) «Oops»", "612.50 BDT less to pay"),
    (events.OrderCancelled((), "spiteful", 61_250), "staff", "cancelled (spiteful); 612.50 BDT is no longer owed", "was cancelled; 612.50"),
    (events.OrderNoted("ring twice", "vendor"), "vendor", "Note: ring twice", NOTHING),
    (events.OrderNoted("thank you", "customer"), "customer", "Note: thank you", "thank you"),
    (events.OrderScreened("review", 420, (LOOK,)), "staff", "to be reviewed, 420 of 1000 points: Many orders today (+120)", NOTHING),
    (events.OrderConfirmed(), "customer", "is confirmed", "is confirmed"),
    (events.OrderRejected((), "screening", 61_250, "Forged."), "staff", "fraud screening) «Forged.»", "we cannot serve this order"),
    (events.OrderExpired((), "not_paid_in_time", 61_250), "customer", "not paid in time", "612.50 BDT is no longer owed"),
    (events.OrderReinstated((), (), SHARES, TOTALS, "paid_late"), "customer", "goes on as it was: 1,346.00 BDT", "goes on"),
    (events.OrderCompleted(), "customer", "is complete", "nothing is left to do"),
    (events.OrderPaused("stocktaking"), "staff", "was paused: stocktaking", NOTHING),
    (events.OrderResumed(), "staff", "goes on from where it stood.", NOTHING),
    (
        events.OrderExceptionRaised("f", "fulfilment", "book", "declined", "fulfilment", ONE, "No rider.", ("retry", "cancel_order")),
        "staff", "fulfilment:book could not be done for parcel 1 of 2 (declined: No rider.). It can be repaired by retry, cancel order", NOTHING,
    ),
    (
        events.OrderExceptionEscalated("e", "fulfilment", "book", "no_rider", "fulfilment", LATER, ("retry",)),
        "staff", "fulfilment:book has waited for fulfilment since Tue 24 Nov 16:30 (no rider); its owner is reminded", NOTHING,
    ),
    (events.OrderExceptionResolved("e", "retry", "rider found"), "staff", "of fulfilment:book was settled (tried again): rider found", NOTHING),
    (events.OrderFlowMigrated("payment", 2), "staff", "version 2 of the flow payment", NOTHING),
    (events.OrderPromised(LATER, "late"), "staff", "It is expected by Tue 24 Nov now (it is delayed on the way)", "Tue 24 Nov"),
    (
        events.OrderPromised(LATER, "reschedule_asked", ONE, agreed=True),
        "staff", "Parcel 1 of 2 is expected by Tue 24 Nov now (another day was asked for)", "Parcel 1 of 2",
    ),
    (events.OrderPaymentRequested("q", "cod", 134_600), "customer", "1,346.00 BDT is to be paid in cash at the door", "at the door"),
    (events.OrderPaymentRequested("p", "bkash", 134_600, LATER), "customer", "by bKash after all, until Tue 24 Nov 16:30", "1,346.00 BDT"),
    (events.OrderPaymentAttempted("p", "u", "nagad", 100), "staff", "Nagad is asked for 1.00 BDT", NOTHING),
    (
        events.OrderPaymentAttempted("p", "u", "nagad", 100, instead_of="bkash"),
        "staff", "Nagad is asked for 1.00 BDT in place of bKash, which does not answer", NOTHING,
    ),
    (events.OrderPaymentAttempted("p", "u", "cod", 100), "staff", "1.00 BDT is expected from the couriers in cash", NOTHING),
    (events.OrderPaymentStarted("p", "t", "X1", "https://pay.example/s3cret", LATER), "customer", "bKash waits for the buyer", "1,346.00 BDT"),
    (events.OrderPaymentStarted("p", "t", "X1"), "customer", "bKash has the payment of 1,346.00 BDT in hand", "in hand"),
    (events.OrderPaymentUncertain("p", "t", "execute"), "staff", "bKash did not say what became of 1,346.00 BDT (execute)", "We are asking bKash"),
    (events.OrderPaymentAuthorized("p", "t", 134_600, "X1", LATER), "customer", "set aside by bKash", "until Tue 24 Nov 16:30"),
    (events.OrderPaymentProcessed("p", "t", 134_600, "bkash", "bkash", "TRX9"), "customer", "paid by bKash (reference TRX9)", "TRX9"),
    (events.OrderPaymentProcessed("p", "t", 134_600, "cod", "cod", parcel=ONE), "customer", "in cash for parcel 1 of 2", "in cash"),
    (events.OrderPaymentProcessed("p", "t", 134_600, "cod", "cod"), "customer", "in cash.", "in cash."),
    (events.OrderPaymentFailed("p", "t", "insufficient_funds", True, "2023"), "staff", "not enough money) [2023]. It may", "not enough money). It may"),
    (events.OrderPaymentFailed("p", "t", "suspected_fraud"), "staff", "as suspicious", "(it was declined)"),
    (events.OrderPaymentVoided("p", "t", 5_000), "customer", "50.00 BDT that bKash had set aside was let go", "not taken"),
    (events.OrderPaymentWaived("p", 5_000, "order_shrank"), "staff", "50.00 BDT need not be paid any more (the order became smaller)", "smaller"),
    (events.OrderPaymentOrphaned("p", "t", 5_000), "customer", "50.00 BDT came by bKash that was not owed", "goes back"),
    (events.OrderPaymentMismatched("p", "t", 269_200, "BDT"), "staff", "bKash says that it holds 2,692.00 BDT where 1,346.00 BDT was asked", NOTHING),
    (events.OrderPaymentMismatched("p", "t", 134_600, "USD"), "staff", "bKash says that it holds other money USD where 1,346.00", NOTHING),
    (
        events.OrderPaymentDisputed("p", "t", "du_1", 134_600, "needs_response", "fraudulent", LATER),
        "staff", "disputes 1,346.00 BDT that bKash took (fraudulent): the money was taken back and it has to be answered, until Tue 24 Nov 16:30",
        NOTHING,
    ),
    (events.OrderPaymentDisputed("p", "t", "du_1", 134_600, "lost", "", LATER), "staff", "against us, the money is gone (dispute du_1)", NOTHING),
    (events.OrderRefundRequested("s", "p", "t", 5_000, "goodwill_vip", "bkash"), "staff", "by bKash (goodwill vip)", "50.00 BDT is to go back by bKash."),
    (events.OrderRefundUncertain("r"), "staff", "bKash did not say whether 50.00 BDT went back", "We are asking bKash"),
    (events.OrderRefundNotFound("r", "rang them up"), "staff", "bKash never got the request to give 50.00 BDT back (rang them up)", "on its way back"),
    (events.OrderRefunded("r", "p", "t", 5_000, "R7"), "customer", "50.00 BDT went back by bKash (reference R7)", "went back"),
    (events.OrderRefundFailed("r", "limit_exceeded", "E12"), "staff", "above the limit of the account) [E12]", "looking for another way"),
    (events.OrderRefundRetried("r", "r-2"), "staff", "50.00 BDT that bKash had refused to give back is sent again", "on its way back by bKash"),
    (
        events.OrderInventoryAllocated("plan-2", PLAN, "cheapest", 12_000, LATER),
        "staff", "by cheapest, for 120.00 BDT: parcel 1 of 2 from dhaka (2 items), parcel 2 of 2 from sylhet (1 item), expected by Tue 24 Nov",
        "in 2 parcels, expected by Tue 24 Nov",
    ),
    (events.OrderAllocationFailed(GOODS, "short"), "staff", "send 2 × Tea now: no place has enough", "looking for a way to send 2 × Tea"),
    (events.OrderBackorderArrived(GOODS, "dhaka"), "staff", "2 × Tea has arrived (dhaka)", "2 × Tea has arrived and"),
    (events.VendorOrderOffered(A, LATER), "vendor", "Shop A is asked to take its part, until Tue 24 Nov 16:30", "asked to prepare its part."),
    (events.VendorOrderReminded(A, LATER), "vendor", "Shop A is reminded to accept or reject its part, until Tue 24 Nov 16:30", NOTHING),
    (events.VendorOrderAccepted(A), "customer", "Shop A has taken its part", "Shop A"),
    (events.VendorOrderRejected(A, "out_of_stock", "Rats.", "dhaka", 2, REST), "vendor", "1 × Tea from dhaka (out of stock) «Rats.»", "cannot send 1 × Tea;"),
    (events.OrderFulfillmentStarted(TWO), "customer", "Parcel 2 of 2 is being prepared", "Parcel 2 of 2"),
    (events.OrderParcelPacked(TWO, 1_250), "customer", "Parcel 2 of 2 is packed (1.25 kg).", "packed"),
    (events.OrderShipmentUncertain(TWO, "redx"), "staff", "RedX did not say whether it takes parcel 2 of 2", NOTHING),
    (
        events.OrderShipmentBooked(TWO, "steadfast", "SF7", cash=10_000, fee=6_000),
        "staff", "Steadfast will bring parcel 2 of 2 (consignment SF7); 100.00 BDT is to be paid at the door; it takes 60.00 BDT", "at the door.",
    ),
    (
        events.OrderShipmentBooked(TWO, "steadfast", "SF7", instead_of="redx"),
        "staff", "Steadfast will bring parcel 2 of 2 (consignment SF7); RedX did not answer.", "(consignment SF7).",
    ),
    (events.OrderShipmentFailed(TWO, "redx", "area_not_served", "Bandarban", True), "staff", "not go there) «Bandarban»; another courier", NOTHING),
    (events.OrderShipmentRecalled(ONE, "customer_request"), "staff", "Pathao was called off before it had parcel 1 of 2", "asked for it"),
    (events.OrderShipmentStrayed(ONE), "customer", "Pathao has taken parcel 1 of 2, which was cancelled", "asked to bring it back"),
    (events.OrderShipped(ONE), "customer", "Parcel 1 of 2 is on its way with Pathao", "Pathao"),
    (events.OrderOutForDelivery(ONE), "customer", "Pathao brings parcel 1 of 2 today", "today"),
    (events.OrderDeliveryFailed(ONE, "not_at_home", "rider 01712000000"), "staff", "try 1 (nobody was at home) «rider", "try 1 (nobody was at home)."),
    (events.OrderDelivered(ONE, (), 134_600), "customer", "Pathao delivered parcel 1 of 2; 1,346.00 BDT was paid at the door", "delivered"),
    (events.OrderDelivered(ONE, REST), "customer", "Pathao delivered 1 × Tea of parcel 1 of 2; the rest comes back", "1 × Tea"),
    (events.OrderReturnStarted(ONE, "customer_refused"), "staff", "Parcel 1 of 2 is on its way back (the parcel was not accepted)", "way back"),
    (events.OrderReturnReceived(ONE, REST, REST), "vendor", "1 sound and in stock again, 1 damaged", "has come back to us"),
    (events.OrderParcelLost(ONE), "customer", "Pathao has lost parcel 1 of 2", "lost"),
    (events.OrderCashTaken(ONE, 7_500), "customer", "75.00 BDT was paid at the door for parcel 1 of 2, beside the price", "at the door"),
    (events.OrderShipmentDoubted(ONE, "courier_corrects", "delivered, then returned"), "staff", "What Pathao says of parcel 1 of 2 does", NOTHING),
    (events.OrderInterceptAsked(ONE, "changed_mind", REST), "staff", "to bring back 1 × Tea of parcel 1 of 2 (the buyer decided", "bring back"),
]  # fmt: skip
NAMES = [f"{n:02d} {type(case[0]).__name__}" for n, case in enumerate(STORY)]


def stream_of(*facts: Fact) -> list[Recorded]:
    return [Recorded(n, ORDER, n, NOW + timedelta(minutes=n), "admin:key-7", "api", "", fact) for n, fact in enumerate(facts, 1)]


@pytest.mark.parametrize(("fact", "audience", "staff_reads", "buyer_reads"), STORY, ids=NAMES)
def test_every_fact_has_its_sentence_in_two_languages(fact: Fact, audience: str, staff_reads: str, buyer_reads: str | None) -> None:
    entry = orders.timeline(stream_of(*BEFORE, fact))[-1]
    assert staff_reads in entry.text
    assert entry.audience == audience and entry.by == "admin:key-7"
    assert entry.text[-1] not in " (" and ".." not in entry.text and "  " not in entry.text
    assert any("\u0980" <= letter <= "\u09ff" for letter in entry.text_bn)
    version = len(BEFORE) + 1
    told = [e for e in orders.timeline(stream_of(*BEFORE, fact), reader="customer") if e.version == version]
    if buyer_reads is NOTHING:
        assert told == []
    else:
        assert buyer_reads in told[0].text and told[0].audience == "customer" and told[0].by == ""
        assert any("\u0980" <= letter <= "\u09ff" for letter in told[0].text_bn)


def test_no_fact_is_without_a_sentence() -> None:
    assert {type(fact) for fact, *_ in STORY} == set(events.OrderFact.__args__) == set(SENTENCES)


def test_amounts_and_counts_stand_in_bangla_digits() -> None:
    facts = [fact for fact, *_ in STORY]
    for entry in orders.timeline(stream_of(*BEFORE, *facts)):
        ours = entry.text_bn
        for theirs in (FIRST.number, "rider 01712000000", "phone v1", "DP1", "SF7", "TRX9", "R7", "du_1", "[2023]", "[E12]"):
            ours = ours.replace(theirs, "")
        assert bangla_digits(ours) == ours, entry.text_bn
    told = orders.timeline(stream_of(*BEFORE, events.OrderPaymentRequested("q", "cod", 12_345_650)))
    assert told[-1].text_bn == "পণ্য হাতে পেয়ে নগদে ৳ ১,২৩,৪৫৬.৫০ দিতে হবে।" and told[-1].text.startswith("1,23,456.50 BDT")


def test_a_buyer_reads_neither_what_is_for_staff_nor_who_did_it() -> None:
    hidden = (
        "fraud", "Forged", "screening", "velocity", "points", "admin", "key-7", "dhaka", "sylhet", "cheapest", "Rats", "rider", "01712000000",
        "[2023]", "E12", "spiteful", "Oops", "goodwill", "s3cret", "60.00", "fulfilment:", "stocktaking", "ring twice", "Bandarban", "+8801711223344",
        "House 7", "প্রতারণা", "সন্দেহ", "remind", "মনে করিয়ে",
    )  # fmt: skip
    told = orders.timeline(stream_of(*BEFORE, *[fact for fact, *_ in STORY]), reader="customer")
    for entry in told:
        for word in hidden:
            assert word.lower() not in f"{entry.text} {entry.text_bn} {entry.by}".lower(), (word, entry.text)


def test_nobody_reads_the_buyers_phone_or_address_in_the_story() -> None:
    for entry in orders.timeline(stream_of(*BEFORE, *[fact for fact, *_ in STORY])):
        assert "+8801711223344" not in entry.text + entry.text_bn and "House 7" not in entry.text + entry.text_bn


def test_a_parcel_keeps_its_number_through_the_story_and_one_that_was_given_up_has_none() -> None:
    third = "01a20000-0000-7000-8000-000000000203"
    home = [fact for fact in BEFORE if not isinstance(fact, events.OrderParcelPacked | events.OrderShipmentBooked | events.OrderShipped)]
    again = events.OrderInventoryAllocated("plan-2", (events.PlannedParcel(third, A, "khulna", GOODS),))
    told = orders.timeline(
        stream_of(*home, events.VendorOrderRejected(A, "closed", location="dhaka"), again, events.OrderFulfillmentStarted(third))
    )
    assert told[-1].text == "Parcel 2 of 2 is being prepared."
    assert "a parcel that was given up from dhaka (2 items), parcel 1 of 2 from sylhet" in told[len(home) - 1].text


def test_the_only_parcel_needs_no_number() -> None:
    one = created(a_line(1, 2, 61_250))
    plan = events.OrderInventoryAllocated("plan", (events.PlannedParcel(ONE, A, "dhaka", GOODS),))
    told = orders.timeline(stream_of(one, reserved(one), plan, events.OrderFulfillmentStarted(ONE)), reader="customer")
    assert [e.text for e in told][-2:] == ["The goods will come in 1 parcel.", "The parcel is being prepared."]


def test_days_stand_on_the_readers_clock() -> None:
    asked = stream_of(*BEFORE, events.OrderPromised(LATER))
    assert "24 Nov" in orders.timeline(asked)[-1].text and "25 Nov" in orders.timeline(asked, zone="Pacific/Kiritimati")[-1].text


@pytest.mark.parametrize(
    ("vocabulary", "listed"),
    [
        (words.PAYMENT_FAILURES, [r for r in get_args(GatewayReason) if r]),
        (words.DELIVERIES, [r for r in get_args(CourierReason) if r]),
        (words.REJECTIONS, [*orders.fulfilling.REJECTIONS, orders.fulfilling.NO_ANSWER]),
    ],
    ids=["gateways", "couriers", "vendors"],
)
def test_every_stable_reason_has_words(vocabulary: Mapping[str, tuple[str, str]], listed: list[str]) -> None:
    assert set(listed) <= set(vocabulary)


def test_an_order_of_no_facts_has_no_story() -> None:
    assert orders.timeline([]) == []

"""Facts in, notifications out: who is told, once, in whose language, at what hour."""

from datetime import UTC, datetime, timedelta

import pytest

from haat.domain import notifications
from haat.domain.orders import events
from haat.kernel.errors import Refused
from tests.flows.telling import EMAIL, NOON, PARCEL, PHONE, VO_A, VO_B, created, shop, until_shipped


@pytest.fixture
async def here(dsn, database):
    async with shop(dsn, database) as made:
        yield made


@pytest.fixture
async def logged(here):
    """Everything may be told, and is only written down."""
    await here.connect("log", "log", {})
    return here


def by(told):
    return sorted((each.event, each.role, each.channel) for each in told)


async def test_where_no_transport_is_set_up_nothing_is_written(here):
    await here.happen(created())
    assert await here.told() == []
    await here.connect("log", "log", {})
    order = await here.happen(created())
    assert {each.order_id for each in await here.told()} == {order}, "what went by before is not told now"


async def test_a_new_order_is_told_by_mail_and_sms_and_doubled_facts_tell_nothing_twice(logged):
    order = await logged.happen(created())
    assert by(await logged.told(order)) == [("placed", "customer", "email"), ("placed", "customer", "sms")]
    async with logged.database.transaction() as tx:
        await logged.teller.deal(tx, await logged.journal.after(tx, 0, 100))
    assert len(await logged.told(order)) == 2
    await logged.send_all()
    assert {each.status for each in await logged.told(order)} == {"sent"}


async def test_an_imported_order_tells_nobody_not_even_of_what_comes_later(logged):
    order = await logged.happen(created(), cause="import:olist")
    await logged.happen(*until_shipped(), order=order, after=1)
    assert await logged.told() == []


async def test_what_happened_yesterday_is_written_down_as_stale_and_what_happened_last_week_not_at_all(logged):
    order = await logged.happen(created(), at=NOON - timedelta(hours=25))
    await logged.happen(created(), at=NOON - timedelta(days=8))
    assert [(each.order_id, each.status) for each in await logged.told()] == [(order, "stale")] * 2
    await logged.send_all()
    assert {each.status for each in await logged.told()} == {"stale"}


async def test_a_life_tells_its_buyer_its_vendor_and_nobody_else(logged):
    order = await logged.happen(created())
    done = await logged.happen(*until_shipped(), events.OrderShipped(PARCEL), events.OrderOutForDelivery(PARCEL), order=order, after=1)
    await logged.happen(events.OrderDelivered(PARCEL, collected=200_00), order=done, after=11)
    told = await logged.told(order)
    assert by(each for each in told if each.role == "customer") == [
        ("confirmed", "customer", "email"),
        ("delivered", "customer", "email"),
        ("out_for_delivery", "customer", "sms"),
        ("placed", "customer", "email"), ("placed", "customer", "sms"),
        ("shipped", "customer", "email"), ("shipped", "customer", "sms"),
    ]  # fmt: skip
    assert by(each for each in told if each.role == "vendor") == [
        ("delivered", "vendor", "email"),
        ("vendor_accepted", "vendor", "email"),
        ("vendor_offered", "vendor", "email"), ("vendor_offered", "vendor", "sms"),
    ]  # fmt: skip
    assert {each.party for each in told if each.role == "vendor"} == {"a"}
    shipped = next(each for each in told if (each.event, each.channel) == ("shipped", "email"))
    assert "2 × Sylhet tea" in shipped.body and "Clay pot" not in shipped.body
    assert "https://courier.example/DC1" in shipped.body and "Tk 200 ready" in shipped.body and "Pathao" in shipped.body
    offered = next(each for each in told if (each.event, each.channel) == ("vendor_offered", "email"))
    assert "Clay pot" not in offered.body and "Tk 200" in offered.subject and "4:00 pm" in offered.body


async def test_cash_at_the_door_is_not_asked_for_before_and_not_thanked_for_twice(logged):
    order = await logged.happen(created(), events.OrderPaymentRequested("t1", "cod", 250_00))
    await logged.happen(events.OrderPaymentProcessed("t1", "a1", 250_00, "cod", "cod"), order=order, after=2)
    assert by(await logged.told()) == [("placed", "customer", "email"), ("placed", "customer", "sms")]


async def test_a_payment_that_failed_leads_to_another_unless_the_next_try_has_begun(logged):
    asked = events.OrderPaymentRequested("t1", "bkash", 250_00, NOON + timedelta(minutes=30))
    tries = [events.OrderPaymentAttempted("t1", "a1", "bkash", 250_00), events.OrderPaymentFailed("t1", "a1", "insufficient_funds", True)]
    alone = await logged.happen(created(method="bkash"), asked, *tries)
    cascaded = await logged.happen(created(method="bkash"), asked, *tries, events.OrderPaymentAttempted("t1", "a2", "nagad", 250_00))
    failed = [each for each in await logged.told(alone) if each.event == "payment_failed"]
    assert {each.channel for each in failed} == {"email", "sms"} and all("https://shop.example/pay/hpl_" in each.body for each in failed)
    assert all("Tk 250" in each.body for each in failed) and "not enough money" in {each.channel: each.body for each in failed}["email"]
    assert "payment_failed" not in {each.event for each in await logged.told(cascaded)}


async def test_a_cancellation_says_what_becomes_of_the_money(logged):
    cuts = (events.Cut(1, 2, 200_00, 0, 0, 200_00), events.Cut(2, 1, 50_00, 0, 0, 50_00))
    end = events.OrderCancelled(cuts, "customer_request", 250_00)
    asked = events.OrderPaymentRequested("t1", "bkash", 250_00)
    money = {
        "You owe nothing": (),
        "Your Tk 250 go back": (asked, events.OrderPaymentProcessed("t1", "a1", 250_00, "bkash")),
        "Tk 250 set aside are let go": (
            asked,
            events.OrderPaymentAttempted("t1", "a1", "stripe", 250_00),
            events.OrderPaymentAuthorized("t1", "a1", 250_00),
        ),
    }
    for words, facts in money.items():
        order = await logged.happen(created(), *facts, end)
        (sms,) = [each for each in await logged.told(order) if (each.event, each.channel, each.role) == ("cancelled", "sms", "customer")]
        assert words in sms.body
        assert not [each for each in await logged.told(order) if each.role == "vendor"], "no vendor had been asked"


async def test_a_vendor_that_was_asked_is_told_not_to_send_it(logged):
    cuts = (events.Cut(1, 2, 200_00, 0, 0, 200_00), events.Cut(2, 1, 50_00, 0, 0, 50_00))
    order = await logged.happen(created(), events.OrderConfirmed(), events.VendorOrderOffered(VO_A))
    await logged.happen(events.OrderCancelled(cuts, "customer_request", 250_00), order=order, after=3)
    told = [each for each in await logged.told(order) if each.role == "vendor" and each.event == "cancelled"]
    assert [(each.party, each.channel) for each in told] == [("a", "email")]


async def test_the_desk_is_told_of_holds_and_the_owner_of_exceptions(logged):
    await logged.behave(desk=("desk@example.com",), owners={"payments": ("books@example.com",)})
    held = events.OrderHeld("h1", "FRAUD_REVIEW", "three refusals this month")
    stuck = events.OrderExceptionRaised("e1", "payment", "payment:refund", "gateway_error", "payments", repairs=("retry",))
    order = await logged.happen(created(), held, stuck, events.OrderHeld("h2", "MANUAL", "call"))
    desk = sorted((each.event, each.channel, each.recipient) for each in await logged.told(order) if each.role == "admin")
    assert desk == [
        ("exception_raised", "email", "books@example.com"), ("exception_raised", "email", "desk@example.com"),
        ("exception_raised", "webhook", "log"),
        ("held_for_review", "email", "desk@example.com"), ("held_for_review", "webhook", "log"),
    ]  # fmt: skip
    assert not [each for each in await logged.told(order) if each.role == "customer" and each.event != "placed"]


async def test_a_reminder_that_was_answered_meanwhile_is_not_told(logged):
    asked = (events.OrderConfirmed(), events.VendorOrderOffered(VO_A), events.VendorOrderReminded(VO_A, NOON + timedelta(hours=4)))
    stuck = events.OrderExceptionRaised("e1", "payment", "refund", "lost", "payments")
    waits = events.OrderExceptionEscalated("e1", "payment", "refund", "lost", "payments", NOON)
    some = (events.ParcelLine(1, 1),)
    lives = {
        "of a part that the vendor took": (*asked, events.VendorOrderAccepted(VO_A)),
        "of a part that it refused": (*asked, events.VendorOrderRejected(VO_A, "closed")),
        "of an order that ended": (*asked, events.OrderCancelled((), "changed_mind", 250_00)),
        "of what was repaired": (stuck, waits, events.OrderExceptionResolved("e1", "retry")),
    }
    for why, life in lives.items():
        order = await logged.happen(created(), *life)
        assert not {"vendor_reminded", "exception_escalated"} & {each.event for each in await logged.told(order)}, why
    others = (*asked, events.VendorOrderAccepted(VO_B), events.VendorOrderRejected(VO_A, "out_of_stock", lines=some))
    order = await logged.happen(created(), *others, stuck, waits, events.OrderExceptionResolved("e2", "retry"))
    assert {"vendor_reminded", "exception_escalated"} <= {each.event for each in await logged.told(order)}


async def test_a_vendor_is_reminded_of_what_is_left_of_its_part(logged):
    cut = events.OrderLinesCancelled((events.Cut(1, 1, 100_00, 0, 0, 100_00),), "changed_mind", 100_00)
    order = await logged.happen(created(), events.OrderConfirmed(), events.VendorOrderOffered(VO_A), cut, events.VendorOrderReminded(VO_A))
    (mail, sms) = sorted((each for each in await logged.told(order) if each.event == "vendor_reminded"), key=lambda each: each.channel)
    assert (mail.party, mail.recipient, sms.recipient) == ("a", "a@example.com", "+8801811111111")
    assert "1 × Sylhet tea" in mail.body and "Clay pot" not in mail.body and "Tk 100" in mail.body and "Tk 100" in sms.body


async def test_a_person_is_told_in_the_language_and_on_the_channels_that_it_chose(logged):
    await logged.prefer(f"phone:{PHONE}", language="bn")
    await logged.prefer(f"email:{EMAIL}", declined=(notifications.Decline("order", "email"),))
    order = await logged.happen(created())
    told = {each.channel: each for each in await logged.told(order)}
    assert told["email"].status == "declined" and told["email"].body == ""
    assert told["sms"].language == "bn" and "৳ ২৫০" in told["sms"].body and told["sms"].parts > 1


async def test_a_no_holds_however_the_address_was_typed_in_the_order(logged):
    await logged.prefer(f"email:{EMAIL}", declined=(notifications.Decline("order", "email"),))
    order = await logged.happen(created(email="Rahima@Example.com"))
    assert {each.channel: each.status for each in await logged.told(order)} == {"email": "declined", "sms": "due"}


async def test_what_no_text_can_say_fails_alone_and_those_behind_it_are_told(logged):
    never = events.OrderStockReserved((events.Reservation(1, "TEA", "DHK", 2, backordered=1),), datetime.max.replace(tzinfo=UTC))
    odd = await logged.happen(created(), never, follow=False)
    other = await logged.happen(created(), follow=False)
    while await logged.follower.step():
        pass
    told = [each for each in await logged.told(odd) if each.event == "backordered"]
    assert sorted((each.channel, each.status, each.reason[:16]) for each in told) == [
        ("email", "failed", "template_broken:"), ("sms", "failed", "template_broken:"),
    ]  # fmt: skip
    assert {each.status for each in await logged.told(other)} == {"due"}
    async with logged.database.transaction() as tx:
        with pytest.raises(Refused, match="not_written"):
            await notifications.resend(tx, told[0].id, new_id=logged.draw.uuid(), by="admin:1", now=logged.clock.now())


async def test_of_one_of_two_channels_the_next_is_taken_where_the_first_is_declined(logged):
    await logged.prefer(f"email:{EMAIL}", declined=(notifications.Decline("order", "email"),))
    order = await logged.happen(created(), events.OrderConfirmed())
    told = {each.channel: each.status for each in await logged.told(order) if each.event == "confirmed"}
    assert told == {"email": "declined", "sms": "due"}


async def test_nobody_is_woken_for_what_can_wait_until_morning(logged):
    logged.clock.turn_to(datetime(2026, 11, 2, 17, 30, tzinfo=UTC))  # half past eleven in Dhaka
    order = await logged.happen(created(method="bkash"), events.OrderPaymentRequested("t1", "bkash", 250_00))
    due = {(each.event, each.channel): each.due_at for each in await logged.told(order)}
    morning = datetime(2026, 11, 3, 2, tzinfo=UTC)
    assert due == {
        ("placed", "sms"): morning, ("placed", "email"): logged.clock.now(),
        ("payment_requested", "sms"): logged.clock.now(), ("payment_requested", "email"): logged.clock.now(),
    }  # fmt: skip
    await logged.send_all()
    assert {(each.event, each.channel) for each in await logged.told(order) if each.status == "due"} == {("placed", "sms")}
    logged.clock.turn_to(morning)
    await logged.send_all()
    assert {each.status for each in await logged.told(order)} == {"sent"}


async def test_what_is_muted_is_not_told(logged):
    await logged.behave(muted=frozenset({"placed/customer/sms"}))
    assert by(await logged.told(await logged.happen(created()))) == [("placed", "customer", "email")]


async def test_a_name_that_is_an_attack_reaches_nobody_as_one(logged):
    order = await logged.happen(created(name="Rahima http://evil.example/x {{ 7*7 }} <b>"))
    (mail,) = [each for each in await logged.told(order) if each.channel == "email"]
    assert "evil.example" not in mail.body and "{{ 7*7 }}" in mail.body
    assert "<b>" not in notifications.html(mail.subject, mail.body, name="x", language="en")


async def test_an_own_text_speaks_instead_of_ours_and_gives_way_when_it_breaks(logged):
    key = ("placed", "customer", "sms", "en")
    for text, words in (
        ("Thanks {{ name }}!", "Thanks Rahima Khatun!"),
        ("{{ placed_at.year / 0 }}", "we have your order"),
        ("", "we have"),
    ):
        async with logged.database.transaction() as tx:
            await notifications.put_template(tx, key, text, by="admin:1", now=logged.clock.now())
        await logged.memory.catch_up()
        order = await logged.happen(created())
        (sms,) = [each for each in await logged.told(order) if each.channel == "sms"]
        assert words in sms.body
    async with logged.database.reading() as tx:
        assert [(each.version, each.text) for each in await notifications.own_texts(tx, key)] == [
            (3, ""), (2, "{{ placed_at.year / 0 }}"), (1, "Thanks {{ name }}!"),
        ]  # fmt: skip


@pytest.mark.parametrize("language", notifications.LANGUAGES)
async def test_every_fact_of_the_table_is_told_to_everybody_whom_it_names_in_their_language(logged, language):
    await logged.behave(desk=("desk@example.com",), language=language)
    for who in (f"phone:{PHONE}", "vendor:a", "vendor:b"):
        await logged.prefer(who, language=language)
    late = events.OrderStockReserved((events.Reservation(1, "TEA", "DHK", 2, backordered=1),), NOON + timedelta(days=4))
    asked, tried = events.OrderPaymentRequested("t1", "bkash", 250_00), events.OrderPaymentAttempted("t1", "a1", "bkash", 250_00)
    paid = events.OrderPaymentProcessed("t1", "a1", 250_00, "bkash")
    cuts = (events.Cut(1, 2, 200_00, 0, 0, 200_00), events.Cut(2, 1, 50_00, 0, 0, 50_00))
    offered = events.VendorOrderOffered(VO_A, NOON + timedelta(hours=4))
    road = (events.OrderShipped(PARCEL), events.OrderOutForDelivery(PARCEL))
    came_back = (
        events.OrderDeliveryFailed(PARCEL, "customer_unreachable"), events.OrderReturnStarted(PARCEL, "customer_unreachable"),
        events.OrderReturnReceived(PARCEL, (events.ParcelLine(1, 2),)), events.OrderPromised(NOON + timedelta(days=6), "delayed"),
        events.OrderLinesCancelled(cuts[:1], "undeliverable", 200_00),
        events.OrderRefundRequested("r1", "t1", "a1", 200_00, "undeliverable", "bkash"), events.OrderRefunded("r1", "t1", "a1", 200_00),
        events.OrderHeld("h1", "FRAUD_REVIEW", "odd"), events.OrderExceptionRaised("e1", "payment", "payment:refund", "lost", "payments"),
        events.OrderExceptionEscalated("e1", "payment", "payment:refund", "lost", "payments", NOON),
    )  # fmt: skip
    lives = (
        (late, asked, tried, events.OrderPaymentFailed("t1", "a1", "declined")),
        (asked, tried, paid, *until_shipped(), *road, *came_back),
        (*until_shipped(), *road, events.OrderDelivered(PARCEL)),
        (events.OrderConfirmed(), offered, events.VendorOrderReminded(VO_A, NOON + timedelta(hours=4))),
        (events.OrderConfirmed(), offered, events.OrderCancelled(cuts, "out_of_stock", 250_00)),
        (events.OrderConfirmed(), offered, events.OrderRejected(cuts, "blocked", 250_00)),
        (events.OrderExpired(cuts, "not_paid", 250_00),),
        (events.OrderConfirmed(), events.OrderAllocationFailed((events.ParcelLine(1, 1),), "no_stock")),
    )
    for life in lives:
        await logged.happen(created(), *life)
    told = await logged.told()
    assert {(each.event, each.role) for each in told} == {(t.event, t.role) for tellings in notifications.TOLD.values() for t in tellings}
    for each in told:
        assert each.language == language and (each.channel == "webhook" or (each.body and "7KQ2-M9XF-4" in each.subject + each.body)), each
        assert "blocked" not in each.body, "what we suspect is nobody's business"
    await logged.send_all()
    assert {each.status for each in await logged.told()} == {"sent"}

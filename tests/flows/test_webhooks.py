"""What webhooks hear: the desk's own unless they ask for more, a life in the order of its facts, and a vendor's of its own part only."""

import base64
import hashlib
import hmac

import pytest
from aiohttp import web

from haat.domain import notifications
from haat.domain.orders import events
from haat.engine import metrics
from haat.kernel.errors import Refused
from tests.flows.telling import NOON, PARCEL, VO_A, created, gateway, shop, until_shipped

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PAID = (
    events.OrderPaymentRequested("t1", "bkash", 250_00),
    events.OrderPaymentAttempted("t1", "a1", "bkash", 250_00),
    events.OrderPaymentProcessed("t1", "a1", 250_00, "bkash"),
)
CUTS = (events.Cut(1, 2, 200_00, 0, 0, 200_00), events.Cut(2, 1, 50_00, 0, 0, 50_00))


@pytest.fixture
async def here(dsn, database):
    async with shop(dsn, database) as made:
        yield made


async def listen(here, code, url, **config):
    await here.connect(code, "webhook", {"url": f"{url}/{code}", **config}, {"secrets": [SECRET]}, concurrency=1)


def signed(headers, body):
    words = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, words, hashlib.sha256)).decode()


async def test_a_webhook_that_asks_for_everything_hears_one_life_once_and_in_the_order_of_facts(here):
    async with gateway() as hook:
        await listen(here, "erp", hook.url, events=["*"])
        order = await here.happen(created(method="bkash"), *PAID)
        life = (*until_shipped(), events.OrderShipped(PARCEL), events.OrderOutForDelivery(PARCEL), events.OrderDelivered(PARCEL))
        await here.happen(*life, order=order, after=4)
        async with here.database.transaction() as tx:
            await here.teller.deal(tx, await here.journal.after(tx, 0, 100))
        await here.send_all()
        await here.send_all()
    assert [body["type"].removeprefix("notification.") for body in hook.bodies] == [
        "placed", "paid", "confirmed", "vendor_offered", "vendor_accepted", "shipped", "out_for_delivery", "delivered",
    ]  # fmt: skip
    told = {each.id: each for each in await here.told(order)}
    for (headers, raw), body in zip(hook.requests, hook.bodies, strict=True):
        assert headers["webhook-signature"] == signed(headers, raw) and headers["webhook-id"] == body["id"]
        assert (body["data"]["order_id"], body["data"]["role"], body["data"]["number"]) == (order, "admin", "7KQ2-M9XF-4")
        assert body["data"]["version"] == told[body["id"]].version and body["data"]["link"] == f"https://shop.example/v1/orders/{order}"
        assert "hgt_" not in str(body) and "hpl_" not in str(body), "no buyer's token leaves"
    assert [body["data"]["vendor"] for body in hook.bodies if "vendor" in body["type"]] == ["a", "a"]


async def test_every_webhook_hears_what_it_asks_for_and_one_that_asks_for_nothing_what_the_desk_is_told(here):
    held = events.OrderHeld("h1", "FRAUD_REVIEW", "odd")
    late = events.OrderStockReserved((events.Reservation(1, "TEA", "DHK", 2, backordered=1),))
    async with gateway() as hook:
        await listen(here, "desk", hook.url)
        await listen(here, "books", hook.url, events=["paid", "refunded"])
        await listen(here, "other", hook.url, events=["paid", "backordered"])
        order = await here.happen(created(method="bkash"), *PAID, late, held)
        await here.behave(muted=["paid/admin/webhook"])
        await here.happen(created(method="bkash"), *PAID)
    told = sorted((each.recipient, each.event) for each in await here.told() if each.order_id == order)
    assert told == [("books", "paid"), ("desk", "held_for_review"), ("other", "backordered"), ("other", "paid")]
    assert {each.order_id for each in await here.told()} == {order}


async def test_a_vendors_webhook_hears_of_its_own_part_and_nothing_of_the_buyers_money(here):
    async with gateway() as hook:
        await listen(here, "shop-a", hook.url, vendor="a")
        await listen(here, "shop-b", hook.url, vendor="b", events=["*"])
        await listen(here, "shop-a-ends", hook.url, vendor="a", events=["cancelled", "paid"])
        order = await here.happen(created(method="bkash"), *PAID, events.OrderConfirmed(), events.VendorOrderOffered(VO_A, NOON))
        await here.happen(events.OrderCancelled(CUTS, "customer_request", 250_00), order=order, after=6)
        await here.send_all()
    told = sorted((each.recipient, each.event, each.role, each.party) for each in await here.told(order))
    assert told == [
        ("shop-a", "cancelled", "vendor", "a"), ("shop-a", "vendor_offered", "vendor", "a"), ("shop-a-ends", "cancelled", "vendor", "a"),
    ]  # fmt: skip
    for body in hook.bodies:
        data = body["data"]
        assert [item["name"] for item in data["items"]] == ["Sylhet tea"] and data["vendor"] == "a"
        assert data.get("total", 0) == (200_00 if "offered" in body["type"] else 0), "its share, of which nothing is left"
        assert not {"amount", "paid", "held", "link", "pay_link", "track_link"} & set(data)
        assert "Rahima" not in str(data) and "Clay pot" not in str(data)


async def test_a_webhook_can_ask_for_no_event_that_there_is_not(here):
    for wrong in (["placed", "lost"], [], ["placed*"]):
        with pytest.raises(Refused):
            await listen(here, "erp", "https://erp.example", events=wrong)


async def test_a_message_that_ends_badly_is_counted(here):
    def counted():
        name = 'haat_untold_messages_total{channel="webhook",status="failed"} '
        lines = [line for line in metrics.exposition().decode().splitlines() if line.startswith(name)]
        return float(lines[0].removeprefix(name)) if lines else 0.0

    async def gone(request, body):
        return web.Response(status=410)

    before = counted()
    async with gateway() as hook:
        hook.answer = gone
        await listen(here, "erp", hook.url, events=["placed"])
        order = await here.happen(created())
        await here.send_all()
    assert [each.status for each in await here.told(order)] == ["failed"] and counted() == before + 1


def test_every_fact_tells_one_event_whoever_is_told():
    assert all(len({each.event for each in tellings}) == 1 for tellings in notifications.TOLD.values())

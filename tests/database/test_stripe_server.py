"""The Stripe connector against a stateful Stripe (localstripe) that runs as a server of its own, beside the official SDK.

localstripe ignores idempotency keys and optional parameters, accepts refunds above the charge and sends no refund events; what
of the connector needs those is tested on the wire (tests/domain/payments/test_stripe_wire.py).
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import stripe as sdk
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec import structs

import haat.domain.payments.gateways
from haat.domain import payments
from haat.engine import plugins
from haat.engine.changes import Memory
from haat.engine.clock import Clock
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.outside import Book, Outside, Vault
from haat.kernel.outside import Connection, Hook

STRIPE = plugins.load(haat.domain.payments.gateways, "GATEWAY", payments.Gateway)["stripe"]
SERVER = """
import socket
from aiohttp import web
from localstripe.server import app
web.run_app(app, sock=socket.create_server(("127.0.0.1", 0)), access_log=None)
"""
NEEDS_3DS, DECLINED, FINE = "4000002500003155", "4000000000000341", "4242424242424242"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of the server; it prints it once it listens."""
    pytest.importorskip("localstripe", reason="the fake Stripe is not installed")
    child = subprocess.Popen([sys.executable, "-u", "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    found = None
    for line in child.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            break
    assert found, "localstripe did not start"
    yield found.group()
    child.terminate()
    child.wait(10)
    child.stdout.close()


class Till:
    """The connector with a driver, and the SDK with which a shop's page and a sceptic would look."""

    def __init__(self, outside: Outside, connection: Connection, draw: Draw, client: sdk.StripeClient) -> None:
        self.outside = outside
        self.connection = connection
        self.draw = draw
        self.client = client

    async def does(self, verb: Any, what: Any) -> Any:
        return await self.outside.drive(self.connection, verb(self.connection, what, self.outside.clock.now()))

    async def card(self, number: str) -> str:
        details: Any = {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}}
        return (await asyncio.to_thread(self.client.v1.payment_methods.create, details)).id

    async def charge(self, number: str, *, authorise: bool = False, amount: int = 152_050) -> tuple[Any, payments.Known]:
        attempt = self.draw.uuid()
        asked = payments.Charge(
            attempt=attempt, amount=amount, currency="USD", number="7KQ2-M9XF-4", authorise=authorise, method=await self.card(number)
        )
        seen = await self.does(STRIPE.create, asked)
        return seen, payments.Known(attempt=attempt, amount=amount, currency="USD", reference=seen.reference, authorise=authorise)

    async def intent(self, reference: str) -> sdk.PaymentIntent:
        return await asyncio.to_thread(self.client.v1.payment_intents.retrieve, reference)


@pytest.fixture
async def till(database: Database, address: str) -> AsyncIterator[Till]:
    clock, vault = Clock(), Vault(["s"])
    outside = Outside(database, clock, Book(Memory(database), {}, vault), vault)
    config = STRIPE.config(base_url=address, optional=False)
    secrets = STRIPE.secrets("sk_test_12345", "whsec_of_ours")
    connection = Connection(kind="gateway", code="stripe", plugin="stripe", config=config, secrets=secrets)
    client = sdk.StripeClient("sk_test_12345", base_addresses={"api": address})
    yield Till(outside, connection, await Draw.open(clock, database), client)
    await outside.close()


async def test_a_card_is_charged_and_asked_about_as_often_as_one_likes(till: Till) -> None:
    seen, known = await till.charge(FINE)
    assert (seen.status, seen.amount, seen.currency) == ("charged", 152_050, "USD")
    assert await till.does(STRIPE.confirm, known) == await till.does(STRIPE.query, known) == seen
    assert (await till.intent(known.reference)).status == "succeeded"
    assert await till.outside.drive(till.connection, STRIPE.check(till.connection, till.outside.clock.now()))  # type: ignore[misc]


async def test_money_set_aside_is_taken_in_part_and_the_rest_let_go(till: Till) -> None:
    seen, known = await till.charge(FINE, authorise=True)
    assert (seen.status, seen.amount) == ("authorized", 152_050) and seen.lapses_at is not None
    taken = await till.does(STRIPE.capture, payments.Capture(known=known, amount=100_000, key="parcel-1"))
    assert (taken.status, taken.amount) == ("charged", 100_000)
    assert (await till.intent(known.reference)).status == "succeeded"


async def test_money_set_aside_is_let_go(till: Till) -> None:
    _, known = await till.charge(FINE, authorise=True)
    assert (await till.does(STRIPE.void, known)).status == "voided"
    assert (await till.does(STRIPE.query, known)).status == "voided"
    assert (await till.intent(known.reference)).status == "canceled"


async def test_a_declined_card_says_why(till: Till) -> None:
    seen, _ = await till.charge(DECLINED)
    assert (seen.status, seen.reason, seen.soft) == ("failed", "declined", True)


@pytest.mark.parametrize(("success", "status"), [(True, "charged"), (False, "pending")])
async def test_a_buyer_who_has_to_prove_themselves_is_waited_for(till: Till, success: bool, status: str) -> None:
    started, known = await till.charge(NEEDS_3DS)
    assert isinstance(started, payments.Started) and started.handle.startswith(started.reference)
    assert (await till.does(STRIPE.confirm, known)).status == "pending"
    proof = {"client_secret": started.handle, "success": str(success).lower()}
    await asyncio.to_thread(till.client.raw_request, "post", f"/v1/payment_intents/{started.reference}/_authenticate", **proof)
    assert (await till.does(STRIPE.query, known)).status == status


async def test_money_goes_back_in_parts_and_each_part_is_found_by_our_name_for_it(till: Till) -> None:
    _, known = await till.charge(FINE)
    given = []
    for amount in (50_000, 20_000):
        payback = payments.Payback(known=known, refund=till.draw.uuid(), amount=amount)
        given.append((payback, await till.does(STRIPE.refund, payback)))
    for payback, seen in given:
        assert (seen.status, seen.amount) == ("succeeded", payback.amount)
        assert await till.does(STRIPE.query_refund, payback) == seen
        assert await till.does(STRIPE.query_refund, structs.replace(payback, reference=seen.reference)) == seen
    nameless = payments.Payback(known=known, refund=till.draw.uuid(), amount=1)
    assert (await till.does(STRIPE.query_refund, nameless)).reason == "not_found"
    assert (await till.does(STRIPE.query, known)).refunded == 70_000


async def test_another_amount_or_somebody_elses_intent_is_no_payment_of_ours(till: Till) -> None:
    _, known = await till.charge(FINE)
    for wrong in (
        structs.replace(known, amount=152_051),
        structs.replace(known, attempt=till.draw.uuid()),
        structs.replace(known, currency="EUR"),
    ):
        seen = await till.does(STRIPE.query, wrong)
        assert (seen.status, seen.reason) == ("unknown", "mismatch")


async def test_an_intent_that_is_not_there_is_unknown_not_failed(till: Till) -> None:
    seen = await till.does(STRIPE.query, payments.Known(attempt=till.draw.uuid(), amount=1, currency="USD", reference="pi_nothing"))
    assert seen.status == "unknown"


async def test_its_webhooks_pass_our_check_and_the_official_one(till: Till) -> None:
    heard: asyncio.Queue[Hook] = asyncio.Queue()

    async def door(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        heard.put_nowait(Hook("POST", headers, {}, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", door)
    async with TestServer(app) as server:
        place = {"url": str(server.make_url("/hook")), "secret": "whsec_of_ours", "events": ["payment_intent.succeeded"]}
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{till.connection.config.base_url}/_config/webhooks/ours", json=place)).status_code == 200
        _, known = await till.charge(FINE)
        async with asyncio.timeout(20):
            while known.attempt.encode() not in (hook := await heard.get()).body:  # those of other tests come late as well
                pass
    now = till.outside.clock.now()
    assert sdk.Webhook.construct_event(hook.body, hook.header("stripe-signature"), "whsec_of_ours").id
    assert STRIPE.verify(till.connection, hook, now).key.startswith("evt_")
    (signal,) = await till.outside.drive(till.connection, STRIPE.heard(till.connection, hook, now))
    assert (signal.attempt, signal.reference, signal.said) == (known.attempt, known.reference, "charged")

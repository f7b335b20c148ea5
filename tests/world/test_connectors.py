"""Two readings of the same wire meet: Haat's connectors speak with the world's parties, over real HTTP, from their own configuration."""

from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
import pytest

from haat.domain.fulfilment import courier as couriering
from haat.domain.fulfilment import couriers
from haat.domain.notifications import transport, transports
from haat.domain.payments import gateway as paying
from haat.domain.payments import gateways
from haat.engine import plugins
from haat.engine.outside.connections import fit
from haat.kernel.errors import Refused
from haat.kernel.outside import Connection, Conversation, Hook, Reply, Token, Unknown
from haat_world import app, payers
from haat_world.faults import Faults
from tests.world.running import Running, a_world

Value = TypeVar("Value")
GATEWAYS = plugins.load(gateways, "GATEWAY", paying.Gateway)
COURIERS = plugins.load(couriers, "COURIER", couriering.Courier)
PLUGINS: dict[str, Any] = {"gateway": GATEWAYS, "courier": COURIERS}
ATTEMPT = "0197a1b2-0000-7000-8000-00000000abcd"
REDIRECTS = ("bkash", "nagad", "sslcommerz")


def connected(running: Running, code: str) -> tuple[Any, Connection]:
    """Haat's plug-in and the connection that the world tells of."""
    (told,) = [each for each in app.connections(running.url) if each.code == code]
    plugin = PLUGINS[told.kind][told.plugin]
    config, secrets = fit(plugin, told.config, told.secrets)
    return plugin, Connection(kind=told.kind, code=code, plugin=told.plugin, config=config, secrets=secrets)


async def drive(running: Running, conversation: Conversation[Value]) -> Value:
    """The conversation's value, its requests sent to the world, its tokens granted once."""
    answer: Any = None
    while True:
        try:
            step = conversation.send(answer)
        except StopIteration as end:
            value: Value = end.value
            return value
        if isinstance(step, Token):
            if step.refused or step.name not in running.tokens:
                running.tokens[step.name] = (await drive(running, step.grant(""))).text
            answer = running.tokens[step.name]
        else:
            told = await running.line.send(step.method, step.url, headers=step.headers, body=step.body)
            answer = Reply(told.status, told.headers, told.body)


def charge(running: Running, code: str, **changed: Any) -> paying.Charge:
    buyer = paying.Buyer("Rahima Khatun", "+8801711000001", "", "House 1, Road 2, Mirpur", "Dhaka", "1216")
    hook = f"{running.url}/webhook/{code}"
    values: dict[str, Any] = {
        "attempt": ATTEMPT, "amount": 150_050, "currency": "BDT", "number": "H-1", "return_url": f"{running.url}/webhook/back", "hook_url": hook,
        "buyer": buyer,
    }  # fmt: skip
    return paying.Charge(**(values | changed))


def known(code: str, started: paying.Started, **more: Any) -> paying.Known:
    return paying.Known(attempt=ATTEMPT, amount=150_050, currency="BDT", reference=started.reference, **more)


async def test_every_party_of_the_world_can_be_connected_as_it_says() -> None:
    kinds = PLUGINS | {"transport": plugins.load(transports, "TRANSPORT", transport.Transport)}
    for told in app.connections("http://127.0.0.1:9000", mail_port=2525):
        fit(kinds[told.kind][told.plugin], told.config, told.secrets)


@pytest.mark.parametrize("code", REDIRECTS)
async def test_a_buyer_pays_on_the_page_and_haat_learns_it_and_gives_a_part_back(code: str) -> None:
    async with a_world() as running:
        plugin, connection = connected(running, code)
        now = running.world.now()
        started = await drive(running, plugin.create(connection, charge(running, code), now))
        assert isinstance(started, paying.Started)
        before = await drive(running, plugin.query(connection, known(code, started), now))
        assert await payers.decide(running.line, started.redirect_url, "double")
        back = plugin.callback(connection, _brought(running))
        seen = await drive(running, plugin.confirm(connection, known(code, started), now))
        again = await drive(running, plugin.query(connection, known(code, started, transaction=seen.transaction), now))
        asked = paying.Payback(
            known=known(code, started, transaction=seen.transaction, captured=150_050, began=now), refund=ATTEMPT, amount=50_050
        )
        refunded = await drive(running, plugin.refund(connection, asked, now))
        later = msgspec.structs.replace(asked, reference=refunded.reference)
        if code == "nagad":
            with pytest.raises(Unknown, match="no_lookup"):  # of a part, Nagad cannot be asked
                await drive(running, plugin.query_refund(connection, later, now))
            settled = refunded
        else:
            settled = refunded if plugin.query_refund is None else await drive(running, plugin.query_refund(connection, later, now))
        (books,) = running.world.truth.payments.values()
    assert before.status in ("pending", "unknown")
    assert ATTEMPT in (back.attempt, "") or back.reference == started.reference
    assert (seen.status, seen.amount) == (again.status, again.amount) == ("charged", 150_050)
    assert refunded.status in ("succeeded", "pending")
    assert settled.status == "succeeded"
    assert (books.captured, books.refunded) == (150_050, 50_050)


def _brought(running: Running) -> dict[str, str]:
    """What the browser brought to the shop's door."""
    (first, *_) = [m for m in running.world.truth.messages if m.to == "back"]
    return dict(parse_qsl(first.text)) | first.query


@pytest.mark.parametrize("code", REDIRECTS)
@pytest.mark.parametrize("choice", ["cancel", "decline"])
async def test_a_buyer_who_does_not_pay_is_seen_as_such(code: str, choice: str) -> None:
    async with a_world() as running:
        plugin, connection = connected(running, code)
        started = await drive(running, plugin.create(connection, charge(running, code), running.world.now()))
        await payers.decide(running.line, started.redirect_url, choice)
        seen = await drive(running, plugin.query(connection, known(code, started), running.world.now()))
    assert seen.status in ("failed", "cancelled")
    assert not any(payment.captured for payment in running.world.truth.payments.values())


async def test_money_is_set_aside_and_taken_at_bkash_and_stripe() -> None:
    async with a_world() as running:
        for code in ("bkash", "stripe"):
            plugin, connection = connected(running, code)
            now = running.world.now()
            method = "pm_card_visa" if code == "stripe" else ""
            first = await drive(running, plugin.create(connection, charge(running, code, authorise=True, method=method), now))
            if isinstance(first, paying.Started):
                await payers.decide(running.line, first.redirect_url, "pay")
            asked = paying.Known(attempt=ATTEMPT, amount=150_050, currency="BDT", reference=first.reference, authorise=True, began=now)
            seen = await drive(running, plugin.confirm(connection, asked, now))
            assert (seen.status, seen.amount) == ("authorized", 150_050)
            asked = msgspec.structs.replace(asked, transaction=seen.transaction)
            taken = await drive(running, plugin.capture(connection, paying.Capture(known=asked, amount=150_050, key="parcel-1"), now))
            assert (taken.status, taken.amount) == ("charged", 150_050)


@pytest.mark.parametrize("code", ["bkash", "sslcommerz", "stripe"])
async def test_what_a_gateway_reports_is_genuine_and_points_at_the_attempt(code: str) -> None:
    async with a_world() as running:
        plugin, connection = connected(running, code)
        now = running.world.now()
        method = "pm_card_visa" if code == "stripe" else ""
        started = await drive(running, plugin.create(connection, charge(running, code, method=method), now))
        if isinstance(started, paying.Started) and started.redirect_url:
            await payers.decide(running.line, started.redirect_url, "pay")
            await drive(running, plugin.confirm(connection, known(code, started), now))
        await running.turn(minutes=1)
        signals = []
        for hook in _hooks(running, code):
            assert plugin.verify(connection, hook, running.world.now()).status == 200
            signals += await drive(running, plugin.heard(connection, hook, running.world.now()))
            with pytest.raises(Refused):
                await _forged(running, plugin, connection, hook)
    assert {signal.attempt for signal in signals} == {ATTEMPT}


async def _forged(running: Running, plugin: Any, connection: Connection, hook: Hook) -> None:
    """The same with another amount: refused when it arrives, or at the latest when it is read."""
    other = msgspec.structs.replace(hook, body=hook.body.replace(b"1500", b"9500"))
    assert other.body != hook.body
    plugin.verify(connection, other, running.world.now())
    await drive(running, plugin.heard(connection, other, running.world.now()))


def _hooks(running: Running, code: str) -> list[Hook]:
    found = [message for message in running.world.truth.messages if message.to == code]
    return [Hook("POST", message.headers, {}, message.text.encode()) for message in found]


def parcel(**changed: Any) -> couriering.Consignment:
    to = couriering.Recipient(
        "Rahima Khatun", "+8801711000001", "House 1, Road 2", "near the mosque", "Mirpur North", "Mirpur", "Dhaka", "1216"
    )
    area = couriering.Area("1", "101", "1011", "Mirpur North")
    values: dict[str, Any] = {"reference": "P-1", "recipient": to, "cash": 150_000, "value": 150_000, "area": area, "description": "a book"}
    return couriering.Consignment(**(values | changed))


@pytest.mark.parametrize("code", ["pathao", "steadfast", "redx", "courier"])
async def test_a_parcel_is_booked_once_and_its_scans_tell_of_its_way_and_its_cash(code: str) -> None:
    async with a_world() as running:
        plugin, connection = connected(running, code)
        now = running.world.now()
        booked = await drive(running, couriering.booking(plugin, connection, parcel(), now=now, again=False))
        assert isinstance(booked, couriering.Booked), booked
        if plugin.capabilities.lookup == "reference":
            found = await drive(running, plugin.look_up(connection, "P-1", now))
            nothing = await drive(running, plugin.look_up(connection, "P-2", now))
            assert (found.consignment in (booked.consignment, "P-1"), nothing) == (True, couriering.NotThere())
        await running.turn(days=4)
        later = running.world.now()
        asked = couriering.Known(booked.consignment, "P-1")
        tracked = () if plugin.track is None else await drive(running, plugin.track(connection, asked, later))
        heard: list[couriering.Scan] = []
        for message in [m for m in running.world.truth.messages if m.to == code]:
            hook = Hook("POST", message.headers, message.query, message.text.encode())
            result = plugin.verify(connection, hook, message.at + timedelta(seconds=2))
            assert result.status in (200, 202)
            heard += plugin.heard(connection, hook, message.at) if result.keep else ()
        (books,) = running.world.truth.consignments.values()
    assert (books.status, books.cash, books.reference) == ("delivered", 150_000, "P-1")
    assert all(scan.known for scan in [*heard, *tracked]), [scan.said for scan in [*heard, *tracked] if not scan.known]
    assert "delivered" in {scan.status for scan in heard}
    assert "delivered" in {scan.status for scan in tracked} | ({"delivered"} if not tracked else set())
    assert {scan.reference for scan in heard if scan.reference} == {"P-1"}
    assert max((scan.collected or 0) for scan in heard) in (150_000, 0 if code == "redx" else 150_000)


@pytest.mark.parametrize("code", ["steadfast", "courier"])
async def test_a_booking_whose_answer_was_lost_is_found_and_not_made_twice(code: str) -> None:
    async with a_world(faults=Faults(rate=1.0, kinds={"error_after": 1.0})) as running:
        plugin, connection = connected(running, code)
        now = running.world.now()
        with pytest.raises(Exception, match="500"):
            await drive(running, couriering.booking(plugin, connection, parcel(), now=now, again=False))
        running.world.faults = Faults()
        again = await drive(running, couriering.booking(plugin, connection, parcel(), now=now, again=True))
        (books,) = running.world.truth.consignments.values()
    assert isinstance(again, couriering.Booked)
    assert again.consignment in (books.id, books.reference)

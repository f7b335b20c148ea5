"""The world itself: the same seed is the same history whatever the order, faults come as often as said, the books are true."""

import asyncio
import smtplib
from collections import Counter
from datetime import timedelta
from email.message import EmailMessage

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat_world import faults, inboxes
from haat_world.clock import parse
from haat_world.couriers import generic
from haat_world.dice import Dice
from haat_world.faults import AFTER, Faults, moody
from haat_world.line import Lost
from tests.world.running import Running, a_world

KEY = {"authorization": f"Bearer {generic.KEY}"}
TO = {"name": "Rahima", "phone": "01711000001", "address": "House 1, Bogura", "cash": 500}


@given(st.integers(), st.lists(st.text(max_size=8), max_size=4))
def test_a_roll_depends_on_its_names_only(seed: int, names: list[str]) -> None:
    first, other = Dice(seed), Dice(seed)
    other.roll("something else")
    assert first.roll(*names) == other.roll(*names)
    assert 0 <= first.roll(*names) < 1


@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_fault_free_party_stays_so(seed: int, rate: float) -> None:
    chosen = Faults(rate=rate, by_party={"bkash": 0.0})
    assert not any(faults.call(chosen, Dice(seed), "bkash", "create", "ref", n) for n in range(20))


def test_faults_come_as_often_as_said_and_in_every_way() -> None:
    dice, chosen = Dice(7), Faults(rate=0.2)
    kinds = Counter(faults.call(chosen, dice, "bkash", "execute", f"ref{n}", 0) for n in range(20_000))
    failed = sum(count for kind, count in kinds.items() if kind)
    assert 0.19 < failed / 20_000 < 0.21
    assert 0.45 < sum(kinds[kind] for kind in AFTER) / failed < 0.55
    assert set(kinds) - {""} == set(faults.KINDS)


def test_payments_are_declined_as_often_as_said() -> None:
    chosen = moody(0.2)
    told = Counter(faults.decline(chosen, Dice(7), "bkash", f"ref{n}") for n in range(20_000))
    assert 0.045 < told["soft"] / 20_000 < 0.055
    assert 0.017 < told["hard"] / 20_000 < 0.023


async def history(seed: int, order: list[int]) -> dict[str, list[object]]:
    """Forty parcels on bad days, booked in this order, each as often as it takes."""
    async with a_world(seed=seed, faults=Faults(rate=0.3, hang_s=0.0), refusal=0.2, absence=0.2) as running:
        for number in order:
            await booked(running, f"G{number}")
        await running.turn(days=14)
        return running.world.truth.histories()


async def booked(running: Running, reference: str) -> None:
    for _ in range(20):
        try:
            answer = await running.answer("POST", "/courier/parcels", TO | {"reference": reference}, **KEY)
        except Lost:
            continue
        if answer.ok:
            return
    raise AssertionError("twenty times in vain")


async def test_the_same_seed_is_the_same_history_in_whatever_order_things_are_asked() -> None:
    forward, backward, other = [
        await history(*each) for each in ((7, list(range(40))), (7, list(reversed(range(40)))), (8, list(range(40))))
    ]
    assert forward == backward
    assert forward != other
    assert len(forward) == 40


async def test_requests_at_once_meet_the_same_faults_as_one_after_the_other() -> None:
    async def fates(at_once: bool) -> list[object]:
        async with a_world(faults=Faults(rate=0.5, hang_s=0.0)) as running:
            tasks = [_fate(running, f"G{n}") for n in range(40)]
            return list(await asyncio.gather(*tasks)) if at_once else [await task for task in tasks]

    assert await fates(at_once=True) == await fates(at_once=False)


async def _fate(running: Running, reference: str) -> object:
    try:
        return (await running.answer("POST", "/courier/parcels", TO | {"reference": reference}, **KEY)).status
    except Lost:
        return "lost"


@pytest.mark.parametrize(
    ("kind", "effect"), [("lost_request", 0), ("lost_answer", 1), ("error_before", 0), ("error_after", 1), ("reset", 0)]
)
async def test_a_fault_strikes_before_or_after_the_effect(kind: faults.Kind, effect: int) -> None:
    async with a_world(faults=Faults(rate=1.0, hang_s=0.0, kinds={kind: 1.0})) as running:
        fate = await _fate(running, "G1")
        there = len(running.world.truth.consignments)
    assert (fate in ("lost", 500), there) == (True, effect)


async def test_a_party_that_is_out_answers_nobody_until_it_is_back() -> None:
    async with a_world() as running:
        await running.post("/_world/outages", {"party": "courier", "seconds": 3600})
        during = await _fate(running, "G1")
        await running.post("/_world/turns", {"seconds": 3601})
        after = await _fate(running, "G1")
    assert (during, after) == (503, 201)


@pytest.mark.parametrize(("fate", "times"), [("lost", 0), ("late", 1), ("doubled", 2), ("contradicted", 2)])
async def test_a_message_is_lost_or_late_or_doubled_or_contradicted(fate: str, times: int) -> None:
    async with a_world(faults=Faults(hooks=1.0, fates={fate: 1.0}, by_party={"webhook": 0.0, "courier": 0.0})) as running:
        await running.post("/courier/parcels", TO | {"reference": "G1"}, **KEY)
        await running.turn(days=30)
        told = running.told()
        (books,) = running.world.truth.consignments.values()
    delivered = [each for each in told if each["status"] == "delivered"]
    assert books.status == "delivered"
    assert len(told) == times * (len(books.history) - 1)
    assert len(delivered) == min(times, 2 if fate == "doubled" else 1)


async def test_a_message_that_is_not_taken_comes_again() -> None:
    async with a_world() as running:
        running.world.hooks["courier"] = f"{running.url}/nobody/here"
        await running.post("/courier/parcels", TO | {"reference": "G1"}, **KEY)
        (books,) = running.world.truth.consignments.values()
        while books.status == "booked":
            await running.turn(hours=1)
        refused = running.world.truth.hooks["courier answered 404"]
        running.world.hooks["courier"] = f"{running.url}/webhook/courier"
        await running.turn(days=6)
    assert refused > 0
    assert {"pickup_requested", "delivered"} <= {each["status"] for each in running.told()}


async def test_the_books_can_be_read_and_tell_how_often_a_reference_was_booked() -> None:
    async with a_world() as running:
        for reference in ("G1", "G2"):
            await running.post("/courier/parcels", TO | {"reference": reference}, **KEY)
        await running.turn(days=6)
        rows = await running.get("/_world/consignments?party=courier&reference=G1")
        summary = await running.get("/_world")
        connections = {each["code"]: each["kind"] for each in await running.get("/_world/connections")}
    assert [(row["reference"], row["status"], row["collected"]) for row in rows] == [("G1", "delivered", 50_000)]
    assert (summary["doubled_bookings"], summary["cash"]["collected"]) == (0, 100_000)
    assert connections["bkash"] == "gateway"
    assert connections["pathao"] == "courier"
    assert connections["sms"] == "transport"


async def test_an_sms_with_one_id_is_taken_once_and_a_mail_is_kept() -> None:
    async with a_world(mail=True) as running:
        asked = {
            "api_token": inboxes.SMS_TOKEN,
            "sid": inboxes.SMS_SENDER,
            "msisdn": "8801711000001",
            "sms": "Your parcel",
            "csms_id": "A1",
        }
        codes = [(await running.post("/sms/api/v3/send-sms", asked))["status_code"] for _ in range(2)]
        (mail,) = [each for each in await running.get("/_world/connections") if each["code"] == "mail"]
        await asyncio.to_thread(_send_mail, mail["config"]["port"])
        messages = [(m.kind, m.to, m.id) for m in running.world.truth.messages]
    assert codes == [200, inboxes.DUPLICATE]
    assert messages == [("sms", "8801711000001", "A1"), ("mail", "buyer@example.com", "<1@shop>")]


def _send_mail(port: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "shop@example.com", "buyer@example.com", "হাট", "<1@shop>"
    mail.set_content("আপনার অর্ডার")
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.send_message(mail)


async def test_auto_payers_pay_by_themselves_by_their_own_mood() -> None:
    async with a_world(payers="auto") as running:
        for number in range(30):
            await _stripe_intent(running.url, f"T{number}")
        await running.turn(hours=2)
        statuses = Counter(payment.status for payment in running.world.truth.payments.values())
    assert statuses["succeeded"] > 15
    assert set(statuses) == {"succeeded", "requires_payment_method"}


async def _stripe_intent(url: str, reference: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        form = {"amount": "1000", "currency": "bdt", "metadata[attempt]": reference}
        await client.post("/stripe/v1/payment_intents", data=form, headers={"authorization": "Bearer sk_test_world"})


def test_the_worlds_clock_reads_the_text_that_haat_reads() -> None:
    text = "2026-01-01T00:00:00Z@600/1700000000"
    clock = parse(text)
    assert str(clock) == "2026-01-01T00:00:00Z@600/1700000000.000000"
    assert clock.wall_s(clock.now() + timedelta(minutes=10)) == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match="is no clock"):
        parse("soon")


async def test_who_has_hung_up_before_a_party_began_has_asked_for_nothing() -> None:
    async with a_world(faults=Faults(latency_ms=300)) as running:
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.TimeoutException):
                await client.post(f"{running.url}/courier/parcels", headers=KEY, json=TO | {"reference": "R1"}, timeout=0.05)
            answer = await client.get(f"{running.url}/courier/parcels/by-reference/R1", headers=KEY, timeout=5)
        assert answer.status_code == 404 and running.world.truth.consignments == {}

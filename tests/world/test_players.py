"""The players: the same order number is the same order, buyers come by the hours of Dhaka, and the audit sees every disagreement."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from haat_world import audit, gentle, payers
from haat_world.__main__ import _play, main, options
from haat_world.clock import DHAKA, FLOOR_S, Paced, Turned
from haat_world.line import Line, Lost
from haat_world.players.buyers import AHEAD, HOURS, Buyers, Goods, arrivals
from haat_world.players.market import Keys, Market
from haat_world.players.play import Plan, Play
from haat_world.players.vendors import Vendors
from haat_world.truth import Consignment, Payment, Truth
from haat_world.world import BLOCK, World

NEW_YEAR = datetime(2026, 1, 1, 3, tzinfo=UTC)
GOODS = [Goods(f"SKU-{n}", 10_000 * (n + 1), 1 + n % 3) for n in range(30)]


def buyers(seed: int = 7) -> Buyers:
    world = World(seed=seed, clock=Turned(NEW_YEAR), line=Line())
    return Buyers(world, Market(world.line, "http://haat", Keys("a", "c", {}), "web"), GOODS, run="1", count=500)


@given(st.integers(0, 100_000))
def test_the_same_number_is_the_same_order(number: int) -> None:
    first, again = buyers().request(number), buyers().request(number)
    assert first == again
    assert all(line["quantity"] >= next(g.least for g in GOODS if g.sku == line["sku"]) for line in first["lines"])
    assert len(first["customer"]["phone"]) == 11
    assert first["customer"]["phone"][3:6] == BLOCK


def test_another_seed_is_another_market() -> None:
    assert [buyers().request(n) for n in range(20)] != [buyers(8).request(n) for n in range(20)]


def test_few_things_sell_often_and_most_buyers_pay_at_the_door() -> None:
    requests = [buyers().request(n) for n in range(3000)]
    sold = [line["sku"] for request in requests for line in request["lines"]]
    assert sold.count("SKU-0") > 2 * sold.count("SKU-29") > 0
    at_the_door = [request for request in requests if request.get("payment_method") == "cod" or "tenders" in request]
    assert 0.6 < len(at_the_door) / 3000 < 0.75
    ahead = [request["tenders"][0] for request in at_the_door if "tenders" in request]
    assert 0.02 < len(ahead) / len(at_the_door) < 0.08
    assert {(part["method"], part["amount"]) for part in ahead} == {("bkash", AHEAD), ("nagad", AHEAD)}


def test_evenings_are_busy_and_nights_are_not() -> None:
    world = World(seed=7, clock=Turned(NEW_YEAR), line=Line())
    hours = [((NEW_YEAR + after) + DHAKA).hour for after in arrivals(world, orders=5000, days=30)]
    assert max(set(hours), key=hours.count) in (20, 21, 22)
    assert hours.count(21) > 10 * hours.count(3)
    assert HOURS.index(max(HOURS)) == 21


def test_most_payers_pay() -> None:
    world = World(seed=7, clock=Turned(NEW_YEAR), line=Line())
    moods = [payers.mood(world, "buyer", n, 0).choice for n in range(5000)]
    assert 0.75 < moods.count("pay") / 5000 < 0.85
    assert set(moods) == set(payers.CHOICES)


def a_payment(**changed: Any) -> Payment:
    fields: dict[str, Any] = {
        "party": "bkash",
        "id": "TR1",
        "reference": "A1",
        "amount": 500,
        "currency": "BDT",
        "status": "Completed",
        "created_at": NEW_YEAR,
    }
    return Payment(**(fields | {"authorized": 500, "captured": 500} | changed))


def an_order(status: str = "completed", **attempt: Any) -> dict[str, Any]:
    paid = {"id": "a", "gateway": "bkash", "reference": "TR1", "status": "charged", "captured": 500} | attempt
    parcel = {"id": "p", "consignment": "C1", "status": "delivered", "cash": 30_000, "collected": 30_000}
    return {"number": "H-1", "status": status, "payments": [{"attempts": [paid]}], "shipments": [parcel]}


def a_parcel(**changed: Any) -> Consignment:
    fields: dict[str, Any] = {
        "party": "pathao",
        "id": "C1",
        "reference": "P1",
        "cash": 30_000,
        "collected": 30_000,
        "status": "delivered",
        "created_at": NEW_YEAR,
    }
    return Consignment(**(fields | changed))


def told(payments: list[Payment], parcels: list[Consignment], *orders: dict[str, Any]) -> list[str]:
    truth = Truth()
    for payment in payments:
        truth.pay(payment)
    for parcel in parcels:
        truth.book(parcel)
    return audit.findings(truth, orders)


def test_books_that_agree_give_no_finding() -> None:
    assert told([a_payment()], [a_parcel()], an_order()) == []


@pytest.mark.parametrize(
    ("payment", "parcel", "order", "word"),
    [
        (a_payment(refunded=100), a_parcel(), an_order(), "refunded 100, Haat believes 0"),
        (a_payment(), a_parcel(), an_order(captured=0), "captured 500, Haat believes 0"),
        (a_payment(id="TR9"), a_parcel(), an_order(), "of which no order knows"),
        (a_payment(), a_parcel(), an_order("cancelled"), "is still kept"),
        (a_payment(), a_parcel(status="returned", collected=0), an_order(), "is returned, Haat believes delivered"),
        (a_payment(), a_parcel(cash=20_000), an_order(), "was to collect 20000"),
        (a_payment(), a_parcel(collected=25_000), an_order(), "collected 25000, Haat believes 30000"),
        (a_payment(), a_parcel(id="C9"), an_order(), "of which no order knows"),
    ],
)
def test_the_audit_sees(payment: Payment, parcel: Consignment, order: dict[str, Any], word: str) -> None:
    assert any(word in finding for finding in told([payment], [parcel], order))


def test_a_parcel_that_was_booked_twice_is_found() -> None:
    assert "pathao has 2 consignments for P1" in told([a_payment()], [a_parcel(), a_parcel(id="C2")], an_order())


def test_the_command_line_refuses_what_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "--faults", "2"]) == 2
    assert "is a share" in capsys.readouterr().err


def test_a_gentle_world_is_one_command(tmp_path: Any) -> None:
    command = gentle("http://127.0.0.1:8000", tmp_path / "demo.json")
    assert command[1:4] == ["-m", "haat_world", "play"]
    assert "--gentle" in command
    assert msgspec.json.encode(command)


async def test_a_play_connects_haat_with_every_party_and_its_mail_server_listens(tmp_path: Path) -> None:
    told: dict[str, Any] = {}
    greeted = b""

    async def connected(request: web.Request) -> web.Response:
        nonlocal greeted
        code, sheet = request.match_info["code"], await request.json()
        told[code] = sheet
        if code == "mail":
            reader, writer = await asyncio.open_connection(sheet["config"]["host"], sheet["config"]["port"])
            greeted = await reader.readline()
            writer.close()
        return web.json_response({})

    async def nothing(request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    haat = web.Application()
    haat.add_routes([web.put("/v1/connections/{code}", connected), web.get("/{any:.*}", nothing)])
    async with TestServer(haat) as server:
        keys = tmp_path / "demo.json"
        keys.write_bytes(msgspec.json.encode({"url": str(server.make_url("/")), "keys": {"admin": "a", "channel": "c", "vendors": {}}}))
        with pytest.raises(Lost, match="nothing is on sale"):
            await _play(options().parse_args(["play", "--keys", str(keys), "--port", "0"]))
    assert {each["kind"] for each in told.values()} == {"gateway", "courier", "transport"}
    assert {"sms", "mail", "webhook"} <= set(told)
    assert greeted.startswith(b"220 ")


class Watched(Paced):
    """A fast clock that says for how long it was waited."""

    def __init__(self, pace: float) -> None:
        super().__init__(NEW_YEAR, pace, time.time())
        self.waited: list[float] = []

    async def pause(self, seconds: float, *, floor_s: float = FLOOR_S) -> None:
        self.waited.append(seconds)
        await super().pause(seconds, floor_s=floor_s)


async def test_a_pause_of_the_world_passes_as_fast_as_its_clock_runs() -> None:
    clock = Paced(NEW_YEAR, 8640, time.time())
    await asyncio.wait_for(clock.pause(24 * 3600), 20)  # a day in ten seconds
    assert clock.now() >= NEW_YEAR + timedelta(days=1) - timedelta(seconds=1)


async def test_a_buyer_waits_for_the_pay_page_in_the_worlds_time() -> None:
    looks = 0

    async def payments(request: web.Request) -> web.Response:
        nonlocal looks
        looks += 1
        answer = {"order_status": "placed", "payments": [], "due": 500, "redirect_url": "http://pay/1" if looks > 3 else ""}
        return web.json_response(answer)

    haat = web.Application()
    haat.add_routes([web.get("/v1/orders/O1/payments", payments)])
    async with TestServer(haat) as server:
        world = World(seed=7, clock=(clock := Watched(pace=8640)), line=Line())
        market = Market(world.line, str(server.make_url("")), Keys("a", "c", {}), "web")
        page = await Buyers(world, market, GOODS, run="1", count=500)._page("O1", soon=False)
        await world.line.close()
    assert (page, looks) == ("http://pay/1", 4)
    assert clock.waited == [1, 2, 3]


def test_a_visitors_order_is_tended_though_the_world_came_later_and_the_made_up_past_is_not() -> None:
    world = World(seed=7, clock=Turned(NEW_YEAR), line=Line())
    market = Market(world.line, "http://haat", Keys("a", "c", {}), "web")
    play = Play(world, market, Plan(), began=NEW_YEAR - timedelta(hours=1))
    vendors = Vendors(world, market, pace_s=1, since=play._began)
    parts = [{"placed_at": (NEW_YEAR - timedelta(minutes=ago)).isoformat(), "ship_to": {}} for ago in (0, 30, 90)]
    assert [vendors._ours(part) for part in parts] == [True, True, False]


async def test_patience_begins_when_the_last_order_has_come() -> None:
    async def products(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"sku": "A", "price": 10_000}]})

    async def nothing(request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    haat = web.Application()
    haat.add_routes([web.get("/v1/products", products), web.get("/{any:.*}", nothing)])
    async with TestServer(haat) as server:
        world = World(seed=7, clock=Paced(NEW_YEAR, 43_200, time.time()), line=Line())  # a day is two seconds
        market = Market(world.line, str(server.make_url("")), Keys("a", "c", {}), "web")
        play = Play(world, market, Plan(orders=30, days=1, patience_s=0.1))
        running = asyncio.create_task(world.agenda.run())
        await play.prepare()
        score = await play.played()
        running.cancel()
        await world.line.close()
    assert score.placed == 30


def test_some_buyers_have_an_e_mail_address_and_keep_it() -> None:
    found: dict[str, set[str]] = {}
    for number in range(1000):
        customer = buyers().request(number)["customer"]
        found.setdefault(customer["phone"], set()).add(customer.get("email", ""))
    assert all(len(mails) == 1 for mails in found.values())
    assert 0.2 < sum("" not in mails for mails in found.values()) / len(found) < 0.4

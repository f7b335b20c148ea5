"""The same key is the same order: through one server, through two, at once or later, and whatever the market does meanwhile."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench import serving
from bench.client import Client
from haat.domain import catalogue, vendors
from haat.engine import idempotency
from haat.engine.database import Collided, Database
from haat.engine.idempotency import Key
from tests.database import trading
from tests.database.trading import body

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SUBJECT = "01a20000-0000-7000-8000-000000000001"


@pytest.fixture
def market(dsn: str, tmp_path: Path) -> Iterator[serving.Market]:
    with serving.market(tmp_path, trading.seed, dsn=dsn) as running:
        yield running


@pytest.fixture
async def clients(market: serving.Market) -> AsyncIterator[list[Client]]:
    """Fifty connections to two server processes, alternating."""
    servers = await asyncio.gather(asyncio.to_thread(market.serve), asyncio.to_thread(market.serve))
    made = [Client(servers[n % 2].port, market.keys["web"]) for n in range(50)]
    yield made
    await asyncio.gather(*(client.end() for client in made))


async def post(client: Client, request: dict[str, Any], key: str, path: str = "/v1/orders") -> tuple[int, dict[str, Any]]:
    reply = await client.ask("POST", path, json.dumps(request).encode(), idempotency_key=key)
    assert reply is not None
    return reply[0], json.loads(reply[1])


async def test_fifty_at_once_with_one_key_are_one_order_and_one_answer(clients: list[Client], database: Database) -> None:
    """First through one server process, then through both."""
    for name, asking in (("one", clients[::2]), ("both", clients)):
        replies = await asyncio.gather(*[post(client, body({"TEA": 1}, phone="01712340000"), name) for client in asking])
        assert Counter(status for status, _ in replies) == {201: 1, 200: len(asking) - 1}
        assert len({json.dumps(order, sort_keys=True) for _, order in replies}) == 1
    async with database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM orders") == 2


async def test_the_same_key_for_something_else_is_refused(clients: list[Client]) -> None:
    assert (await post(clients[0], body({"TEA": 1}), "k"))[0] == 201
    for client in clients[:2]:
        status, problem = await post(client, body({"TEA": 2}), "k")
        assert (status, problem["code"]) == (422, "idempotency_key_reused")
    replies = await asyncio.gather(*[post(client, body({"CUP": n + 1}), "race") for n, client in enumerate(clients[:20])])
    assert Counter(status for status, _ in replies) == {201: 1, 422: 19}


async def test_a_refused_request_leaves_its_key_free(clients: list[Client]) -> None:
    assert (await post(clients[0], body({"LAST": 6}), "k"))[0] == 409
    assert (await post(clients[1], body({"LAST": 5}), "k"))[0] == 201


async def test_the_order_is_found_again_although_the_market_would_refuse_it_now(clients: list[Client], database: Database) -> None:
    """The answer was lost; before the buyer asks again, one vendor closes, the other's product is withdrawn."""
    wanted = body({"TEA": 1, "LAST": 1})
    status, first = await post(clients[0], wanted, "k")
    assert status == 201
    async with database.transaction() as tx:
        now = datetime.now(UTC)
        await vendors.move(tx, [vendors.Move("shop-a", "suspended", "papers")], by="system", now=now)
        gone = catalogue.ProductSheet(sku="LAST", vendor="shop-b", name_en="Last", price=5_000, status="archived")
        await catalogue.upsert(tx, [gone], now=now)
    tries = itertools.count()
    async with asyncio.timeout(10):
        for client in clients[:2]:
            while (await post(client, body({"TEA": 1}), f"try-{next(tries)}"))[0] != 422:
                pass
    for client in clients[:2]:
        assert await post(client, wanted, "k") == (200, first)
        assert (await post(client, body({"TEA": 2}), "k"))[1]["code"] == "idempotency_key_reused"


async def test_a_batch_tells_of_each_order(clients: list[Client]) -> None:
    items = [{"order": body({"LAST": n}, phone=f"0171234000{n}"), "idempotency_key": f"k{n}"} for n in (3, 4, 2, 3)]
    status, answer = await post(clients[0], {"orders": items}, "", "/v1/order-batches")
    assert status == 200, answer
    first, refused, other, same = answer["results"]
    assert (refused["status"], other["status"]) == (409, 201)
    assert {first["status"], same["status"]} == {201, 200}, (
        "of two with one key one places and the other is told of it, whichever comes first"
    )
    assert same["order"] == first["order"]


async def test_a_key_is_settled_once_and_forgotten_when_it_is_old(database: Database) -> None:
    key = Key("place:me", "k", b"f" * 16)
    async with database.transaction() as tx:
        await idempotency.settle(tx, [key, Key("place:you", "k", b"g" * 16)], [SUBJECT, SUBJECT], NOW)
    with pytest.raises(Collided):
        async with database.transaction() as tx:
            await idempotency.settle(tx, [key], [SUBJECT], NOW)
    async with database.transaction() as tx:
        assert (await idempotency.find(tx, [key]))["place:me", "k"].subject == SUBJECT
        await idempotency.forget(tx, NOW)
        assert await idempotency.find(tx, [key])
        await idempotency.forget(tx, NOW + timedelta(seconds=1))
        assert not await idempotency.find(tx, [key])

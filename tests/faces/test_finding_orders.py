"""Orders are found by the words that people remember of them, in two languages, together with every other filter."""

from collections.abc import Iterator

import httpx
import pytest

from haat.domain import orders
from haat.engine.database import Database
from haat.engine.followers import Follower
from haat.engine.journal import Journal
from haat.faces.api import examples
from haat.insight import search
from tests.faces.served import OTHER_SKU, Served

NAME, BANGLA_NAME = "Zulekha Quazi", "জুলেখা কাজী"


async def follow(served: Served) -> None:
    """What the worker does all the time: read the facts, write the words."""
    database = await Database.open(served.dsn, size=2)
    follower = Follower(search.FOLLOWER, database, Journal(orders.events.decode), search.deal)
    while await follower.step():
        pass
    await database.close()


@pytest.fixture
def admin(served: Served) -> Iterator[httpx.Client]:
    with served.client("admin") as client:
        yield client


def found(client: httpx.Client, **asked: str) -> list[str]:
    answer = client.get("/v1/orders", params=asked)
    assert answer.status_code == 200, answer.text
    return [order["id"] for order in answer.json()["data"]]


async def test_an_order_is_found_by_whatever_somebody_remembers_of_it(served: Served, admin: httpx.Client) -> None:
    ship_to = examples.ADDRESS | {"recipient": BANGLA_NAME, "landmark": "Purple gate", "phone": "01555-666777"}
    order = served.place(customer={"name": NAME, "phone": "01811-222333"}, ship_to=ship_to, note="leave with the guard")
    other = served.place()
    await follow(served)
    number = order["number"]
    for asked in (
        "zulekha", "Quazi Zulekha", "zulekha qua", "জুলেখা", "কাজী", "জুলে", "01811222333", "+880 1811-222333", "০১৮১১২২২৩৩৩", "01555-666777",
        number, number.lower(), number.replace("-", ""), "purple gate", "demo-001 zulekha", "মাটির মগ জুলেখা", "guard zulekha", "1216 zulekha",
    ):  # fmt: skip
        assert found(admin, q=asked) == [order["id"]], asked
    assert other["id"] in found(admin, q="mirpur")
    assert found(admin, q="zulekha nobody") == []


@pytest.mark.parametrize(
    "asked", ["& | !", "zulekha' & 'x", "a:* | b", "<-> (", "\\'", "'; DROP TABLE orders; --", "%%", "  ..", "'':A", "\u200d\u200c", "😀😀"]
)
def test_nothing_that_is_typed_is_a_query_language(admin: httpx.Client, asked: str) -> None:
    assert found(admin, q=asked) == []


async def test_words_and_filters_hold_together(served: Served, admin: httpx.Client) -> None:
    ship_to = examples.ADDRESS | {"landmark": "Filterghat"}
    kept = served.place(ship_to=ship_to, lines=[{"sku": OTHER_SKU, "quantity": 2}])
    gone = served.place(ship_to=ship_to)
    with served.client("channel") as channel:
        assert channel.post(f"/v1/orders/{gone['id']}/cancellations", json={"reason": "mistake"}).status_code == 201
    await follow(served)
    assert found(admin, q="filterghat") == [gone["id"], kept["id"]]
    for filters, expected in (
        ({"status": "cancelled"}, [gone["id"]]),
        ({"status": "placed"}, [kept["id"]]),
        ({"vendor": "mathe-khela"}, [kept["id"]]),
        ({"channel": "facebook"}, []),
        ({"phone": kept["customer"]["phone"]}, [kept["id"]]),
        ({"number": gone["number"]}, [gone["id"]]),
        ({"placed_after": "2199-01-01T00:00:00Z"}, []),
        ({"on_hold": "true"}, []),
        ({"cursor": gone["id"]}, [kept["id"]]),
        ({"limit": "1"}, [gone["id"]]),
    ):
        assert found(admin, q="filterghat", **filters) == expected, filters


async def test_nobody_finds_what_is_not_theirs(served: Served) -> None:
    order = served.place(ship_to=examples.ADDRESS | {"landmark": "Gopanpur"})
    await follow(served)
    for role, expected in (("channel", [order["id"]]), ("other_channel", []), ("customer", [])):
        with served.client(role) as client:
            assert found(client, q="gopanpur") == expected, role

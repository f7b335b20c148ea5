"""From where an order came: kept for the fraud rules, shown to staff, and to nobody else; an order without it carries nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from haat import app
from haat.app import desks
from haat.domain import orders
from haat.faces.api import access
from haat.kernel.errors import Refused
from tests.database import trading
from tests.database.trading import body, place

PHONE = {"client": {"ip": "203.0.113.7", "device": "d-17"}}


async def placed_from(parts: app.Parts, **client: str) -> orders.Order:
    return (await place(parts, body({"TEA": 1}) | {"client": client})).order


def seen_as(role: str, order: orders.Order) -> dict[str, Any]:
    """What somebody of this role, whose order it is, is shown."""
    subject = {"channel": order.channel, "customer": order.customer.id, "guest": order.id}.get(role, "")
    return dict(msgspec.json.decode(msgspec.json.encode(access.seen_by(SimpleNamespace(role=role, subject=subject), order))))


async def test_only_staff_and_the_fraud_rules_know_where_an_order_came_from(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = await placed_from(parts, **PHONE["client"])
        async with parts.database.reading() as tx:
            assert (await orders.read(parts.journal, tx, [order.id]))[order.id] == order
        sighted, unknown = parts.desks.screening.sighting(order, late=False), await placed_from(parts)
        assert desks.client_of(order) == ("d-17", "203.0.113.7") and sighted.device and sighted.ip
        assert desks.client_of(unknown) == ("", "") and not parts.desks.screening.sighting(unknown, late=False).ip
    assert seen_as("admin", order)["client"] == PHONE["client"]
    for role in ("channel", "customer", "guest"):
        assert "203.0.113.7" not in str(seen_as(role, order)) and "client" not in seen_as(role, order)


async def test_an_order_of_which_nobody_says_where_it_came_from_says_nothing(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 1}))).order
        async with parts.database.reading() as tx:
            facts = await tx.fetchval("SELECT string_agg(data::text, '') FROM order_events")
    assert "client" not in facts and "client" not in seen_as("admin", order)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
    ],
)
async def test_one_address_has_one_spelling(dsn: str, tmp_path: Path, written: str, kept: str) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        assert (await placed_from(parts, ip=written)).client == orders.events.Client(kept)


@pytest.mark.parametrize("wrong", ["203.0.113", "1.2.3.256", ":::", "abcd"])
async def test_what_is_no_address_is_refused(dsn: str, tmp_path: Path, wrong: str) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        with pytest.raises(Refused) as refusal:
            await placed_from(parts, ip=wrong)
        assert refusal.value.code == "invalid_ip"

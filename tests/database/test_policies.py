"""Policies on a real PostgreSQL: versions that all stay, two who write at once, and a house that goes by what was written."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from haat.app import desks
from haat.domain import orders
from haat.domain.orders.validation import ValueLimits
from haat.engine import policies
from haat.engine.changes import Memory
from haat.engine.database import Database
from haat.engine.policies import Policies
from haat.flows import allocating, fulfilling, paying
from haat.kernel.errors import Refused
from tests.database import trading
from tests.domain.orders.goods_cases import FIRST, accepted, at, told

events = orders.events

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
HOUR = paying.Policy(pay_within=timedelta(hours=1))


async def put(database: Database, policy: paying.Policy, *, by: str = "admin:1", expected: int | None = None) -> policies.PolicyVersion:
    async with database.transaction() as tx:
        return await policies.put(tx, "payment", policy, by=by, now=NOW, expected=expected)


async def test_a_policy_changes_by_versions_that_all_stay(database: Database) -> None:
    first = await put(database, HOUR, expected=0)
    assert (first.version, first.policy["pay_within"], first.by) == (1, "PT3600S", "admin:1")
    assert await put(database, HOUR, by="admin:2", expected=1) == first, "nothing changed"
    with pytest.raises(Refused, match="stale"):
        await put(database, paying.Policy(), expected=0)
    await put(database, paying.Policy(), by="admin:2", expected=1)
    async with database.reading() as tx:
        assert [(v.version, v.by) for v in await policies.versions(tx, "payment")] == [(2, "admin:2"), (1, "admin:1")]


async def test_of_two_admins_who_saw_the_same_policy_one_is_told_to_look_again(database: Database) -> None:
    spans = [paying.Policy(pay_within=timedelta(hours=n)) for n in (2, 3)]
    done = await asyncio.gather(*[put(database, each, expected=0) for each in spans], return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["PolicyVersion", "Refused"]


async def test_every_process_goes_by_the_new_policy_once_it_heard_of_it(database: Database) -> None:
    memory = Memory(database)
    policy = Policies(memory, desks.POLICIES).of("payment", paying.Policy)
    await memory.start()
    try:
        assert policy() == paying.Policy()
        await put(database, HOUR)
        await memory.catch_up()
        assert policy() == HOUR
    finally:
        await memory.stop()


async def test_what_of_a_policy_cannot_be_read_any_more_is_complained_of_and_the_rest_stands(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.transaction() as tx:
        written = """{"pay_within": "soon", "attempts_max": 3, "of_a_later_release": true}"""
        await tx.execute("INSERT INTO policies VALUES ('payment', 1, $1::text::json, 'admin:1', $2)", written, NOW)
    memory = Memory(database)
    policy = Policies(memory, desks.POLICIES).of("payment", paying.Policy)
    with caplog.at_level(logging.ERROR):
        await memory.start()
    await memory.stop()
    assert policy() == paying.Policy(attempts_max=3)
    assert [record.getMessage() for record in caplog.records] == ["a policy does not fit any more"]
    async with database.reading() as tx:
        shown = (await policies.in_force(tx, desks.POLICIES))["payment"]
    assert (shown.version, msgspec.convert(shown.policy, paying.Policy)) == (1, policy()), "what is shown is what is in force"
    assert (await put(database, HOUR, expected=1)).version == 2, "and somebody can write it anew"


async def test_what_is_decided_of_allocation_money_and_goods_is_obeyed(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ruled: list[Callable[[], allocating.Policy]] = []
    flow_of = allocating.flow
    monkeypatch.setattr(allocating, "flow", lambda sourcer, policy: ruled.append(policy) or flow_of(sourcer, policy))
    async with trading.market(dsn, tmp_path) as parts:
        async with parts.database.transaction() as tx:
            await policies.put(tx, "fulfilment", fulfilling.Policy(tries_max=1), by="admin:1", now=NOW)
            await policies.put(tx, "payment", HOUR, by="admin:1", now=NOW)
            await policies.put(tx, "allocation", allocating.Policy(ask=True), by="admin:1", now=NOW)
        await parts.memory.catch_up()
        assert (ruled[-1](), parts.desks.paying.policy()) == (allocating.Policy(ask=True), HOUR)
        flow = {flow.code: flow for flow in parts.desks.flows()}["fulfilment"]
        failed = events.OrderDeliveryFailed(FIRST, "not_at_home")
        order = told(at(accepted(), "out_for_delivery"), [failed])
        assert "give_up" in [step.name for step in flow.decide(order, failed)], "one try was enough"


async def test_an_order_beyond_what_was_decided_is_refused_and_was_taken_before(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await trading.place(parts, trading.body({"TEA": 1}))).order
        bound = orders.Policy(values=ValueLimits(cod_max=order.totals.grand - 1))
        async with parts.database.transaction() as tx:
            await policies.put(tx, "orders", bound, by="admin:1", now=NOW)
        await parts.memory.catch_up()
        with pytest.raises(Refused) as refused:
            await trading.place(parts, trading.body({"TEA": 1}, phone="01812345678"))
        assert refused.value.code == "cod_ceiling"
        assert (await trading.place(parts, trading.body({"TEA": 1}, phone="01812345678", payment_method="bkash"))).order.status == "placed"


@pytest.mark.parametrize(
    ("code", "policy"),
    [
        ("payment", {"pay_within": "PT10S"}),
        ("payment", {"attempts_max": 0}),
        ("fulfilment", {"silent_after": "PT1M"}),
        ("fulfilment", {"remind_at": 1.0}),
        ("allocation", {"rejections_max": 0}),
        ("orders", {"unresolved_address": "perhaps"}),
        ("orders", {"values": {"cod_max": -1}}),
        ("orders", {"values": {"least": 2, "most": 1}}),
        ("fulfilment", {"retry_after": "PT24H"}),
        ("payment", {"renew_before": "P7D"}),
    ],
)
def test_what_makes_no_sense_does_not_become_a_policy(code: str, policy: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(policy, desks.POLICIES[code])


def test_a_policy_is_read_only_as_what_it_is(database: Database) -> None:
    found = Policies(Memory(database), desks.POLICIES)
    with pytest.raises(TypeError):
        found.of("payment", fulfilling.Policy)

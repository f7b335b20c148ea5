"""Declared fallbacks of connections on a real PostgreSQL: what may be declared, what is kept, and who is passed over."""

import msgspec
import pytest

from haat.engine.changes import Memory
from haat.engine.database import Database
from haat.engine.outside import Book, connections
from haat.kernel.errors import Refused
from tests.contracts.gateway_samples import NOW
from tests.database.test_connections import KINDS, VAULT, a_sheet, put

COURIERS = {**KINDS, "courier": {"cod": KINDS["gateway"]["cod"]}}  # a plug-in is a plug-in: here its kind alone matters


async def test_a_fallback_that_is_nobody_of_another_kind_or_itself_is_refused_by_name(database: Database) -> None:
    async with database.transaction() as tx:
        rider = a_sheet(kind="courier", plugin="cod", config={}, secrets={})
        await connections.put(tx, {"rider": rider}, COURIERS, VAULT, now=NOW)
    for fallback in ("nobody", "rider", "cards"):
        with pytest.raises(Refused, match="unknown_fallback") as refused:
            await put(database, fallback=fallback)
        assert refused.value.data == {"connection": "cards", "fallback": fallback}
    with pytest.raises(msgspec.ValidationError):
        a_sheet(fallback="Not a code")
    async with database.reading() as tx:
        assert set(await connections.everything(tx, COURIERS, VAULT)) == {"rider"}


async def test_connections_of_one_call_may_fall_back_on_each_other_and_the_change_is_told(database: Database) -> None:
    async with database.transaction() as tx:
        sheets = {"one": a_sheet(fallback="two"), "two": a_sheet(fallback="one")}
        stored = await connections.put(tx, sheets, KINDS, VAULT, now=NOW)
        assert [(each.code, each.fallback) for each in stored.values()] == [("one", "two"), ("two", "one")]
        assert (await connections.load(tx, "one", KINDS, VAULT)).fallback == "two"
    assert (await put(database, "one")).fallback == "", "left out, there is none"
    async with database.reading() as tx:
        told = await tx.fetchrow("SELECT before, after FROM configuration_changes WHERE kind = 'connections' ORDER BY id DESC LIMIT 1")
    assert [msgspec.json.decode(each).get("fallback") for each in told] == ["two", ""]


async def test_a_fallback_that_is_switched_off_is_passed_over_for_its_own(database: Database) -> None:
    memory = Memory(database)
    book = Book(memory, KINDS, VAULT)
    await memory.start()
    async with database.transaction() as tx:
        sheets = {"one": a_sheet(fallback="two"), "two": a_sheet(active=False, fallback="three"), "three": a_sheet()}
        await connections.put(tx, sheets, KINDS, VAULT, now=NOW)
    await memory.catch_up()
    active = {each.code for each in book.active("gateway")}
    assert (book.stand_in("one", active), book.stand_in("three", active), book.stand_in("nobody", active)) == ("three", "", "")
    await memory.stop()

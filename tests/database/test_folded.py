"""Orders that a process knows: what was told since is folded on, and what was never committed is never believed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from haat.domain import orders
from haat.domain.orders import events
from haat.engine.database import Row, Tx
from haat.engine.journal import Append, Journal
from haat.kernel.facts import Origin, Recorded
from tests.database import trading
from tests.domain.orders.histories import NOW

SHOP = Origin("admin:1", "api")


class Counted(Journal):
    """A journal that counts the facts that it hands out."""

    def __init__(self) -> None:
        super().__init__(events.decode)
        self.told = 0

    def _by_order(self, rows: Sequence[Row]) -> dict[str, list[Recorded]]:
        found = super()._by_order(rows)
        self.told += sum(map(len, found.values()))
        return found


async def note(tx: Tx, order: orders.Order, text: str) -> None:
    await Journal(events.decode).append(tx, [Append(order.id, order.version, (events.OrderNoted(text),), NOW, SHOP)])


async def test_only_what_was_told_since_is_read(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        placed = (await trading.place(parts, trading.body({"TEA": 1}))).order
        journal = Counted()
        folded = orders.Folded(journal)
        async with parts.database.reading() as tx:
            assert await folded.read(tx, [placed.id]) == {placed.id: placed}
            first = journal.told
            assert await folded.read(tx, [placed.id]) == {placed.id: placed}
            assert journal.told == first > 1
        async with parts.database.transaction() as tx:
            await note(tx, placed, "told since")
        async with parts.database.reading() as tx:
            now = (await folded.read(tx, [placed.id]))[placed.id]
            assert now == (await orders.read(parts.journal, tx, [placed.id]))[placed.id]
        assert [each.text for each in now.notes] == ["told since"]
        assert journal.told == first + 1


async def test_what_a_transaction_wrote_itself_is_not_known_before_its_commit(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        placed = (await trading.place(parts, trading.body({"TEA": 1}))).order
        folded = orders.Folded(parts.journal)
        with pytest.raises(ZeroDivisionError):
            async with parts.database.transaction() as tx:
                await note(tx, placed, "never")
                assert len((await folded.read(tx, [placed.id]))[placed.id].notes) == 1  # it sees what it wrote
                raise ZeroDivisionError
        async with parts.database.transaction() as tx:
            await note(tx, placed, "another")
        async with parts.database.reading() as tx:
            assert [each.text for each in (await folded.read(tx, [placed.id]))[placed.id].notes] == ["another"]


@pytest.mark.parametrize("same_version", [True, False])
async def test_a_state_that_the_journal_does_not_bear_out_is_read_anew(dsn: str, tmp_path: Path, same_version: bool) -> None:
    """As after a database was set back to an hour ago: the version is there, and it is another."""
    async with trading.market(dsn, tmp_path) as parts:
        placed = (await trading.place(parts, trading.body({"TEA": 1}))).order
        folded = orders.Folded(parts.journal)
        lost = orders.after(placed, [events.OrderNoted("lost with the old database")], at=NOW.replace(year=2031))
        folded.remember([lost])
        if same_version:
            async with parts.database.transaction() as tx:
                await note(tx, placed, "another")
        async with parts.database.reading() as tx:
            for _ in range(2):
                found = await folded.read(tx, [placed.id])
                assert found == await orders.read(parts.journal, tx, [placed.id])
                assert await folded.streams(tx, {placed.id: 2})


async def test_a_walk_begins_behind_a_state_that_is_old_enough(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        placed = (await trading.place(parts, trading.body({"TEA": 1}))).order
        folded = orders.Folded(parts.journal)
        async with parts.database.reading() as tx:
            assert (await folded.streams(tx, {placed.id: placed.version}))[placed.id][0] is None
            folded.remember([placed])
            begun, stream = (await folded.streams(tx, {placed.id: placed.version}))[placed.id]
            assert begun is None
            assert [each.version for each in stream] == list(range(1, placed.version + 1))
            begun, stream = (await folded.streams(tx, {placed.id: placed.version + 1}))[placed.id]
            assert (begun, stream) == (placed, [])


async def test_those_used_longest_ago_are_forgotten_and_ended_ones_first(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        found = [(await trading.place(parts, trading.body({"TEA": 1}, phone=f"0171234567{n}"))).order for n in range(3)]
        journal = Counted()
        folded = orders.Folded(journal, size_max=2)
        folded.remember(found)
        async with parts.database.reading() as tx:
            assert list(await folded.read(tx, [found[1].id, found[2].id])) == [found[1].id, found[2].id]
            assert journal.told == 0
            assert await folded.read(tx, [found[0].id]) == {found[0].id: found[0]}
            assert journal.told == found[0].version
            folded.remember([orders.after(found[0], [events.OrderCancelled((), "customer", 0)], at=NOW), found[1]])
            assert await folded.read(tx, [found[2].id, found[1].id]) == {each.id: each for each in found[1:]}
        assert journal.told == found[0].version

"""Where couriers go, what they take and how their parcels fared, on a real PostgreSQL."""

from datetime import UTC, date, datetime, timedelta

import pytest

from haat.domain import fulfilment
from haat.domain.fulfilment import choosing
from haat.domain.fulfilment.choosing import Carrier, Need
from haat.domain.fulfilment.courier import Area, Capabilities
from haat.domain.fulfilment.fleet import CourierConditions, CourierRule, Coverage, Record, Tariff
from haat.kernel.errors import Refused

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
MONTH = date(2026, 11, 1)


async def fleet_of(database):
    async with database.reading() as tx:
        return await fulfilment.load_fleet(tx, since=date(2026, 6, 1))


async def test_what_was_written_is_what_choosing_reads(database):
    async with database.transaction() as tx:
        places = [Coverage("sylhet", zone_id="1"), Coverage("sylhet", "sylhet.sadar", "Zinda Bazar", zone_id="3", name="Zindabazar")]
        assert await fulfilment.put_coverage(tx, "pathao-main", places, now=NOW) == 2
        assert await fulfilment.put_coverage(tx, "pathao-main", places, now=NOW) == 0
        assert await fulfilment.put_tariffs(tx, "pathao-main", [Tariff("outside", 12_000, days=(3, 5)), Tariff("*", 9_000)], now=NOW) == 2
        rule = CourierRule("cod", conditions=CourierConditions(cash=True), forbid=("redx-main",))
        assert await fulfilment.put_courier_rules(tx, [rule], now=NOW) == {"cod": 1}
    known = await fleet_of(database)
    carriers = [Carrier(code=code, capabilities=Capabilities(lookup="hook")) for code in ("pathao-main", "redx-main")]
    need = Need(zone="outside", district="sylhet", upazila="sylhet.sadar", area="zinda bazar", cash=50_000)
    choice = choosing.choose(known, carriers, need)
    assert (choice.courier, choice.area, choice.rule, choice.rule_version) == ("pathao-main", Area("", "3", "", "Zindabazar"), "cod", 1)
    async with database.transaction() as tx:
        assert await fulfilment.drop_coverage(tx, "pathao-main", "sylhet") == 2
    assert (await fleet_of(database)).areas == {}


async def test_a_rule_that_somebody_else_changed_is_stale(database):
    async with database.transaction() as tx:
        await fulfilment.put_courier_rules(tx, [CourierRule("a")], now=NOW)
        assert await fulfilment.put_courier_rules(tx, [CourierRule("a", version=7)], now=NOW) == {"a": 1}
        assert await fulfilment.put_courier_rules(tx, [CourierRule("a", active=False)], now=NOW, expected={"a": 1}) == {"a": 2}
        with pytest.raises(Refused, match="stale"):
            await fulfilment.put_courier_rules(tx, [CourierRule("a")], now=NOW, expected={"a": 1})
        assert [(rule.code, rule.active, rule.version) for rule in await fulfilment.courier_rules(tx)] == [("a", False, 2)]


async def shipment(tx, n, *, status, days, district="sylhet", courier="redx-main"):
    ended = datetime(2026, 11, 20, 6, tzinfo=UTC)
    await tx.execute(
        """INSERT INTO shipments (parcel, order_id, number, vendor_order, vendor, location, district, upazila, status, courier,
             shipped_at, delivered_at, ended_at, updated_at)
           VALUES ($1, $1, 'N', $1, 'v', 'l', $2, 'u', $3, $4, $5, $6, $7, $7)""",
        f"00000000-0000-7000-8000-{n:012d}",
        district, status, courier, ended - timedelta(days=days), ended if status == "delivered" else None, ended,
    )  # fmt: skip


async def test_records_are_what_the_shipments_say_and_the_same_again_changes_nothing(database):
    async with database.transaction() as tx:
        for n, (status, days) in enumerate(
            [("delivered", 2), ("delivered", 2), ("delivered", 40), ("returned", 9), ("lost", 9), ("delivered", 1)]
        ):
            await shipment(tx, n, status=status, days=days, district="sylhet" if n < 5 else "dhaka")
        assert await fulfilment.refresh_records(tx, since=date(2026, 11, 15)) == 2
        assert await fulfilment.refresh_records(tx, since=date(2026, 11, 15)) == 0
        found = await fulfilment.records(tx, since=MONTH)
    assert found == [Record("redx-main", "sylhet", "u", 3, 1, 1), Record("redx-main", "dhaka", "u", 1, 0, 0)]
    known = await fleet_of(database)
    assert known.records["redx-main", "sylhet", "u"].days == (0, 0, 2) + (0,) * 12 + (1,)
    assert known.records["redx-main", "", ""].delivered == 4

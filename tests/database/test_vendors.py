"""Vendors on a real PostgreSQL."""

from datetime import UTC, date, datetime

import pytest

from haat.domain import vendors
from haat.kernel.errors import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_sheet(code="aarong", **fields):
    return vendors.VendorSheet(**({"code": code, "name_en": "Aarong", "name_bn": "আড়ং", "city": "dhaka", "zone": "dhaka"} | fields))


async def store(database, *sheets, **how):
    async with database.transaction() as tx:
        return await vendors.upsert(tx, sheets, now=NOW, **how)


async def move(database, *moves):
    async with database.transaction() as tx:
        return await vendors.move(tx, moves, by="admin:1", now=NOW)


async def test_a_vendor_comes_back_as_it_was_written(database):
    hours = tuple(vendors.Hours(weekday, 600, 1_200) for weekday in range(5))
    sheet = a_sheet(hours=hours, closures=(vendors.Closure(date(2026, 3, 20), date(2026, 3, 23)),), phone="+8801700000001", holiday=True)
    stored = (await store(database, sheet))["aarong"]
    assert (stored.hours, stored.closures, stored.holiday, stored.status, stored.version) == (hours, sheet.closures, True, "invited", 1)
    async with database.reading() as tx:
        assert await vendors.load_all(tx) == {"aarong": stored}


async def test_how_a_vendor_works_is_kept_with_it(database):
    works = vendors.Handling(auto_accept=True, acceptance_hours=4, cutoff=16 * 60)
    stored = (await store(database, a_sheet()))["aarong"]
    assert stored.handling == vendors.Handling()
    changed = (await store(database, a_sheet(handling=works)))["aarong"]
    assert (changed.handling, changed.version) == (works, 2)


async def test_saying_the_same_again_changes_nothing_and_a_change_keeps_the_status(database):
    await store(database, a_sheet(), initially="approved")
    assert (await store(database, a_sheet()))["aarong"].version == 1
    changed = (await store(database, a_sheet(city="sylhet")))["aarong"]
    assert (changed.version, changed.status, changed.city) == (2, "approved", "sylhet")


async def test_a_vendor_that_somebody_else_changed_is_stale(database):
    await store(database, a_sheet())
    with pytest.raises(Refused, match="stale"):
        await store(database, a_sheet(city="sylhet"), expected={"aarong": 7})


async def test_every_step_of_a_vendors_life_is_remembered(database):
    await store(database, a_sheet())
    for status in ("onboarding", "in_review", "approved", "approved"):
        await move(database, vendors.Move("aarong", status))
    await move(database, vendors.Move("aarong", "suspended", "unpaid fees"))
    async with database.reading() as tx:
        steps = await vendors.history(tx, "aarong")
        assert [(step.from_status, step.to_status, step.reason) for step in steps[:2]] == [
            ("approved", "suspended", "unpaid fees"),
            ("in_review", "approved", ""),
        ]
        assert len(steps) == 4
        assert (await vendors.vendor(tx, "aarong")).status == "suspended"


async def test_one_refused_move_refuses_the_call(database):
    await store(database, a_sheet(), a_sheet("yellow"))
    with pytest.raises(Refused, match="vendor_transition"):
        await move(database, vendors.Move("aarong", "onboarding"), vendors.Move("yellow", "approved"))
    with pytest.raises(Refused, match="unknown_vendor"):
        await move(database, vendors.Move("ghost", "onboarding"))
    async with database.reading() as tx:
        assert (await vendors.vendor(tx, "aarong")).status == "invited"


async def test_the_numbers_for_the_law_are_kept_apart(database):
    await store(database, a_sheet())
    kyc = vendors.Kyc(bin="123456789-0101", tin="123456789012", trade_licence="TRAD/1", dbid="DBID-1", nid="1234567890")
    async with database.transaction() as tx:
        await vendors.keep_kyc(tx, "aarong", kyc, by="vendor:aarong", now=NOW)
    async with database.reading() as tx:
        assert await vendors.kyc(tx, "aarong") == kyc
        assert await vendors.kyc(tx, "yellow") is None
        assert "123456789" not in repr(await vendors.load_all(tx))
        assert "123456789" not in str(await tx.fetch("SELECT keys FROM reference_changes"))
    with pytest.raises(Refused, match="unknown_vendor"):
        async with database.transaction() as tx:
            await vendors.keep_kyc(tx, "ghost", kyc, by="admin:1", now=NOW)


async def test_vendors_are_listed_by_status_and_city(database):
    await store(database, a_sheet("a"), a_sheet("b", city="sylhet"), a_sheet("c"))
    await move(database, vendors.Move("c", "onboarding"))
    async with database.reading() as tx:
        assert [vendor.code for vendor in await vendors.find(tx, status="invited")] == ["a", "b"]
        assert [vendor.code for vendor in await vendors.find(tx, city="dhaka", after="a")] == ["c"]

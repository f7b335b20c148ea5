"""Keys, customers and blocks on a real PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from haat.domain import people

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_id(n):
    return f"01890a5d-ac96-774b-bcce-{n:012x}"


async def issue(database, n=1, **fields):
    order = people.KeyOrder(**({"id": an_id(n), "role": "vendor", "subject": "aarong", "scopes": ("orders:*",)} | fields))
    async with database.transaction() as tx:
        return await people.issue_key(tx, order, entropy=bytes([n]) * 32, by="admin:1", now=NOW)


async def test_a_key_is_found_by_its_hash_and_kept_nowhere(database):
    issued = await issue(database, rate_per_minute=600)
    digest = people.hash_of(issued.secret)
    async with database.reading() as tx:
        key = (await people.keys_by_hash(tx, [digest, b"x" * 32]))[digest]
        kept = await tx.fetchval("SELECT api_keys::text FROM api_keys")
    assert (key, key.rate_per_minute) == (issued.key, 600)
    assert people.check_usable(key, now=NOW) == people.Principal("vendor", "aarong", ("orders:*",), an_id(1))
    assert issued.secret not in kept
    assert issued.secret not in repr(issued)


async def test_a_revoked_key_is_dropped_from_every_memory(database):
    issued = await issue(database)
    name = f"key:{people.hash_of(issued.secret).hex()}"
    for later in (NOW, NOW + timedelta(days=1)):
        async with database.transaction() as tx:
            (revoked,) = await people.revoke_keys(tx, [issued.key.id], by="admin:1", now=later)
        assert revoked.revoked_at == NOW
    async with database.reading() as tx:
        assert (await people.cached_keys(tx, [name]))[name].revoked_at == NOW
        assert await tx.fetchval("SELECT keys FROM reference_changes WHERE kind = 'people' ORDER BY position LIMIT 1") == [name]


async def test_use_is_noted_and_never_goes_back(database):
    issued = await issue(database)
    for at in (NOW, NOW - timedelta(hours=1)):
        async with database.transaction() as tx:
            await people.note_use(tx, {issued.key.id: at})
    async with database.reading() as tx:
        assert [key.used_at for key in await people.keys(tx)] == [NOW]


async def test_keys_are_listed_by_whom_they_speak_for(database):
    await issue(database, 1)
    await issue(database, 2, subject="yellow")
    await issue(database, 3, role="admin", subject="")
    async with database.reading() as tx:
        assert [key.subject for key in await people.keys(tx, role="vendor")] == ["aarong", "yellow"]
        assert [key.id for key in await people.keys(tx, after=an_id(1), limit=1)] == [an_id(2)]
        assert [key.role for key in await people.keys(tx, subject="")] == ["admin"]


def a_customer(n, **fields):
    return people.CustomerSheet(**({"id": an_id(n), "phone": f"+88017000000{n:02}"} | fields))


async def know(database, *sheets, now=NOW):
    async with database.transaction() as tx:
        return await people.upsert_customers(tx, sheets, now=now)


async def test_a_customer_is_known_again_by_phone_and_keeps_what_is_not_said_again(database):
    (first,) = await know(database, a_customer(1, name="Rahim", email="R@x.example"))
    (again,) = await know(database, a_customer(1, id=an_id(9), group="gold"))
    assert (again.id, again.name, again.email, again.group) == (first.id, "Rahim", "r@x.example", "gold")
    async with database.reading() as tx:
        assert await people.customers(tx, [first.id, an_id(9)]) == {first.id: again}
        assert await people.customers_by_phone(tx, [first.phone]) == {first.phone: again}


async def test_answers_stand_in_the_order_of_the_questions(database):
    found = await know(
        database, a_customer(3), a_customer(1), a_customer(2, phone=None, reference="olist:2"), a_customer(3, name="Last word")
    )
    assert [customer.id for customer in found] == [an_id(3), an_id(1), an_id(2), an_id(3)]
    assert found[0].name == "Last word"


async def test_a_customer_of_another_system_who_tells_a_phone_stays_the_same_customer(database):
    (before,) = await know(database, a_customer(1, phone=None, reference="olist:1", name="Maria"))
    (after,) = await know(database, a_customer(2, reference="olist:1"))
    assert (after.id, after.name, after.phone) == (before.id, "Maria", "+8801700000002")


async def test_a_reference_stays_with_the_phone_that_had_it_first(database):
    (first,) = await know(database, a_customer(1, reference="daraz:1"))
    (other,) = await know(database, a_customer(2, reference="daraz:1"))
    assert (other.id, other.reference) == (an_id(2), None)
    async with database.reading() as tx:
        assert (await people.customers_by_reference(tx, ["daraz:1"]))["daraz:1"].id == first.id


async def test_many_who_meet_the_same_new_customers_at_once_agree_on_them(database):
    rounds = await asyncio.gather(*(know(database, *(a_customer(n, id=an_id(100 * turn + n)) for n in range(20))) for turn in range(1, 6)))
    assert len({tuple(customer.id for customer in found) for found in rounds}) == 1


async def test_a_block_stands_until_its_term_or_until_somebody_lifts_it(database):
    order = people.BlockOrder(id=an_id(1), kind="phone", value="+8801700000001", reason="fake orders", until=NOW + timedelta(days=30))
    async with database.transaction() as tx:
        await people.block(tx, [order], by="admin:1", now=NOW)
        (block,) = await people.block(
            tx, [people.BlockOrder(id=an_id(2), kind="phone", value="+8801700000001", reason="again")], by="admin:2", now=NOW
        )
        assert (block.id, block.reason, block.until) == (an_id(1), "again", None)
    buyer = people.Buyer(phone="+8801700000001")
    async with database.reading() as tx:
        assert (await people.load_blocks(tx)).match(buyer, now=NOW) == block
        assert await people.standing_blocks(tx, now=NOW) == [block]
    async with database.transaction() as tx:
        assert await people.lift(tx, [block.id], by="admin:1", now=NOW) == 1
        assert await people.lift(tx, [block.id], by="admin:1", now=NOW) == 0
    async with database.reading() as tx:
        assert (await people.load_blocks(tx)).match(buyer, now=NOW) is None


@pytest.mark.parametrize("verb", ["upsert_customers", "block"])
async def test_nothing_asked_is_nothing_done(database, verb):
    async with database.transaction() as tx:
        done = await (people.upsert_customers(tx, [], now=NOW) if verb == "upsert_customers" else people.block(tx, [], by="x", now=NOW))
    assert done == []

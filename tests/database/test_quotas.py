"""Counted limits: never one more than the cap, whoever comes at once and in whatever order they name them."""

import asyncio
from random import Random

from haat.engine import quotas
from haat.engine.database import Database
from haat.engine.quotas import Claim


async def take(database: Database, claims: list[Claim]) -> bool:
    """One committer's transaction that takes the claims or nothing."""
    async with database.transaction() as tx:
        used = await quotas.lock(tx, claims)
        if quotas.admit(used, claims) is not None:
            return False
        await quotas.record(tx, {claim.key: claim.amount for claim in claims})
        return True


async def used(database: Database) -> dict[str, int]:
    async with database.reading() as tx:
        return dict(await tx.fetch("SELECT key, used FROM quotas"))


async def test_forty_who_want_one_of_ten_get_ten(database: Database) -> None:
    taken = await asyncio.gather(*[take(database, [Claim("coupon:EID", 1, 10)]) for _ in range(40)])
    assert sum(taken) == 10
    assert await used(database) == {"coupon:EID": 10}


async def test_those_who_name_the_same_limits_in_other_orders_wait_and_never_deadlock(database: Database) -> None:
    random = Random(1)
    keys = [f"limit:{n}" for n in range(6)]

    async def one() -> list[str]:
        chosen = random.sample(keys, 3)
        return chosen if await take(database, [Claim(key, 1, 15) for key in chosen]) else []

    taken = await asyncio.gather(*[one() for _ in range(60)])
    counted = {key: sum(key in chosen for chosen in taken) for key in keys}
    assert await used(database) == counted
    assert max(counted.values()) <= 15


async def test_what_is_given_back_can_be_taken_again(database: Database) -> None:
    assert await take(database, [Claim("a", 2, 2)])
    assert not await take(database, [Claim("a", 1, 2)])
    async with database.transaction() as tx:
        await quotas.record(tx, {"a": -1})
    assert await take(database, [Claim("a", 1, 2)])


async def test_a_cap_that_is_lowered_below_what_is_used_stops_the_next_and_breaks_nobody(database: Database) -> None:
    assert await take(database, [Claim("a", 5, 9)])
    assert not await take(database, [Claim("a", 1, 3)])
    assert await take(database, [Claim("a", 1, 6)])
    assert await used(database) == {"a": 6}

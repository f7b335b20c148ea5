"""The worker: what happens without being asked. Flows, followers of the journal, holds that end, what is forgotten.

    run(followers, chores, loops, stop)     until `stop`; a chore that fails is logged and tried again

Several workers at once are safe: one follower leads under its name (an advisory lock), holds are ended where nobody else
ends them (SKIP LOCKED), and forgetting twice forgets once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec

from haat.domain import carts, fulfilment, inventory
from haat.engine import changes, idempotency
from haat.engine.clock import Clock
from haat.engine.database import Crossed, Database, Lost
from haat.engine.followers import Follower
from haat.flows import allocating
from haat.kernel.errors import HaatError

log = logging.getLogger("haat.worker")
EXPIRE_EACH_S = 1.0
EXPIRE_AT_ONCE = 500
FORGET_EACH_S = 600.0
CHANGES_KEPT_HOURS = 24  # every process applies them within a second
CARTS_KEPT_DAYS = 90  # a cart that nobody touched for a season; its address and phone go with it
CARTS_AT_ONCE = 1000
ARRIVALS_EACH_S = 2.0
RECORDS_EACH_S = 3600.0  # success rates move slowly
RECORDS_CHANGE_FOR = timedelta(days=31)  # after which what is said of a parcel changes no record any more


class Chore(msgspec.Struct, frozen=True):
    """Something done every so often. `do` answers whether there is more to be done at once."""

    name: str
    every_s: float
    do: Callable[[], Awaitable[bool]]


#: (name, what runs until the event is set)
Loop = tuple[str, Callable[[asyncio.Event], Coroutine[Any, Any, None]]]


def chores(database: Database, clock: Clock) -> Sequence[Chore]:
    """All chores of a worker."""

    async def end_holds() -> bool:
        async with database.transaction() as tx:
            return await inventory.expire(tx, now=clock.now(), limit=EXPIRE_AT_ONCE) == EXPIRE_AT_ONCE

    async def call_waiting() -> bool:
        async with database.transaction() as tx:
            await allocating.hasten_waiting(tx, now=clock.now())
        return False

    async def forget_keys() -> bool:
        async with database.transaction() as tx:
            await idempotency.forget(tx, clock.now() - timedelta(hours=idempotency.KEPT_HOURS))
        return False

    async def forget_changes() -> bool:
        async with database.transaction() as tx:
            await changes.forget(tx, clock.now() - timedelta(hours=CHANGES_KEPT_HOURS))
        return False

    async def forget_carts() -> bool:
        async with database.transaction() as tx:
            return await carts.sweep(tx, before=clock.now() - timedelta(days=CARTS_KEPT_DAYS), limit=CARTS_AT_ONCE) == CARTS_AT_ONCE

    async def count_records() -> bool:
        async with database.transaction() as tx:
            await fulfilment.refresh_records(tx, since=(clock.now() - RECORDS_CHANGE_FOR).date())
        return False

    return [
        Chore("end holds", EXPIRE_EACH_S, end_holds),
        Chore("call orders whose goods have arrived", ARRIVALS_EACH_S, call_waiting),
        Chore("forget idempotency keys", FORGET_EACH_S, forget_keys),
        Chore("forget announced changes", FORGET_EACH_S, forget_changes),
        Chore("forget carts", FORGET_EACH_S, forget_carts),
        Chore("count how couriers' parcels fared", RECORDS_EACH_S, count_records),
    ]


async def run(followers: Sequence[Follower], chores: Sequence[Chore], loops: Sequence[Loop], stop: asyncio.Event) -> None:
    """Work until `stop`; what was begun is finished."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(follower.run(), name=f"follower {follower.name}") for follower in followers]
    tasks += [loop.create_task(repeat(chore, stop), name=chore.name) for chore in chores]
    tasks += [loop.create_task(until(stop), name=name) for name, until in loops]
    stopping = loop.create_task(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    broken = [task for task in tasks if task.done()]
    stop.set()
    for follower in followers:
        follower.stop()
    await asyncio.gather(stopping, *tasks, return_exceptions=True)
    for task in broken:
        task.result()  # a loop never ends by itself: say why, and let the supervisor start a new worker


async def repeat(chore: Chore, stop: asyncio.Event) -> None:
    """Do a chore again and again until `stop`."""
    while not stop.is_set():
        try:
            while await chore.do() and not stop.is_set():
                pass
        except Crossed as error:
            log.info("a chore crossed another writer and begins again", extra={"chore": chore.name, "error": type(error).__name__})
        except (*Lost, HaatError) as error:
            log.warning("a chore could not be done and waits for its next turn", extra={"chore": chore.name, "error": type(error).__name__})
        except Exception:
            log.exception("a chore failed and waits for its next turn", extra={"chore": chore.name})
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), chore.every_s)

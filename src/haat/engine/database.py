"""PostgreSQL: one pool per process with limits, and lanes of one connection for those who commit in groups.

A `Tx` is a connection inside a transaction that somebody above opened: verbs take it and never commit.
`Connection` loss shows as `Lost`; whether a commit that was under way took effect is then unknown, and the caller asks.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, TypeAlias, TypeVar

import asyncpg

from haat.kernel.errors import Unavailable

Tx: TypeAlias = asyncpg.Connection
Row: TypeAlias = asyncpg.Record
Found = TypeVar("Found")

#: The connection died (server restart, network): what was under way is in doubt.
Lost = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # what the driver says of a connection that died between two messages
    ConnectionError,
    TimeoutError,
    OSError,
)
#: Those of them that leave no doubt about the connection itself.
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
    ConnectionError,
)
#: Two writers met; the same work done again will go through.
Collided = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError, asyncpg.LockNotAvailableError)
#: Of two that wrote at once this one was chosen to begin again. No failure of anybody's.
Crossed = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
#: The statement can never succeed with this input: bad data, or a constraint that guards a promise.
Rejected = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
#: A value that no statement could ever store: a number or an instant beyond its column, a text that is no UTF-8.
Unstorable = (asyncpg.DataError, OverflowError, UnicodeEncodeError)

STATEMENT_TIMEOUT_S = 30  # far above any statement on the request path; imports set their own
CONNECT_TIMEOUT_S = 10
MEETINGS_MAX = 5  # with other writers, of one piece of work; each time one of them gets through
ROLLBACK_S = 5  # who does not answer that within this time will not answer at all
OWN_TYPES = 16_384  # numbers below are given by PostgreSQL's makers and mean the same in every database of a version
_TYPES: dict[tuple[int, frozenset[int]], Any] = {}
_NO_STATEMENT = SimpleNamespace(name="none was needed")
_SETTINGS = {"application_name": "haat", "timezone": "UTC", "jit": "off"}


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types of its own
    """Knows what other connections of this process were told about the server's own types, arrays for instance.

    The driver asks on every connection anew, 24 ms of the server's for each kind of statement: half a second until a pool is warm.
    """

    async def _introspect_types(self, typeoids: Collection[int], timeout: float | None) -> Any:  # noqa: ASYNC109 as the driver has it
        key = (self.get_server_version().major, frozenset(typeoids))
        if key in _TYPES:
            return _TYPES[key], _NO_STATEMENT
        types, statement = await super()._introspect_types(typeoids, timeout)
        if max(typeoids) < OWN_TYPES:
            _TYPES[key] = types
        return types, statement


async def retry(once: Callable[[], Awaitable[Found]]) -> Found:
    """What `once` returns, a transaction of its own; done again where it `Collided`, since its second look finds what the other wrote.

    Raises what the last of `MEETINGS_MAX` tries raised.
    """
    for _ in range(MEETINGS_MAX - 1):
        with suppress(*Collided):
            return await once()
    return await once()


async def connect(dsn: str, *, name: str = "haat") -> Tx:
    """One connection outside the pool. Raises one of `Lost` when the server is not there."""
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        statement_cache_size=1000,
        max_cached_statement_lifetime=0,
        server_settings=_SETTINGS | {"application_name": name},
        connection_class=_Connection,
    )


class Database:
    """The pool. `size` bounds the connections; who finds none within ten seconds gets `Unavailable`."""

    def __init__(self, dsn: str, pool: asyncpg.Pool) -> None:
        self.dsn = dsn
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, size: int = 10, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> "Database":
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=statement_timeout_s,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            reset=_as_it_is,
            connection_class=_Connection,
            # Questions have optional filters: a plan made for the filters that are set beats one made for any.
            server_settings=_SETTINGS | {"plan_cache_mode": "force_custom_plan"},
        )
        return cls(dsn, pool)

    async def close(self) -> None:
        """Close all connections; those in use are waited for, five seconds at the most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._pool.close(), 5)
            return
        self._pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection without a transaction, each statement sees its own moment."""
        try:
            connection = await self._pool.acquire(timeout=CONNECT_TIMEOUT_S)
        except Lost as error:
            raise Unavailable("database_unavailable", "The database cannot be reached.", retry_after_s=2) from error
        try:
            yield connection
        except Lost as error:
            if isinstance(error, _GONE) or _closed(connection):
                raise Unavailable("database_unavailable", "The database cannot be reached.", retry_after_s=2) from error
            raise
        finally:
            with suppress(*Lost):
                await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self, *, by: str = "") -> AsyncIterator[Tx]:
        """A transaction that commits when the block ends and rolls back when it raises.

        `by`: whose change of the configuration it is (`engine/configuration.py`); costs one statement.
        """
        async with self.reading() as connection, connection.transaction():
            if by:
                await connection.execute("SELECT set_config('haat.by', $1, true)", by)
            yield connection

    async def commit(self, work: Callable[[Tx], Awaitable[Found]]) -> Found:
        """What `work` returns, done in a transaction of its own and begun again where it meets another writer (`retry`)."""

        async def once() -> Found:
            async with self.transaction() as tx:
                return await work(tx)

        return await retry(once)

    def connections(self) -> tuple[int, int]:
        """(idle, busy) connections of the pool."""
        idle: int = self._pool.get_idle_size()
        return idle, self._pool.get_size() - idle

    async def ping(self) -> None:
        """Raise unless the database answers."""
        async with self.reading() as connection:
            await connection.fetchval("SELECT 1")


async def _as_it_is(connection: Tx) -> None:
    """Nobody here changes the session of a pooled connection, so nothing is put back, which would cost a round trip for each use.

    The driver itself ends a transaction that was left open. Who takes a lock of the session frees it or ends the connection.
    """


def _closed(connection: Tx) -> bool:
    """Whether a connection is of no use any more; the pool answers for those that it has taken back."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


class Lane:
    """One connection of one's own that comes back after a loss. Used by one coroutine at a time."""

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._name = name
        self._connection: Tx | None = None

    async def connection(self) -> Tx:
        """The living connection, made anew after a loss."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._dsn, name=self._name)
        return self._connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A transaction that commits when the block ends and rolls back when it raises.

        A lane whose connection failed in any of this begins anew, and the server rolls back by itself. What the caller writes
        down at the end of the block is known before the commit, whose answer may be lost.
        """
        tx = await self.connection()
        try:
            transaction = tx.transaction()
            await transaction.start()
            try:
                yield tx
            except Lost:
                raise
            except BaseException:
                await asyncio.wait_for(transaction.rollback(), ROLLBACK_S)
                raise
            await transaction.commit()
        except BaseException as error:
            if isinstance(error, Lost) or _closed(tx) or tx.is_in_transaction():
                await self.drop()
            raise

    async def drop(self) -> None:
        """Forget the connection; the next use makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(*Lost):
                await connection.close(timeout=2)


async def listen(dsn: str, channel: str, heard: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `heard` at every NOTIFY on `channel`, and after every reconnection (something may have been missed)."""
    while not stop.is_set():
        ended = asyncio.Event()
        try:
            connection = await connect(dsn, name=f"haat listen {channel}")
            connection.add_termination_listener(lambda _, ended=ended: ended.set())
            await connection.add_listener(channel, lambda *_: heard())
        except Lost:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)
            continue
        heard()
        waits = [asyncio.ensure_future(ended.wait()), asyncio.ensure_future(stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not connection.is_closed():
            with suppress(*Lost):
                await connection.close(timeout=2)

"""Group commit: requests that wait at the same moment are decided together and committed in one transaction.

    submit ─► queue ─► pump: take what waits ─► run (one transaction) ─► answers
                         ▲                            │
                         └── next batch is sent ◄─────┘   before the last batch's futures are resolved

An idle committer adds no delay: the first request wakes it and goes alone. Where others came while a batch was under way, the next
one begins `pace_s` after it at the earliest: a batch costs as much as four orders before the first order in it, and under load
that is worth more than the milliseconds (docs/decisions/018-pace.md). The queue is bounded; beyond it the asker is told
to come back. One request that the database refuses is found by halving the batch; its neighbours go through.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg

from haat.engine import metrics
from haat.engine.database import Collided, Lost, Rejected
from haat.kernel.errors import Broken, Unavailable

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")
log = logging.getLogger("haat.committer")

COLLISIONS_MAX = 20  # two committers that keep meeting on fresh keys; each round one of them gets through
SLICE = 4  # answers given out before the loop looks round again
LOST_PAUSE_S = 0.2
LOST_PATIENCE_S = 10  # a PostgreSQL restart takes less; a shopper waits no longer


class Committer(Generic[Ask, Answer]):
    """`run` takes a batch and returns one answer (or exception) each, in order; it opens and commits its own transaction.

    `run` must be repeatable: after a lost connection it is called again with the same asks and has to find out by itself
    whether its last commit took effect (the asks carry their ids). `lost` is told first, so that the next try has a new connection.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer | Exception]]],
        *,
        batch_max: int = 256,
        queue_max: int = 4096,
        pace_s: float = 0.0,
        lost: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self._run = run
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._pace_s = pace_s
        self._lost = lost
        self._queue: deque[tuple[Ask, asyncio.Future[Answer]]] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._pump: asyncio.Task[None] | None = None
        self._meter = metrics.committer(name)

    def start(self) -> None:
        self._pump = asyncio.get_running_loop().create_task(self._work(), name=f"committer {self.name}")

    async def stop(self) -> None:
        """Refuse what comes from now on, finish what was accepted, then end."""
        self._stopping = True
        self._wake.set()
        if self._pump is not None:
            await self._pump

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def submit(self, ask: Ask) -> "asyncio.Future[Answer]":
        """Queue one request. Raises `Unavailable` at once when the queue is full or the process is stopping."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.put(ask, future)
        return future

    def put(self, ask: Ask, future: "asyncio.Future[Answer]") -> None:
        """`submit` for somebody who waits already."""
        if self._stopping:
            raise Unavailable("stopping", "This server is stopping; another one will answer.", retry_after_s=1)
        if len(self._queue) >= self._queue_max:
            raise Unavailable("overloaded", "More is waiting than can be done at once; please try again.", retry_after_s=1)
        self._queue.append((ask, future))
        self._wake.set()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        queue = self._queue
        began = 0.0
        while True:
            if queue and not self._stopping and (left := began + self._pace_s - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            while not queue:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
            batch = [queue.popleft() for _ in range(min(len(queue), self._batch_max))]
            began = time.perf_counter()
            answers = await self._settle([ask for ask, _ in batch])
            self._meter.batch(len(batch), time.perf_counter() - began, len(queue))
            loop.call_soon(_resolve, loop, batch, answers, 0)

    async def _settle(self, asks: Sequence[Ask]) -> Sequence[Answer | Exception]:
        collisions = 0
        lost_at = 0.0
        while True:
            try:
                answers = await self._run(asks)
            except Collided as error:
                collisions += 1
                if collisions > COLLISIONS_MAX or (len(asks) > 1 and collisions > 3 and isinstance(error, asyncpg.UniqueViolationError)):
                    return await self._halve(asks, error)
            except Rejected as error:
                return await self._halve(asks, error)
            except Lost as error:
                if self._lost is not None:
                    await self._lost()
                now = time.monotonic()
                lost_at = lost_at or now
                if now - lost_at > LOST_PATIENCE_S:
                    log.warning("database lost", extra={"committer": self.name, "error": type(error).__name__})
                    gone = Unavailable("database_unavailable", "The database cannot be reached.", retry_after_s=2)
                    return [gone] * len(asks)
                await asyncio.sleep(LOST_PAUSE_S)
            except Exception as error:
                log.exception("a batch failed", extra={"committer": self.name, "size": len(asks)})
                return await self._halve(asks, error)
            else:
                if len(answers) != len(asks):
                    log.error("answers do not match asks", extra={"committer": self.name, "asks": len(asks), "answers": len(answers)})
                    return [Broken(f"{self.name}: {len(answers)} answers to {len(asks)} asks")] * len(asks)
                return answers

    async def _halve(self, asks: Sequence[Ask], error: Exception) -> Sequence[Answer | Exception]:
        if len(asks) == 1:
            return [error]
        middle = len(asks) // 2
        return [*await self._settle(asks[:middle]), *await self._settle(asks[middle:])]


def _resolve(
    loop: asyncio.AbstractEventLoop, batch: list[tuple[Ask, "asyncio.Future[Answer]"]], answers: Sequence[Answer | Exception], begin: int
) -> None:
    """Give the answers out, a few at a time: between two slices the loop looks at the database's socket, so that the next
    batch, which is under way already, never waits for a hundred replies to be written."""
    end = begin + SLICE
    for (_, future), answer in zip(batch[begin:end], answers[begin:end], strict=True):
        if future.done():
            continue  # the asker went away; the effect stands
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
    if end < len(batch):
        loop.call_soon(_resolve, loop, batch, answers, end)

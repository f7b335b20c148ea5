"""What is to happen later, by the world's clock: hooks, parcels on their way, buyers who come back from the kitchen.

`run` lets things happen at their time; with a turned clock `turn_to` lets everything until then happen at once, in order,
so that a month passes in a moment and twice in the same way.
"""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from haat_world.clock import Paced, Turned

log = logging.getLogger("haat_world.agenda")
Action = Callable[[], Awaitable[None]]


class Agenda:
    """Actions by due time; those due at the same instant in the order in which they were entered."""

    def __init__(self, clock: Paced) -> None:
        self.clock = clock
        self._due: list[tuple[datetime, int, Action]] = []
        self._numbers = itertools.count()
        self._woken = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many things are still to happen or happening."""
        return len(self._due) + len(self._running)

    def after(self, span: timedelta, action: Action) -> None:
        self.at(self.clock.now() + span, action)

    def at(self, instant: datetime, action: Action) -> None:
        heapq.heappush(self._due, (instant, next(self._numbers), action))
        self._woken.set()

    async def run(self) -> None:
        """Let everything happen at its time, side by side, until cancelled."""
        try:
            while True:
                self._woken.clear()
                while self._due and self._due[0][0] <= self.clock.now():
                    task = asyncio.create_task(_guarded(heapq.heappop(self._due)[2]))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
                pause = self.clock.wall_s(self._due[0][0]) if self._due else None
                try:
                    await asyncio.wait_for(self._woken.wait(), None if pause is None else max(pause, 0.002))
                except TimeoutError:
                    continue
        finally:
            for task in self._running:
                task.cancel()

    async def turn_to(self, instant: datetime) -> None:
        """Everything due until `instant` has happened, one after the other. For a turned clock."""
        assert isinstance(self.clock, Turned), "a clock that runs by itself cannot be turned"
        while self._due and self._due[0][0] <= instant:
            due, _, action = heapq.heappop(self._due)
            self.clock.turn_to(due)
            await _guarded(action)
        self.clock.turn_to(instant)


async def _guarded(action: Action) -> None:
    """One broken action does not end the world."""
    try:
        await action()
    except Exception:
        log.exception("an action of the world broke")

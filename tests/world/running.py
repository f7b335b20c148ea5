"""A small world that runs on a real port, with a clock that the test turns, and an address that keeps what its parties send."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from haat_world import app, books
from haat_world.clock import Turned
from haat_world.faults import Faults
from haat_world.line import Line, Reply
from haat_world.world import Habits, World

NEW_YEAR = datetime(2026, 1, 1, 3, tzinfo=UTC)
SOUND = {"webhook": 0.0}  # the receiver of the tests is sound, whatever befalls the senders


class Running(msgspec.Struct):
    """A world and a line of the test's own to it."""

    world: World
    line: Line
    url: str
    tokens: dict[str, str] = {}

    async def turn(self, **span: float) -> None:
        await self.world.agenda.turn_to(self.world.now() + timedelta(**span))

    async def post(self, path: str, value: Any, **headers: str) -> Any:
        return (await self.answer("POST", path, value, **headers)).json()

    async def get(self, path: str, **headers: str) -> Any:
        return (await self.answer("GET", path, None, **headers)).json()

    async def answer(self, method: str, path: str, value: Any = None, **headers: str) -> Reply:
        return await self.line.json(method, self.url + path, value, **headers)

    def told(self) -> list[Any]:
        """The bodies of all that the parties sent, in the order in which they arrived."""
        return [msgspec.json.decode(message.text) for message in self.world.truth.messages if message.kind == "webhook"]


@contextlib.asynccontextmanager
async def a_world(
    *, seed: int = 7, faults: Faults | None = None, mail: bool = False, kept: Path | None = None, **habits: Any
) -> AsyncIterator[Running]:
    """Without `faults` nothing goes wrong."""
    calm = Habits(**({"refusal": 0.0, "absence": 0.0, "partial": 0.0, "loss": 0.0, "risky": 0.0} | habits))
    chosen = msgspec.structs.replace(faults or Faults(), by_party=SOUND | dict((faults or Faults()).by_party))
    world = World(seed=seed, clock=Turned(NEW_YEAR), line=Line(), faults=chosen, habits=calm)
    if kept is not None:
        books.read(world, kept)
    line = Line(limit_s=10)
    async with app.served(world, mail=mail) as url:
        world.hooks = {party: f"{url}/webhook/{party}" for party in app.PARTIES}
        try:
            yield Running(world, line, url)
        finally:
            await line.close()

"""Messages from the parties to Haat: sent at their time, doubled, late, lost or contradicted, and repeated until they are taken.

A party gives the message as a function of the instant, because signatures carry the time of sending. What happens to a message
depends on its name only. A receiver that does not answer 2xx is asked again, as the real ones do.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from haat_world import faults
from haat_world.line import Lost
from haat_world.world import World

AGAIN_S = (10, 60, 300, 1800, 7200)  # pauses before a message that was not taken is sent again
Written = tuple[Mapping[str, str], bytes]


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `write` makes headers and body at the instant of sending; `against` is one that says the contrary, if there is any."""

    party: str
    event: str
    reference: str
    write: Callable[[datetime], Written]
    against: Callable[[datetime], Written] | None = None
    url: str = ""  # where the receiver named an address of its own for this message


def send(world: World, hook: Hook, *, after: timedelta = timedelta()) -> None:
    """Put the message on its way; nothing where the party was not told an address."""
    if not hook.url and hook.party not in world.hooks:
        return
    name = world.named(hook.party, hook.reference)
    names = (hook.party, name, hook.event, world.count("hook", hook.party, name, hook.event))
    fate = faults.hook(world.faults, world.dice, *names)
    late = faults.lateness(world.faults, world.dice, *names)
    due = world.now() + after
    sendings = {
        "lost": [],
        "late": [(due + late, hook.write)],
        "doubled": [(due, hook.write), (due + late / 10, hook.write)],
        "contradicted": [(due, hook.write), (due + late / 10, hook.against or hook.write)],
    }.get(fate, [(due, hook.write)])
    world.truth.hooks[f"{hook.party} {hook.event} {fate or 'well'}"] += 1
    for instant, write in sendings:
        world.agenda.at(instant, _Sending(world, hook, write))


class _Sending:
    """One copy of a message, until it is taken."""

    def __init__(self, world: World, hook: Hook, write: Callable[[datetime], Written]) -> None:
        self._world, self._hook, self._write, self._tries = world, hook, write, 0

    async def __call__(self) -> None:
        world, hook = self._world, self._hook
        url = hook.url or world.hooks.get(hook.party)
        if url is None:
            return
        headers, body = self._write(world.now())
        try:
            taken = (await world.line.send("POST", url, headers=headers, body=body)).status
        except Lost:
            taken = 0
        world.truth.hooks[f"{hook.party} answered {taken}"] += 1
        if not 200 <= taken < 300 and self._tries < len(AGAIN_S):
            pause = timedelta(seconds=AGAIN_S[self._tries])
            self._tries += 1
            world.agenda.after(pause, self)

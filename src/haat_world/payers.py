"""How people pay: most at once, some cancel, some walk away, some press twice, some come back when it is too late.

`auto` payers are robots in the gateways themselves; the buyers among the players press the same buttons over HTTP.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode, urljoin

import msgspec

from haat_world.line import Line, Lost
from haat_world.world import World

CHOICES: Mapping[str, float] = {"pay": 80, "double": 5, "late": 3, "cancel": 4, "decline": 3, "abandon": 5}
LATE = 40  # times as slow as others: long after a usual payment limit
FORM = {"content-type": "application/x-www-form-urlencoded"}
ACTION = re.compile(rb'<form method="post" action="([^"]+)">')
FIELD = re.compile(rb'<input type="hidden" name="([^"]*)" value="([^"]*)">')


class Mood(msgspec.Struct, frozen=True):
    """What the payer will do, and after how long."""

    choice: str
    after: timedelta


def mood(world: World, *names: object) -> Mood:
    """The mood of one payer before one payment."""
    choice = world.dice.pick(CHOICES, "payer", *names)
    seconds = world.dice.spread(world.habits.pay_s, 1.6, "payer pace", *names)
    return Mood(choice, timedelta(seconds=seconds * (LATE if choice == "late" else 1)))


async def decide(line: Line, url: str, choice: str) -> bool:
    """Press the button on the page at `url` and follow the browser home. False where the page or the shop was lost on the way."""
    decision = {"double": "pay", "late": "pay"}.get(choice, choice)
    try:
        for _ in range(2 if choice == "double" else 1):
            reply = await line.send("POST", url, headers=FORM, body=urlencode({"decision": decision}).encode())
            await home(line, url, reply.status, reply.headers, reply.body)
    except Lost:
        return False
    return True


async def home(line: Line, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Do what a browser does with an answer that sends it elsewhere: one GET or one form, back to the shop. Raises Lost."""
    if status in (302, 303, 307) and "location" in headers:
        await line.send("GET", urljoin(url, headers["location"]))
    elif found := ACTION.search(body):
        fields = {unescape(name.decode()): unescape(value.decode()) for name, value in FIELD.findall(body)}
        await line.send("POST", unescape(found[1].decode()), headers=FORM, body=urlencode(fields).encode())


def wait_for(world: World, party: str, reference: str, url: str, again: Callable[[], bool] = lambda: True) -> None:
    """An `auto` payer will press the button of this page; `again` says whether the page still waits when the time has come."""
    if world.habits.payers != "auto":
        return
    felt = mood(world, party, reference)

    async def press() -> None:
        if again():
            await decide(world.line, url, felt.choice)

    if felt.choice != "abandon":
        world.agenda.after(felt.after, press)

"""`/_world`: the books and the levers of the world, for tests and people who watch. Never part of what Haat speaks with.

GET  /_world                     what is going on, in numbers
GET  /_world/payments ?party= reference=      GET /_world/consignments ?party= reference=     GET /_world/messages ?kind=
GET  /_world/calls               how often which call ended how           GET /_world/histories    what moved, without ids of ours
GET  /_world/connections         how Haat is told to reach each party
PUT  /_world/faults              the faults from now on                   PUT /_world/hooks        {party: address of its messages}
POST /_world/outages             {party, seconds}: it answers nobody so long
POST /_world/turns               {seconds}: a turned clock goes on so far
"""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from haat_world.connections import Connection
from haat_world.faults import Faults, Outage
from haat_world.world import World


def routes(world: World, connections: list[Connection]) -> list[BaseRoute]:
    desk = _Desk(world, connections)
    reads = ("payments", "consignments", "messages", "calls", "histories", "connections")
    return [
        Route("/_world", desk.summary),
        *(Route(f"/_world/{name}", getattr(desk, name)) for name in reads),
        Route("/_world/faults", desk.faults, methods=["PUT"]),
        Route("/_world/hooks", desk.hooks, methods=["PUT"]),
        Route("/_world/outages", desk.outage, methods=["POST"]),
        Route("/_world/turns", desk.turn, methods=["POST"]),
    ]


class _Desk:
    def __init__(self, world: World, connections: list[Connection]) -> None:
        self._world, self._connections = world, connections

    async def summary(self, request: Request) -> Response:
        return _json(summary(self._world))

    async def payments(self, request: Request) -> Response:
        return _json([p for p in self._world.truth.payments.values() if _wanted(request, p)])

    async def consignments(self, request: Request) -> Response:
        return _json([c for c in self._world.truth.consignments.values() if _wanted(request, c)])

    async def messages(self, request: Request) -> Response:
        return _json([m for m in self._world.truth.messages if _wanted(request, m)])

    async def calls(self, request: Request) -> Response:
        return _json({"calls": self._world.truth.calls, "hooks": self._world.truth.hooks})

    async def histories(self, request: Request) -> Response:
        return _json(self._world.truth.histories(self._world.named))

    async def connections(self, request: Request) -> Response:
        return _json(self._connections)

    async def faults(self, request: Request) -> Response:
        self._world.faults = msgspec.json.decode(await request.body(), type=Faults)
        return _json(self._world.faults)

    async def hooks(self, request: Request) -> Response:
        self._world.hooks |= msgspec.json.decode(await request.body(), type=dict[str, str])
        return _json(self._world.hooks)

    async def outage(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=dict[str, Any])
        now = self._world.now()
        outage = Outage(str(asked["party"]), now, now + timedelta(seconds=float(asked["seconds"])))
        self._world.faults = msgspec.structs.replace(self._world.faults, outages=(*self._world.faults.outages, outage))
        return _json(outage)

    async def turn(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=dict[str, float])
        await self._world.agenda.turn_to(self._world.now() + timedelta(seconds=asked["seconds"]))
        return _json({"now": self._world.now()})


def summary(world: World) -> dict[str, Any]:
    """The books in numbers. Amounts are minor units."""
    payments, parcels = list(world.truth.payments.values()), list(world.truth.consignments.values())
    return {
        "now": world.now(),
        "pending": len(world.agenda),
        "payments": Counter(f"{p.party} {p.status}" for p in payments),
        "money": {name: sum(getattr(p, name) for p in payments) for name in ("authorized", "captured", "voided", "refunded")},
        "parcels": Counter(f"{c.party} {c.status}" for c in parcels),
        "cash": {"collected": sum(c.collected for c in parcels), "remitted": sum(c.collected for c in parcels if c.remitted)},
        "doubled_bookings": sum(n - 1 for n in Counter((c.party, c.reference) for c in parcels).values()),
        "messages": Counter(m.kind for m in world.truth.messages),
    }


def _wanted(request: Request, row: Any) -> bool:
    """Whether every filter of the query fits a field of the row."""
    return all(str(getattr(row, name, "")) == value for name, value in request.query_params.items())


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")

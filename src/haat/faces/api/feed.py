"""The feed: every fact of every order in one gapless order, to be replayed from any position. Fields as in CloudEvents 1.0."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from haat.engine.clock import Clock
from haat.engine.journal import RawFact
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access
from haat.faces.api.shop import Shop

WAIT_MAX_S = 30
POSITION_MAX = 2**63 - 1


class FeedQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after`: the last position dealt with, 0 for the beginning. `wait`: seconds to wait for news where there is nothing yet."""

    after: Annotated[int, Meta(ge=0, le=POSITION_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    wait: Annotated[int, Meta(ge=0, le=WAIT_MAX_S)] = 0


class FeedEvent(msgspec.Struct, frozen=True):
    """A fact as a CloudEvent. `id` is its position in the feed, `subject` the order, `sequence` its version in the order's own stream."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    position: int
    sequence: str
    actor: str
    cause: str
    traceid: str
    data: msgspec.Raw


class Feed(msgspec.Struct, frozen=True):
    """`next`: what to ask for after these, also where there are none."""

    data: list[FeedEvent]
    next: int
    has_more: bool


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/events", "readFeed", "Every fact of every order, in order", desk.read, "Events", access.STAFF, query=FeedQuery,
                 answers={200: Feed}, problems=(400,),
                 description="Positions grow and have holes; what is behind `next` was never shown before, and nothing is ever skipped."),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._clock: Clock = shop.clock

    async def read(self, call: Call) -> Answer:
        asked: FeedQuery = call.query
        until = self._clock.now().timestamp() + asked.wait
        while True:
            async with self._shop.database.reading() as tx:
                facts = await self._shop.journal.after(tx, asked.after, asked.limit)
            left = until - self._clock.now().timestamp()
            if facts or left <= 0 or self._shop.placing.stopping:
                break
            await self._shop.live.news(min(left, 1.0))
        after = facts[-1].position if facts else asked.after
        headers = [(b"link", f'<?after={after}&limit={asked.limit}>; rel="next"'.encode())]
        return Answer(200, Feed([event(fact) for fact in facts], after, len(facts) == asked.limit), headers)


def event(fact: RawFact) -> FeedEvent:
    return FeedEvent(
        specversion="1.0",
        id=str(fact.position),
        source="/v1/orders",
        type=f"dev.haat.{fact.type}.v1",
        subject=fact.order_id,
        time=fact.at,
        datacontenttype="application/json",
        position=fact.position,
        sequence=str(fact.version),
        actor=fact.actor,
        cause=fact.cause,
        traceid=fact.trace,
        data=fact.data,
    )

"""Messages that ended badly: how many and why, and all of them told again. Staff only."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from haat.domain import notifications
from haat.engine import database, idempotency
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions
from haat.faces.api.paging import CURSOR
from haat.faces.api.placing import key_in
from haat.faces.api.shop import Shop
from haat.flows import notifying
from haat.kernel.errors import Refused

Age = Annotated[int, Meta(ge=0, le=10**9)]
Word = Annotated[str, Meta(min_length=1, max_length=40)]
Code = Annotated[str, Meta(max_length=64)]
Beginning = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\x00]+$")]
EXAMPLE = {"channel": "sms", "reason": "sms_account", "older_than_s": 3600, "limit": 1000}


class FailuresQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`newer_than_s`: written down within the last so many seconds."""

    newer_than_s: Age | None = None


class Failures(msgspec.Struct, frozen=True):
    data: list[notifications.Failure]


class ResendsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tell again what ended badly and matches; at least one of `order`, `event`, `channel`, `connection`, `reason` is given.

    `reason`: how it begins; `older_than_s`: written down at least so many seconds ago.
    """

    order: CURSOR = None
    event: Word | None = None
    channel: notifications.Channel | None = None
    connection: Code | None = None
    status: Literal["failed", "unknown"] | None = None
    reason: Beginning | None = None
    older_than_s: Age | None = None
    limit: Annotated[int, Meta(ge=1, le=5_000)] = 1_000


class ResendsView(msgspec.Struct, frozen=True):
    """`refused`: how many were not told again, by the reason's code."""

    resent: int
    refused: dict[str, int]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/notification-failures", "listNotificationFailures", "How many messages ended badly, and why", desk.failures,
                 "Notifications", access.STAFF, query=FailuresQuery, answers={200: Failures}, problems=(400,),
                 description="`failed` or `unknown`, and not told again since: of the newest 100,000, the commonest 200 ways."),
        Endpoint("POST", "/v1/notification-resends", "resendNotifications", "Tell again all that match a search", desk.resend,
                 "Notifications", access.STAFF, ResendsRequest, answers={200: ResendsView}, problems=(400, 413, 415, 422, 503),
                 idempotent=True, example=EXAMPLE,
                 description="Each is a resend of its own, with who asked. What was told again since is left alone: the same again does "
                 "nothing twice. Under the same `Idempotency-Key`: how many were resent then."),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def failures(self, call: Call) -> Answer:
        within = call.query.newer_than_s
        since = None if within is None else ago(self._shop.clock.now(), within)
        async with self._shop.database.reading() as tx:
            return Answer(200, Failures(await notifications.failures(tx, since=since)))

    async def resend(self, call: Call) -> Answer:
        asked: ResendsRequest = call.data
        now = self._shop.clock.now()
        search = notifications.Search(
            order=conditions.uuid_of(asked.order) if asked.order else None, status=asked.status, event=asked.event, channel=asked.channel,
            connection=asked.connection, reason=asked.reason,
            written_before=None if asked.older_than_s is None else ago(now, asked.older_than_s),
        )  # fmt: skip
        wanted = notifying.Resending(search, asked.limit, call.principal.actor, self._shop.draw.uuid, now)
        key = key_in(call)
        if key is not None:
            key = idempotency.Key(f"resends:{call.principal.actor}", key.key, key.fingerprint)
        return Answer(200, await database.retry(lambda: self._resend(wanted, key)))

    async def _resend(self, wanted: notifying.Resending, key: idempotency.Key | None) -> ResendsView:
        async with self._shop.database.transaction() as tx:
            if key is not None:
                for before in (await idempotency.find(tx, [key])).values():
                    if before.fingerprint != key.fingerprint:
                        raise Refused("idempotency_key_reused", "This Idempotency-Key was used for another request.")
                    return ResendsView(await notifications.resent_by(tx, before.subject), {})
            done = await notifying.resend_within(tx, wanted)
            if key is not None:
                await idempotency.settle(tx, [key], [done.one or self._shop.draw.uuid()], wanted.now)
        return ResendsView(done.resent, dict(done.refused))


def ago(now: datetime, seconds: int) -> datetime:
    """So long before `now`; the longest that anything is kept for is long enough."""
    return now - min(timedelta(seconds=seconds), timedelta(days=2_000))

"""API keys and blocked buyers: who may speak to us, and whom we do not sell to. For the marketplace's own people."""

import os
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import people
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.conditions import Instant
from haat.faces.api.orders import order_id_in
from haat.faces.api.paging import CURSOR, Limit, Page, page_headers
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made. `subject`: the vendor's or channel's code or the customer's id; none for an admin."""

    role: people.Role
    subject: Annotated[str, Meta(max_length=100)] = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    scopes: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(\*|[a-z_]+:(\*|[a-z_]+))$", max_length=80)], ...], Meta(min_length=1, max_length=50)
    ] = ("*",)
    rate_per_minute: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    expires_at: Instant | None = None


class KeysQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: people.Role | None = None
    subject: Annotated[str, Meta(max_length=100)] | None = None
    cursor: CURSOR = None
    limit: Limit = 50


class NewKey(msgspec.Struct, frozen=True):
    """`secret` is the whole key: this is the only time that anybody sees it."""

    key: people.Key
    secret: str


class KeyPage(msgspec.Struct, frozen=True):
    data: list[people.Key]
    page: Page


class BlockRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to block. `value`: a phone as it may be typed, an e-mail, a customer's id, or the fingerprint of an address."""

    kind: people.BlockKind
    value: Annotated[str, Meta(min_length=1, max_length=300)]
    reason: Annotated[str, Meta(min_length=1, max_length=1_000)]
    until: Instant | None = None


class Blocks(msgspec.Struct, frozen=True):
    """The blocks that stand, the latest first."""

    data: list[people.Block]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/api-keys", "listKeys", "API keys, without what is secret", desk.keys, "People", access.STAFF, query=KeysQuery,
                 answers={200: KeyPage}, problems=(400,)),
        Endpoint("POST", "/v1/api-keys", "issueKey", "Make an API key", desk.issue, "People", access.STAFF, KeyRequest,
                 answers={201: NewKey}, problems=(413, 415, 422), example=examples.KEY),
        Endpoint("DELETE", "/v1/api-keys/{id}", "revokeKey", "Revoke an API key, at once and for good", desk.revoke, "People",
                 access.STAFF, answers={200: people.Key}, problems=(404,)),
        Endpoint("GET", "/v1/buyer-blocks", "listBlocks", "Blocked buyers", desk.blocks, "People", access.STAFF, answers={200: Blocks}),
        Endpoint("POST", "/v1/buyer-blocks", "blockBuyer", "Block a buyer", desk.block, "People", access.STAFF, BlockRequest,
                 answers={201: people.Block}, problems=(413, 415, 422), example=examples.BLOCK),
        Endpoint("DELETE", "/v1/buyer-blocks/{id}", "liftBlock", "Sell to a buyer again", desk.lift, "People", access.STAFF,
                 answers={204: None}, problems=(404,)),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def keys(self, call: Call) -> Answer:
        asked: KeysQuery = call.query
        async with self._shop.database.reading() as tx:
            found = await people.keys(tx, role=asked.role, subject=asked.subject, after=asked.cursor, limit=asked.limit + 1)
        page = Page.of([key.id for key in found], asked.limit)
        return Answer(200, KeyPage(found[: asked.limit], page), page_headers(page, asked))

    async def issue(self, call: Call) -> Answer:
        asked: KeyRequest = call.data
        order = people.KeyOrder(
            id=self._shop.draw.uuid(),
            role=asked.role,
            subject=asked.subject,
            name=asked.name,
            scopes=asked.scopes,
            rate_per_minute=asked.rate_per_minute,
            expires_at=conditions.kept(asked.expires_at),
        )
        async with self._shop.database.transaction() as tx:
            made = await people.issue_key(tx, order, entropy=os.urandom(32), by=call.principal.actor, now=self._shop.clock.now())
        return Answer(201, NewKey(made.key, made.secret), [(b"cache-control", b"no-store")])

    async def revoke(self, call: Call) -> Answer:
        async with self._shop.database.transaction() as tx:
            gone = await people.revoke_keys(tx, [order_id_in(call)], by=call.principal.actor, now=self._shop.clock.now())
        if not gone:
            raise Refused("unknown_key", "There is no such key.", kind="missing")
        return Answer(200, gone[0])

    async def blocks(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            return Answer(200, Blocks(await people.standing_blocks(tx, now=self._shop.clock.now())))

    async def block(self, call: Call) -> Answer:
        asked: BlockRequest = call.data
        order = people.BlockOrder(
            id=self._shop.draw.uuid(), kind=asked.kind, value=_value(asked), reason=asked.reason, until=conditions.kept(asked.until)
        )
        async with self._shop.database.transaction() as tx:
            (made,) = await people.block(tx, [order], by=call.principal.actor, now=self._shop.clock.now())
        return Answer(201, made)

    async def lift(self, call: Call) -> Answer:
        async with self._shop.database.transaction() as tx:
            stood = await people.lift(tx, [order_id_in(call)], by=call.principal.actor, now=self._shop.clock.now())
        if not stood:
            raise Refused("unknown_block", "There is no such block that stands.", kind="missing")
        return Answer(204)


def _value(asked: BlockRequest) -> str:
    """The value in the one spelling in which buyers are recognised by it."""
    value = people.in_one_spelling(asked.kind, asked.value)
    if value is None:
        raise Refused("invalid", f"«{asked.value[:60]}» is no {asked.kind}.", errors=[{"pointer": "/value", "detail": f"no {asked.kind}"}])
    return value

"""Channels: where orders come from. Set up by the marketplace; a channel reads itself."""

import msgspec

from haat.domain import channels
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused

SELF = frozenset({"admin", "channel"})


class Channels(msgspec.Struct, frozen=True):
    data: list[channels.Channel]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/channels", "listChannels", "Channels", desk.many, "Channels", SELF, answers={200: Channels}),
        Endpoint("GET", "/v1/channels/{code}", "getChannel", "A channel", desk.one, "Channels", SELF,
                 answers={200: channels.Channel, 304: None}, problems=(404,)),
        Endpoint("PUT", "/v1/channels/{code}", "putChannel", "Write a channel", desk.put, "Channels", access.STAFF, channels.ChannelSheet,
                 answers={200: channels.Channel, 201: channels.Channel}, problems=(409, 412, 413, 415, 422), example=examples.CHANNEL,
                 description="It is switched off, never deleted: its orders stay. Its currency stays what it was."),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def many(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            found = await channels.load_all(tx)
        return Answer(200, Channels([c for c in found.values() if call.principal.role == "admin" or c.code == call.principal.subject]))

    async def one(self, call: Call) -> Answer:
        code = call.path["code"]
        async with self._shop.database.reading() as tx:
            found = await channels.channel(tx, code)
        if found is None or (call.principal.role == "channel" and code != call.principal.subject):
            raise Refused("unknown_channel", "There is no such channel.", kind="missing")
        if conditions.unchanged(call, found.version):
            return Answer(304, headers=[conditions.etag(found.version)])
        return Answer(200, found, [conditions.etag(found.version)])

    async def put(self, call: Call) -> Answer:
        sheet: channels.ChannelSheet = call.data
        code = call.path["code"]
        if sheet.code != code:
            raise Refused("code_mismatch", f"The path says {code[:64]}, the body {sheet.code}.")
        version = conditions.expected(call)
        async with self._shop.database.transaction(by=call.principal.actor) as tx:
            known = await channels.channel(tx, code)
            if known is None and conditions.must_exist(call):
                raise Refused("stale", "There is no such channel.", kind="stale")
            expected = None if version is None else {code: version}
            found = (await channels.upsert(tx, [sheet], now=self._shop.clock.now(), expected=expected))[code]
        headers = [conditions.etag(found.version), (b"location", b"/v1/channels/" + code.encode())]
        return Answer(200 if known is not None else 201, found, headers)

"""Hooks: what gateways and couriers tell us, and what buyers' browsers bring back from them. Verified, kept raw, answered; no more.

The plug-in says whether it is genuine and how its sender wants to be answered. The work is done later by whoever claims it from the
inbox (engine/outside/inbox.py), so a slow day of ours is no lost notification of theirs.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import structs

from haat.domain import payments
from haat.engine import outside as engine
from haat.engine.outside import Outside
from haat.engine.web import Answer, Call, Endpoint
from haat.kernel.errors import Refused
from haat.kernel.outside import Connection, Hook

BODY_MAX = 256 * 1024
RETURN_MAX = 16 * 1024  # what a browser brings is a few fields, and anybody's browser may come
FORM = "application/x-www-form-urlencoded"
MEDIA = ("application/json", FORM, "text/plain", "application/cloudevents+json")
#: (connection, what the browser brought) -> where the buyer goes on; None: a plain page says thank you
Landing = Callable[[Connection, Mapping[str, str]], Awaitable[str | None]]
#: (connection, where what the browser brought points) -> the id of our attempt, None where it names none
AttemptOf = Callable[[Connection, payments.Signal], Awaitable[str | None]]
#: Keeps one hook, on disk when it answers.
Keep = Callable[[engine.inbox.News], Awaitable[bool]]
THANKS = "<!doctype html><title>Haat</title><p>Thank you. ধন্যবাদ। You may close this page."


def endpoints(
    outside: Outside, *, keep: Keep, new_id: Callable[[], str], attempt_of: AttemptOf, landing: Landing | None = None
) -> list[Endpoint]:
    desk = _Desk(outside, keep, new_id, attempt_of, landing)
    place = "/v1/hooks/{kind}/{code}"
    said = "Its sender decides on body and query; it is verified as that sender signs, stored once, and acted upon later."
    back = "Proves nothing and changes nothing by itself: the gateway is asked. The buyer is sent on to the shop."
    return [
        Endpoint("POST", place, "receiveHook", "A notification of a gateway or courier", desk.receive, "Hooks", streams=MEDIA,
                 body_max=BODY_MAX, answers={200: None, 202: None}, problems=(400, 401, 403, 404, 413, 415, 422), description=said,
                 any_query=True),
        Endpoint("GET", place, "receiveBareHook", "A notification without a body", desk.receive, "Hooks",
                 answers={200: None}, problems=(400, 401, 403, 404), description=said, any_query=True),
        Endpoint("GET", place + "/returns", "returnBuyer", "Where a buyer's browser comes back from a gateway", desk.back, "Hooks",
                 answers={200: None, 303: None}, problems=(400, 404), description=back, any_query=True),
        Endpoint("POST", place + "/returns", "returnBuyerByForm", "Where a buyer's browser comes back with a form", desk.back, "Hooks",
                 streams=(FORM,), body_max=RETURN_MAX, answers={200: None, 303: None}, problems=(400, 404, 413, 415, 422), description=back,
                 any_query=True),
    ]  # fmt: skip


class _Desk:
    def __init__(self, outside: Outside, keep: Keep, new_id: Callable[[], str], attempt_of: AttemptOf, landing: Landing | None) -> None:
        self._outside = outside
        self._store = keep
        self._new_id = new_id
        self._attempt_of = attempt_of
        self._landing = landing

    async def receive(self, call: Call) -> Answer:
        """Money may still be reported through a connection that was switched off, so it is heard as well."""
        connection, plugin = self._connection(call)
        verify = getattr(plugin, "verify", None)
        if verify is None:
            raise Refused("no_hooks", "Nobody reports here.", kind="missing")
        hook = await _hook(call)
        heard = verify(connection, hook, self._outside.clock.now())
        if heard.keep:
            await self._keep(connection, hook, heard.key)
        headers = [(name.encode(), value.encode()) for name, value in heard.headers.items()]
        return Answer(heard.status, heard.body, headers, heard.content_type.encode())

    async def back(self, call: Call) -> Answer:
        """Anybody may come, so only what names an attempt of ours is kept, and of each thing it may say about that one row."""
        connection, plugin = self._connection(call)
        if getattr(plugin, "callback", None) is None:
            raise Refused("no_hooks", "Nobody comes back here.", kind="missing")
        hook = await _hook(call)
        brought = {**hook.query, **hook.form()}
        if sum(len(name) + len(value) for name, value in brought.items()) > RETURN_MAX:
            raise Refused("malformed_query", "This is no return from a gateway.", kind="malformed")
        hint = plugin.callback(connection, brought)
        pointing = hint.attempt or hint.reference or hint.transaction
        attempt = await self._attempt_of(connection, hint) if pointing else None
        onward = None
        if attempt is not None:
            await self._keep(connection, Hook(engine.inbox.RETURN, {}, brought), f"{attempt}\n{hint.said}")
            onward = None if self._landing is None else await self._landing(connection, brought)
        if onward is None:
            return Answer(200, THANKS.encode(), content_type=b"text/html; charset=utf-8")
        return Answer(303, headers=[(b"location", onward.encode("ascii", "ignore")), (b"cache-control", b"no-store")])

    def _connection(self, call: Call) -> tuple[Connection, Any]:
        found = self._outside.book.get(call.path["code"])
        if found is None or found.kind != call.path["kind"]:
            raise Refused("unknown_connection", "There is no such connection.", kind="missing")
        return found, self._outside.book.plugin(found)

    async def _keep(self, connection: Connection, hook: Hook, key: str) -> None:
        now = self._outside.clock.now()
        bare = structs.replace(hook, query=engine.bare(connection, hook.query))
        await self._store(engine.inbox.News(self._new_id(), connection.kind, connection.code, key, bare, now))


async def _hook(call: Call) -> Hook:
    """The request as plug-ins see it. A NUL could not be kept as text, and no honest sender sends one."""
    body = b"" if call.chunks is None else b"".join([chunk async for chunk in call.chunks])
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers.items()}
    if any("\0" in text for pair in call.pairs.items() for text in pair):
        raise Refused("malformed_query", "The query string is not readable.", kind="malformed")
    if headers.get("content-type", "").startswith(FORM) and (b"%00" in body or b"\0" in body):
        raise Refused("malformed_body", "The form is not readable.", kind="malformed")
    return Hook("GET" if call.chunks is None else "POST", headers, dict(call.pairs), body)

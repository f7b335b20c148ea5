"""Notifications: what was told to whom, told again on request; the texts, how the shop tells things, and what people want to be told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from haat.domain import notifications, people
from haat.engine import database, idempotency
from haat.engine.database import Tx
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, untold
from haat.faces.api.orders import order_id_in
from haat.faces.api.paging import CURSOR, Limit, Page, page_headers
from haat.faces.api.placing import key_in
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused

#: Who may say what they want to be told. A channel speaks for no person.
PERSONS = frozenset({"admin", "customer", "vendor"})
Text = Annotated[str, Meta(max_length=8_000)]
EXAMPLE = {"text": "{{ shop }}: we have your order {{ number }}, {{ total|money(currency) }}. {{ link }}"}
PREFERENCE = {
    "who": "phone:+8801712345678",
    "language": "bn",
    "declined": [{"group": "order", "channel": "email"}],
    "quiet": {"begin": 1320, "end": 480},
}
MANNERS = {"name": "Haat", "language": "bn", "desk": ["desk@example.com"], "owners": {"payments": ["books@example.com"]}}


class NotificationsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`order`: the id of an order. `connection`: who took it last; `reason`: how it begins; `older_than_s`: since it was written down."""

    order: CURSOR = None
    status: notifications.Status | None = None
    event: Annotated[str, Meta(max_length=40)] | None = None
    channel: notifications.Channel | None = None
    connection: untold.Code | None = None
    reason: untold.Beginning | None = None
    older_than_s: untold.Age | None = None
    cursor: CURSOR = None
    limit: Limit = 50


class NotificationView(msgspec.Struct, frozen=True):
    """`version` is that of the fact that is told. `connection`: who took it last; `reference`: what that one calls it."""

    id: str
    order_id: str
    version: int
    event: str
    role: notifications.Role
    party: str
    channel: notifications.Channel
    recipient: str
    language: notifications.Language
    subject: str
    body: str
    parts: int
    urgent: bool
    status: notifications.Status
    reason: str
    attempts: int
    connection: str
    reference: str
    resend: int
    resent_from: str | None
    asked_by: str
    due_at: datetime
    fact_at: datetime
    created_at: datetime
    first_try_at: datetime | None
    sent_at: datetime | None


class NotificationPage(msgspec.Struct, frozen=True):
    data: list[NotificationView]
    page: Page


class TextName(msgspec.Struct, frozen=True):
    """A text that there is, for one event, role, channel and language."""

    event: str
    role: notifications.Role
    channel: notifications.Channel
    language: notifications.Language


class TextNames(msgspec.Struct, frozen=True):
    data: list[TextName]


class TextRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Jinja template; a mail's first line is `Subject: …`. Empty: back to the text that Haat brings."""

    text: Text


class TextView(msgspec.Struct, frozen=True):
    """`text` is in force; `brought` is what Haat brings. `version` 0: there never was an own one."""

    text: str
    brought: str
    own: bool
    version: int
    written_by: str = ""
    written_at: datetime | None = None


class PreviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The text to be shown; none: the one in force."""

    text: Text | None = None


class Preview(msgspec.Struct, frozen=True):
    """What the text says of one sample. `html` of a mail; `parts` of an SMS."""

    subject: str
    body: str
    html: str
    parts: int


class Previews(msgspec.Struct, frozen=True):
    data: list[Preview]


class PreferencesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`who`: `customer:<id>`, `phone:<number>`, `email:<address>`, `vendor:<code>`. Customers and vendors: themselves.

    A phone or an address is meant however it is typed.
    """

    who: notifications.Who | None = None


class PreferenceRequest(notifications.Preference, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What somebody wants to be told, and who that is; customers and vendors speak for themselves and need not say it."""

    who: notifications.Who | None = None


def endpoints(shop: Shop) -> list[Endpoint]:
    desk, texts, wishes = _Desk(shop), _Texts(shop), _Wishes(shop)
    text = "/v1/notification-templates/{event}/{role}/{channel}/{language}"
    wish, manner = "/v1/notification-preferences", "/v1/notification-manners"
    return [
        Endpoint("GET", "/v1/notifications", "listNotifications", "What was told to whom, newest first", desk.many, "Notifications",
                 access.STAFF, query=NotificationsQuery, answers={200: NotificationPage}, problems=(400,)),
        Endpoint("GET", "/v1/notifications/{id}", "getNotification", "One notification", desk.one, "Notifications", access.STAFF,
                 answers={200: NotificationView}, problems=(404,)),
        Endpoint("POST", "/v1/notifications/{id}/resends", "resendNotification", "Tell it once more", desk.resend, "Notifications",
                 access.STAFF, answers={201: NotificationView, 200: NotificationView}, problems=(404, 409), idempotent=True,
                 description="A message of unknown fate is sent again on request only."),
        *untold.endpoints(shop),
        Endpoint("GET", "/v1/notification-templates", "listNotificationTemplates", "All texts that there are", texts.names,
                 "Notifications", access.STAFF, answers={200: TextNames}, scope="notifications:read"),
        Endpoint("GET", text, "getNotificationTemplate", "The text in force", texts.one, "Notifications", access.STAFF,
                 answers={200: TextView, 304: None}, problems=(404,), scope="notifications:read"),
        Endpoint("PUT", text, "putNotificationTemplate", "Write an own text", texts.put, "Notifications", access.STAFF, TextRequest,
                 answers={200: TextView}, problems=(404, 412, 413, 415, 422), scope="notifications:write", example=EXAMPLE,
                 description="It is tried on samples first; one that fails on any of them, or makes too long an SMS, is refused."),
        Endpoint("POST", text + "/previews", "previewNotificationTemplate", "What a text says of samples", texts.preview, "Notifications",
                 access.STAFF, PreviewRequest, answers={200: Previews}, problems=(404, 413, 415, 422), scope="notifications:read",
                 example=EXAMPLE),
        Endpoint("GET", wish, "getNotificationPreference", "What somebody wants to be told", wishes.one, "Notifications", PERSONS,
                 query=PreferencesQuery, answers={200: notifications.Preference}, problems=(400,), scope="notifications:read"),
        Endpoint("PUT", wish, "putNotificationPreference", "Say what one wants to be told", wishes.put, "Notifications", PERSONS,
                 PreferenceRequest, answers={200: notifications.Preference}, problems=(412, 413, 415, 422),
                 scope="notifications:write", example=PREFERENCE),
        Endpoint("GET", manner, "getNotificationManners", "How the shop tells things", wishes.manners, "Notifications", access.STAFF,
                 answers={200: notifications.Manners}, scope="notifications:read"),
        Endpoint("PUT", manner, "putNotificationManners", "Say how the shop tells things", wishes.put_manners, "Notifications",
                 access.STAFF, notifications.Manners, answers={200: notifications.Manners}, problems=(412, 413, 415, 422),
                 scope="notifications:write", example=MANNERS),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def many(self, call: Call) -> Answer:
        asked: NotificationsQuery = call.query
        search = notifications.Search(
            order=asked.order, status=asked.status, event=asked.event, channel=asked.channel, connection=asked.connection,
            reason=asked.reason,
            written_before=None if asked.older_than_s is None else untold.ago(self._shop.clock.now(), asked.older_than_s),
        )  # fmt: skip
        async with self._shop.database.reading() as tx:
            found = await notifications.find(tx, search, before=asked.cursor, limit=asked.limit + 1)
        page = Page.of([each.id for each in found], asked.limit)
        return Answer(200, NotificationPage([_view(each) for each in found[: asked.limit]], page), page_headers(page, asked))

    async def one(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            return Answer(200, _view(await _found(tx, order_id_in(call))))

    async def resend(self, call: Call) -> Answer:
        told = order_id_in(call)
        key = key_in(call)
        if key is not None:
            key = idempotency.Key(f"resend:{told}:{call.principal.actor}", key.key, key.fingerprint)
        return await database.retry(lambda: self._resend(told, call.principal.actor, key))

    async def _resend(self, told: str, by: str, key: idempotency.Key | None) -> Answer:
        now, new_id = self._shop.clock.now(), self._shop.draw.uuid()
        async with self._shop.database.transaction() as tx:
            if key is not None:
                for before in (await idempotency.find(tx, [key])).values():
                    if before.fingerprint != key.fingerprint:
                        raise Refused("idempotency_key_reused", "This Idempotency-Key was used for another request.")
                    return Answer(200, _view(await _found(tx, before.subject)))
            made = await notifications.resend(tx, told, new_id=new_id, by=by, now=now)
            if key is not None:
                await idempotency.settle(tx, [key], [made.id], now)
        return Answer(201, _view(made), [(b"location", f"/v1/notifications/{made.id}".encode())])


class _Texts:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def names(self, call: Call) -> Answer:
        del call
        names = [TextName(*each, language) for each in notifications.written() for language in notifications.LANGUAGES]
        return Answer(200, TextNames(names))

    async def one(self, call: Call) -> Answer:
        key = _key_in(call)
        async with self._shop.database.reading() as tx:
            shown = _text_view(key, await notifications.own_texts(tx, key))
        if conditions.unchanged(call, shown.version):
            return Answer(304, headers=[conditions.etag(shown.version)])
        return Answer(200, shown, [conditions.etag(shown.version)])

    async def put(self, call: Call) -> Answer:
        key, asked = _key_in(call), call.data
        expected = conditions.expected(call)
        async with self._shop.database.transaction() as tx:
            if asked.text:
                await self._tried(tx, key, asked.text)
            await notifications.put_template(
                tx, key, asked.text, by=call.principal.actor, now=self._shop.clock.now(), expected=expected
            )  # fmt: skip
            shown = _text_view(key, await notifications.own_texts(tx, key))
        return Answer(200, shown, [conditions.etag(shown.version)])

    async def preview(self, call: Call) -> Answer:
        key = _key_in(call)
        async with self._shop.database.reading() as tx:
            text = call.data.text or _text_view(key, await notifications.own_texts(tx, key)).text
            shown = await self._tried(tx, key, text)
            manners, _ = await notifications.manners(tx)

        def page(said: notifications.Written) -> str:
            return notifications.html(said.subject, said.body, name=manners.name, language=key[3]) if key[2] == "email" else ""

        return Answer(200, Previews([Preview(said.subject, said.body, page(said), said.parts) for said in shown]))

    async def _tried(self, tx: Tx, key: notifications.Key, text: str) -> list[notifications.Written]:
        manners, _ = await notifications.manners(tx)
        samples = [notifications.filled(each, key[3]) for each in notifications.samples(key[0], key[1])]
        return notifications.check(key, text, samples, sms_parts_max=manners.sms_parts_max)


class _Wishes:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def one(self, call: Call) -> Answer:
        who = _who(call, call.query.who)
        async with self._shop.database.reading() as tx:
            said, version = (await notifications.preferences(tx, [who])).get(who, (notifications.Preference(), 0))
        return Answer(200, said, [conditions.etag(version)])

    async def put(self, call: Call) -> Answer:
        asked: PreferenceRequest = call.data
        who, expected = _who(call, asked.who), conditions.expected(call)
        said = notifications.Preference(asked.language, asked.declined, asked.quiet, asked.timezone)
        async with self._shop.database.transaction() as tx:
            version = await notifications.put_preference(
                tx, who, said, by=call.principal.actor, now=self._shop.clock.now(), expected=expected
            )  # fmt: skip
        return Answer(200, said, [conditions.etag(version)])

    async def manners(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            said, version = await notifications.manners(tx)
        return Answer(200, said, [conditions.etag(version)])

    async def put_manners(self, call: Call) -> Answer:
        expected = conditions.expected(call)
        async with self._shop.database.transaction() as tx:
            version = await notifications.put_manners(tx, call.data, by=call.principal.actor, now=self._shop.clock.now(), expected=expected)
        return Answer(200, call.data, [conditions.etag(version)])


async def _found(tx: Tx, notification: str) -> notifications.Notification:
    found = (await notifications.notifications(tx, [notification])).get(notification)
    if found is None:
        raise Refused("unknown_notification", "There is no such notification.", kind="missing")
    return found


def _view(told: notifications.Notification) -> NotificationView:
    return NotificationView(*[getattr(told, name) for name in NotificationView.__struct_fields__])


def _key_in(call: Call) -> notifications.Key:
    path: Any = call.path
    key: notifications.Key = (path["event"], path["role"], path["channel"], path["language"])
    if key[:3] not in notifications.written() or key[3] not in notifications.LANGUAGES:
        raise Refused("unknown_template", "There is no such text.", kind="missing")
    return key


def _text_view(key: notifications.Key, versions: Sequence[notifications.OwnText]) -> TextView:
    brought = notifications.brought(key)
    if not versions:
        return TextView(brought, brought, False, 0)
    last = versions[0]
    return TextView(last.text or brought, brought, bool(last.text), last.version, last.written_by, last.written_at)


def _who(call: Call, asked: str | None) -> str:
    """Whose preference it is: everybody's own, anybody's for the desk."""
    if call.principal.role == "admin":
        if asked is None:
            raise Refused("who_required", "Say whose preference it is.", kind="invalid" if call.body else "malformed")
        return _as_orders_say(call, asked)
    own = f"{call.principal.role}:{call.principal.subject}"
    if asked not in (None, own):
        raise Refused("not_yours", "Everybody speaks for themselves.", kind="forbidden")
    return own


def _as_orders_say(call: Call, asked: str) -> str:
    """The name in the one spelling in which it is found when an order is told of."""
    kind, _, typed = asked.partition(":")
    found = people.in_one_spelling(kind, typed)
    if found is None:
        words, detail = f"«{typed[:60]}» is no {kind}.", f"no {kind}"
        if call.body:
            raise Refused("invalid", words, errors=[{"pointer": "/who", "detail": detail}])
        raise Refused("invalid_parameter", words, kind="malformed", errors=[{"parameter": "who", "detail": detail}])
    return f"{kind}:{found}"

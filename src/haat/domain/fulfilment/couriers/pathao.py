"""Pathao Courier, merchant API «Aladdin» (public integrations and its WooCommerce plug-in, 2024–26).

A token by password (then by refresh token), `POST /orders`, `GET /orders/{id}/info`. It cannot be asked by our reference: when the
answer to a booking is lost, its hook `order.created` names our `merchant_order_id` with its consignment and settles it; until then
nothing is sent again. Its hook proves a shared word only, so what a hook says of a delivery is a hint until `/info` says the same.
"""

import hmac
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from haat.domain.fulfilment import courier, fitting
from haat.domain.fulfilment.courier import Booked, Capabilities, Consignment, Courier, Declined, Known, Reach, Reason, Scan, Status
from haat.kernel.errors import Unavailable
from haat.kernel.money import permyriad
from haat.kernel.outside import Connection, Conversation, Granted, Heard, Hook, Reply, Request, Token, Unknown, answered, ask, token_of

PREFIX = "/aladdin/api/v1"
NORMAL, ON_DEMAND, PARCEL = 48, 12, 2
NAME, ADDRESS_LEAST, ADDRESS_MOST, TEXT_MOST = (3, 100), 10, 220, 250
WEIGHT_LEAST_G, WEIGHT_MOST_G = 500, 10_000
EARLIER_S = 120  # a token is renewed this long before it ends

#: `order_status_slug` of `/info` and the events of hooks, both as words with hyphens.
STATUSES: dict[str, Status] = {
    "created": "booked", "updated": "booked", "pending": "booked",
    "pickup-requested": "pickup_requested", "assigned-for-pickup": "pickup_requested",
    "picked": "picked_up", "pickup-failed": "pickup_failed", "pickup-cancelled": "cancelled", "pickup-cancel": "cancelled",
    "at-the-sorting-hub": "in_transit", "in-transit": "in_transit", "received-at-last-mile-hub": "at_destination_hub",
    "assigned-for-delivery": "out_for_delivery", "delivered": "delivered",
    "partial-delivery": "partially_delivered", "delivery-failed": "delivery_failed", "on-hold": "on_hold",
    "returned": "returning", "return": "returning", "return-id-created": "returning", "return-in-transit": "returning",
    "paid-return": "returning", "returned-to-merchant": "returned",
    "exchanged": "exchanged", "exchange": "exchanged", "cancelled": "cancelled", "lost": "lost", "damaged": "damaged",
}  # fmt: skip
#: Words in its reasons, in lower case, the first that is found counts.
REASONS: tuple[tuple[str, Reason], ...] = (
    ("refuse", "customer_refused"), ("cancel", "customer_refused"), ("reject", "customer_refused"),
    ("unreachable", "customer_unreachable"), ("not responding", "customer_unreachable"), ("did not answer", "customer_unreachable"),
    ("phone", "customer_unreachable"), ("not available", "not_at_home"), ("not at home", "not_at_home"), ("absent", "not_at_home"),
    ("address", "wrong_address"), ("reschedul", "reschedule_asked"), ("another day", "reschedule_asked"), ("later", "reschedule_asked"),
    ("money", "cash_not_ready"), ("cash", "cash_not_ready"), ("wrong product", "item_mismatch"), ("mismatch", "item_mismatch"),
    ("out of zone", "area_not_served"), ("coverage", "area_not_served"), ("not served", "area_not_served"),
    ("capacity", "carrier_capacity"), ("fake", "suspected_fake_attempt"), ("weather", "weather_or_strike"), ("strike", "weather_or_strike"),
    ("damage", "damaged"), ("lost", "lost"), ("seller", "seller_not_ready"), ("merchant", "seller_not_ready"),
)  # fmt: skip


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`pickup_stores`: its stores by our places, `store_id`: of any other place. Sandbox: https://courier-api-sandbox.pathao.com."""

    store_id: Annotated[str, Meta(pattern=r"^[0-9]{1,18}$")]
    pickup_stores: courier.PickupStores = {}
    base_url: Annotated[str, Meta(pattern=r"^https?://", max_length=200)] = "https://api-hermes.pathao.com"
    tracking_url: Annotated[str, Meta(max_length=200)] = "https://merchant.pathao.com/tracking?consignment_id={consignment}&phone={phone}"


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """The API's credentials; `webhook_secret` is what we tell Pathao, `integration_secret` the value its panel shows."""

    client_id: Annotated[str, Meta(min_length=1, max_length=200)]
    client_secret: Annotated[str, Meta(min_length=1, max_length=500)]
    username: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Annotated[str, Meta(min_length=1, max_length=200)]
    webhook_secret: Annotated[str, Meta(min_length=8, max_length=500)] = ""
    integration_secret: Annotated[str, Meta(max_length=200)] = ""


def book(connection: Connection, consignment: Consignment, now: datetime) -> Conversation[Booked | Declined]:
    """`POST /orders`. Cash in whole taka. A refusal names the fields (422), which another try does not change."""
    del now
    order = _order(connection.config, consignment)
    if isinstance(order, Declined):
        return order
    reply = yield from _asked(connection, "POST", "/orders", order)
    if reply.status >= 400:
        return _declined(answered(reply))
    said = reply.fields().get("data")
    if not isinstance(said, dict) or not said.get("consignment_id"):
        raise Unknown("no_consignment", f"Pathao answered {reply.status} without a consignment")
    number = fitting.word(said["consignment_id"], 100)
    url = connection.config.tracking_url.replace("{consignment}", number).replace("{phone}", order["recipient_phone"])
    return Booked(number, url, fitting.paisa(said.get("delivery_fee")), order["amount_to_collect"] * 100)


def _order(config: Config, it: Consignment) -> dict[str, Any] | Declined:
    phone = fitting.mobile(it.recipient.phone)
    where = fitting.address(it.recipient, most=ADDRESS_MOST)
    if phone is None:
        return Declined("phone_invalid", "Pathao takes Bangladeshi mobiles only.")
    if len(where) < ADDRESS_LEAST:
        return Declined("address_incomplete", f"Pathao wants an address of {ADDRESS_LEAST} characters.")
    if it.weight_g > WEIGHT_MOST_G:
        return Declined("too_heavy", "Pathao takes ten kilograms at most.")
    other = fitting.mobile(it.recipient.alt_phone) if it.recipient.alt_phone else None
    order = {
        "store_id": _store(config, it),
        "merchant_order_id": it.reference,
        "recipient_name": fitting.name(it.recipient.name, least=NAME[0], most=NAME[1]),
        "recipient_phone": phone,
        "recipient_address": where,
        "delivery_type": ON_DEMAND if it.express else NORMAL,
        "item_type": PARCEL,
        "item_quantity": max(it.pieces, 1),
        "item_weight": max(it.weight_g, WEIGHT_LEAST_G) / 1000,
        "item_description": fitting.cut(fitting.plain(it.description), TEXT_MOST),
        "special_instruction": fitting.cut(fitting.plain(it.instruction), TEXT_MOST),
        "amount_to_collect": fitting.taka(it.cash),
    }
    ids = {"recipient_city": it.area.city_id, "recipient_zone": it.area.zone_id, "recipient_area": it.area.area_id}
    more = {"recipient_secondary_phone": other} if other and other != phone else {}
    return order | {name: int(id) for name, id in ids.items() if id.isdecimal()} | more


def _store(config: Config, it: Consignment) -> int:
    return int(config.pickup_stores.get(it.pickup, config.store_id))


def _declined(reply: Reply) -> Declined:
    said = reply.fields()
    errors = said.get("errors")
    fields = errors if isinstance(errors, dict) else {}
    detail = "; ".join(f"{field}: {fitting.word(what[0] if isinstance(what, list) and what else what)}" for field, what in fields.items())
    if reply.status in (401, 403):
        return Declined("credentials", fitting.word(said.get("message")), final=False)
    reason = "area_not_served" if {"recipient_zone", "recipient_area", "recipient_city"} & set(fields) else "refused"
    return Declined(reason, detail[:500] or fitting.word(said.get("message")) or f"answered {reply.status}", final=bool(fields))


def track(connection: Connection, known: Known, now: datetime) -> Conversation[tuple[Scan, ...]]:
    """`GET /orders/{consignment}/info`: its last word, without amounts."""
    reply = yield from _asked(connection, "GET", f"/orders/{fitting.segment(known.consignment)}/info")
    said = answered(reply, question=True).fields().get("data")
    if not isinstance(said, dict):
        return ()
    word = fitting.word(said.get("order_status_slug") or said.get("order_status"), 60)
    at = fitting.said_at(said.get("updated_at"))
    status = STATUSES.get(_plain(word))
    return (
        Scan(
            at=at or now, timed=at is not None, consignment=known.consignment, reference=known.reference,
            status=status or "", said=word, known=status is not None or not word, invoice=fitting.word(said.get("invoice_id"), 60),
        ),
    )  # fmt: skip


def price(connection: Connection, it: Consignment) -> Conversation[courier.Price | Declined]:
    """`POST /merchant/price-plan`. `cod_percentage` is of the cash."""
    if not (it.area.city_id and it.area.zone_id):
        return Declined("area_unknown", "Pathao prices a city and a zone of its own.", final=False)
    asked = {
        "store_id": _store(connection.config, it), "item_type": PARCEL,
        "delivery_type": ON_DEMAND if it.express else NORMAL, "item_weight": max(it.weight_g, WEIGHT_LEAST_G) / 1000,
        "recipient_city": int(it.area.city_id), "recipient_zone": int(it.area.zone_id),
    }  # fmt: skip
    reply = yield from _asked(connection, "POST", "/merchant/price-plan", asked, question=True)
    said = answered(reply, question=True).fields().get("data")
    if not isinstance(said, dict):
        return Declined("no_price", fitting.word(reply.fields().get("message")), final=False)
    fee = fitting.paisa(said.get("final_price", said.get("price")))
    share = fitting.permyriad_of(said.get("cod_percentage")) or 0
    return Declined("no_price", final=False) if fee is None else courier.Price(fee, permyriad(it.cash, share))


def areas(connection: Connection) -> Conversation[tuple[Reach, ...]]:
    """Its cities and their zones. Areas within are left to Pathao, which reads them out of the address."""
    found: list[Reach] = []
    for city in _rows((yield from _asked(connection, "GET", "/city-list"))):
        id, title = fitting.word(city.get("city_id")), fitting.word(city.get("city_name"))
        for zone in _rows((yield from _asked(connection, "GET", f"/cities/{fitting.segment(id)}/zone-list"))):
            name = fitting.word(zone.get("zone_name"))
            found.append(Reach(courier.Area(id, fitting.word(zone.get("zone_id")), "", name), district=title, place=name))
    return tuple(found)


def _rows(reply: Reply) -> list[dict[str, Any]]:
    said = answered(reply, question=True).fields().get("data")
    inner = said.get("data") if isinstance(said, dict) else said
    return [row for row in inner if isinstance(row, dict)] if isinstance(inner, list) else []


def check(connection: Connection, now: datetime) -> Conversation[str]:
    """Whether the credentials open the door, and which stores are behind it."""
    del now
    stores = _rows(courier.let_in((yield from _asked(connection, "GET", "/stores"))))
    return f"{len(stores)} stores: {', '.join(fitting.word(store.get('store_name'), 60) for store in stores[:5])}"


def verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """`X-PATHAO-Signature` is the shared word itself. The greeting at registration comes without and is answered all the same."""
    del now
    secret, given = connection.secrets.webhook_secret, hook.header("x-pathao-signature")
    told = hook.fields()
    greeting = told.get("event") == "webhook_integration" and not given
    if not greeting and not (hmac.compare_digest(given.encode(), secret.encode()) and secret):
        raise courier.refused_hook()
    key = "|".join(str(told.get(name, "")) for name in ("event", "consignment_id", "merchant_order_id", "updated_at", "invoice_id"))
    headers = {"x-pathao-merchant-webhook-integration-secret": connection.secrets.integration_secret}
    return Heard(key, 202, b'{"status":"received"}', "application/json", headers, keep=not greeting and "event" in told)


def heard(connection: Connection, hook: Hook, now: datetime) -> tuple[Scan, ...]:
    """One event. Its `store.*` and the greeting are none of a parcel's."""
    del connection
    told = hook.fields()
    event = fitting.word(told.get("event"), 60).lower()
    kind, _, word = event.partition(".")
    consignment, reference = fitting.word(told.get("consignment_id"), 100), fitting.word(told.get("merchant_order_id"), 100)
    if kind != "order" or not (consignment or reference):
        return ()
    at = fitting.said_at(told.get("updated_at")) or fitting.said_at(told.get("timestamp"))
    status = STATUSES.get(_plain(word))
    why = fitting.word(told.get("reason"))
    takes = status in ("delivered", "partially_delivered", "exchanged") or word == "paid-return"
    return (
        Scan(
            at=at or now, timed=at is not None, consignment=consignment, reference=reference, status=status or "", said=event,
            message=why, reason=_reason(why), collected=fitting.paisa(told.get("collected_amount")) if takes else None, hint=True,
            known=status is not None or word == "paid", cash="remitted" if word == "paid" else "",
            invoice=fitting.word(told.get("invoice_id"), 60), fee=fitting.paisa(told.get("delivery_fee")),
        ),
    )  # fmt: skip


def _plain(word: str) -> str:
    return word.strip().lower().replace("_", "-").replace(" ", "-")


def _reason(text: str) -> Reason:
    if not text:
        return ""
    low = text.lower()
    return next((reason for part, reason in REASONS if part in low), "other")


def _asked(connection: Connection, method: str, path: str, body: Any = None, *, question: bool = False) -> Conversation[Reply]:
    """One request with a token; where the token is refused, which means that nothing was done, once more with a new one."""
    token = yield from token_of(Token("access", partial(_grant, connection)))
    request = _request(connection, method, path, body, token, question)
    reply = yield from ask(request)
    if reply.status == 401:
        token = yield from token_of(Token("access", partial(_grant, connection), refused=token))
        reply = yield from ask(_request(connection, method, path, body, token, question))
    return reply


def _request(connection: Connection, method: str, path: str, body: Any, token: str, question: bool) -> Request:
    headers = {"authorization": f"Bearer {token}", "accept": "application/json", "content-type": "application/json"}
    asks = question or method == "GET"
    content = b"" if body is None else msgspec.json.encode(body)
    return Request(method, connection.config.base_url.rstrip("/") + PREFIX + path, headers, content, question=asks, repeatable=asks)


def _grant(connection: Connection, refresh: str) -> Conversation[Granted]:
    """A token by refresh token where there is one, else (or when that one is dead) by password."""
    secrets = connection.secrets
    who = {"client_id": secrets.client_id, "client_secret": secrets.client_secret}
    ways: list[dict[str, str]] = [{"grant_type": "password", "username": secrets.username, "password": secrets.password}]
    if refresh:
        ways.insert(0, {"grant_type": "refresh_token", "refresh_token": refresh})
    url = connection.config.base_url.rstrip("/") + PREFIX + "/issue-token"
    headers = {"accept": "application/json", "content-type": "application/json"}
    reply = Reply(0)
    for way in ways:
        reply = yield from ask(Request("POST", url, headers, msgspec.json.encode(who | way), question=True, repeatable=True))
        said = answered(reply, question=True).fields()
        if reply.status == 200 and isinstance(said.get("access_token"), str):
            lasts = said.get("expires_in")
            seconds = int(lasts) if isinstance(lasts, int | float) and lasts > 0 else 3600
            return Granted(said["access_token"], max(seconds - EARLIER_S, 60), fitting.word(said.get("refresh_token"), 4000))
    raise Unavailable("credentials", f"Pathao gives no token: {fitting.word(reply.fields().get('message'), 200)}", permanent=True)


COURIER = Courier(
    code="pathao", title="Pathao Courier", title_bn="পাঠাও কুরিয়ার", config=Config, secrets=Secrets,
    capabilities=Capabilities(lookup="hook", weight_min_g=0, weight_max_g=WEIGHT_MOST_G, confirm_hooks=True),
    book=book, look_up=courier.cannot_look_up, track=track, price=price, areas=areas, check=check, verify=verify, heard=heard,
)  # fmt: skip

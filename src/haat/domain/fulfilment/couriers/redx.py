"""RedX, open API v1.0.0-beta (public integrations, 2024–26).

One long-lived token in a header; places are RedX's own area ids, without which it takes nothing. `POST /parcel` names our reference
(`merchant_invoice_id`), but nothing can be asked by it: when the answer to a booking is lost, the first hook names our invoice with
its tracking number and settles it; until then nothing is sent again. Its hook proves itself by a token in the query of the address.
"""

import hmac
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Struct

from haat.domain.fulfilment import courier, fitting
from haat.domain.fulfilment.courier import Booked, Capabilities, Consignment, Courier, Declined, Known, Reach, Recalled, Scan, Status
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Reply, Request, Unknown, answered, ask

NAME, ADDRESS_MOST, TEXT_MOST = (2, 100), 250, 250  # none are known; those of the others
WEIGHT_LEAST_G = 1

STATUSES: dict[str, Status] = {
    "pickup-pending": "pickup_requested",
    "pickup-processing": "pickup_requested",
    "ready-for-delivery": "at_destination_hub",
    "delivery-in-progress": "out_for_delivery",
    "delivered": "delivered",
    "agent-hold": "on_hold",
    "agent-returning": "returning",
    "returned": "returned",
    "agent-area-change": "in_transit",
    "cancelled": "cancelled",
}


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`pickup_stores`: its stores by our places, `pickup_store_id`: of any other place. Sandbox: https://sandbox.redx.com.bd/v1.0.0-beta."""

    pickup_stores: courier.PickupStores = {}
    pickup_store_id: Annotated[str, Meta(pattern=r"^[0-9]{0,18}$")] = ""
    pickup_area_id: Annotated[str, Meta(pattern=r"^[0-9]{0,18}$")] = ""
    closed_box: bool = False
    base_url: Annotated[str, Meta(pattern=r"^https?://", max_length=200)] = "https://openapi.redx.com.bd/v1.0.0-beta"
    tracking_url: Annotated[str, Meta(max_length=200)] = "https://redx.com.bd/track-parcel/?trackingId={consignment}"


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """Its token, and the one that we put into the address of our hook (`?token=…`)."""

    access_token: Annotated[str, Meta(min_length=1, max_length=4000)]
    webhook_token: Annotated[str, Meta(min_length=8, max_length=200)] = ""


def book(connection: Connection, it: Consignment, now: datetime) -> Conversation[Booked | Declined]:
    """`POST /parcel`. Cash in whole taka, weight in grams."""
    del now
    phone = fitting.mobile(it.recipient.phone)
    where = fitting.address(it.recipient, most=ADDRESS_MOST)
    if phone is None or not where:
        return Declined("phone_invalid" if phone is None else "address_incomplete", "RedX wants a mobile of 11 digits and an address.")
    if not it.area.area_id.isdecimal():
        return Declined("area_unknown", "RedX takes parcels by its own area ids only.")
    parcel: dict[str, Any] = {
        "customer_name": fitting.name(it.recipient.name, least=NAME[0], most=NAME[1]),
        "customer_phone": phone,
        "delivery_area": fitting.plain(it.area.name),
        "delivery_area_id": int(it.area.area_id),
        "customer_address": where,
        "merchant_invoice_id": it.reference,
        "cash_collection_amount": str(fitting.taka(it.cash)),
        "parcel_weight": max(it.weight_g, WEIGHT_LEAST_G),
        "value": str(fitting.taka(it.value)),
        "instruction": fitting.cut(fitting.plain(it.instruction), TEXT_MOST),
        "is_closed_box": connection.config.closed_box,
    }
    store = connection.config.pickup_stores.get(it.pickup, connection.config.pickup_store_id)
    reply = yield from ask(_request(connection, "POST", "/parcel", parcel | ({"pickup_store_id": int(store)} if store else {})))
    if reply.status >= 400:
        return _declined(answered(reply))
    number = fitting.word(reply.fields().get("tracking_id"), 100)
    if not number:
        raise Unknown("no_consignment", f"RedX answered {reply.status} without a tracking id")
    return Booked(number, connection.config.tracking_url.replace("{consignment}", number), cash=fitting.taka(it.cash) * 100)


def _declined(reply: Reply) -> Declined:
    said = reply.fields()
    text = fitting.word(said.get("message") or said.get("error")) or f"answered {reply.status}"
    if reply.status in (401, 403):
        return Declined("credentials", text, final=False)
    return Declined("area_not_served" if "area" in text.lower() else "refused", text, final=reply.status in (400, 404, 422))


def track(connection: Connection, known: Known, now: datetime) -> Conversation[tuple[Scan, ...]]:
    """`GET /parcel/info/{id}`: its last word. It names no time and no amount."""
    reply = yield from ask(_request(connection, "GET", f"/parcel/info/{fitting.segment(known.consignment)}"))
    parcel = answered(reply, question=True).fields().get("parcel")
    word = fitting.word(parcel.get("status"), 60).lower() if isinstance(parcel, dict) else ""
    if not word:
        return ()
    return (
        Scan(
            at=now, timed=False, consignment=known.consignment, reference=known.reference, status=STATUSES.get(_plain(word), ""),
            said=word, known=_plain(word) in STATUSES,
        ),
    )  # fmt: skip


def cancel(connection: Connection, known: Known, reason: str) -> Conversation[Recalled | Declined]:
    """`PATCH /parcels`: cancelled where it was not picked up yet; RedX refuses otherwise."""
    change = {"property_name": "status", "new_value": "cancelled", "reason": fitting.cut(fitting.plain(reason), TEXT_MOST)}
    asked = {"entity_type": "parcel-tracking-id", "entity_id": known.consignment, "update_details": change}
    reply = yield from ask(_request(connection, "PATCH", "/parcels", asked, repeatable=True))
    done = answered(reply).status < 400 and reply.fields().get("success", True) is not False
    return Recalled() if done else _declined(reply)


def price(connection: Connection, it: Consignment) -> Conversation[courier.Price | Declined]:
    """`GET /charge/charge_calculator`."""
    if not (it.area.area_id and connection.config.pickup_area_id):
        return Declined("area_unknown", "RedX prices by the areas of both ends.", final=False)
    asked = {
        "delivery_area_id": it.area.area_id, "pickup_area_id": connection.config.pickup_area_id,
        "cash_collection_amount": fitting.taka(it.cash), "weight": max(it.weight_g, WEIGHT_LEAST_G),
    }  # fmt: skip
    reply = yield from ask(_request(connection, "GET", f"/charge/charge_calculator?{urlencode(asked)}"))
    said = answered(reply, question=True).fields()
    fee = fitting.paisa(said.get("deliveryCharge"))
    return Declined("no_price", final=False) if fee is None else courier.Price(fee, fitting.paisa(said.get("codCharge")) or 0)


def areas(connection: Connection) -> Conversation[tuple[Reach, ...]]:
    """`GET /areas`: every area with its id and post code."""
    reply = yield from ask(_request(connection, "GET", "/areas"))
    rows = answered(reply, question=True).fields().get("areas")
    return tuple(
        Reach(
            courier.Area(
                zone_id=fitting.word(row.get("zone_id"), 30), area_id=fitting.word(row.get("id"), 30), name=fitting.word(row.get("name"))
            ),
            fitting.word(row.get("division_name")),
            fitting.word(row.get("district_name")),
            fitting.word(row.get("name")),
            fitting.word(row.get("post_code"), 12),
        )
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    )


def check(connection: Connection, now: datetime) -> Conversation[str]:
    """`GET /pickup/stores`: whether the token opens the door."""
    del now
    reply = courier.let_in(answered((yield from ask(_request(connection, "GET", "/pickup/stores"))), question=True))
    stores = reply.fields().get("pickup_stores")
    return f"{len(stores) if isinstance(stores, list) else 0} pickup stores"


def verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """`?token=<our token>`."""
    del now
    token = connection.secrets.webhook_token
    if not (hmac.compare_digest(hook.query.get("token", "").encode(), token.encode()) and token):
        raise courier.refused_hook()
    told = hook.fields()
    key = "|".join(str(told.get(name, "")) for name in ("tracking_number", "invoice_number", "status", "timestamp", "message_en"))
    return Heard(key, 200, b'{"success":true}', "application/json", keep=bool(told))


def heard(connection: Connection, hook: Hook, now: datetime) -> tuple[Scan, ...]:
    """One change of status, with a sentence in two languages."""
    del connection
    told = hook.fields()
    consignment, reference = fitting.word(told.get("tracking_number"), 100), fitting.word(told.get("invoice_number"), 100)
    if not (consignment or reference):
        return ()
    at = fitting.said_at(told.get("timestamp"))
    word = _plain(fitting.word(told.get("status"), 60))
    return (
        Scan(
            at=at or now, timed=at is not None, consignment=consignment, reference=reference, status=STATUSES.get(word, ""), said=word,
            message=fitting.word(told.get("message_en") or told.get("message_bn")), known=word in STATUSES or not word,
        ),
    )  # fmt: skip


def _plain(word: str) -> str:
    return word.strip().lower().replace("_", "-").replace(" ", "-")


def _request(connection: Connection, method: str, path: str, body: dict[str, Any] | None = None, *, repeatable: bool = False) -> Request:
    headers = {"api-access-token": f"Bearer {connection.secrets.access_token}", "accept": "application/json"}
    content = b"" if body is None else msgspec.json.encode(body)
    asks = method == "GET"
    return Request(
        method, connection.config.base_url.rstrip("/") + path, headers | ({"content-type": "application/json"} if content else {}),
        content, question=asks, repeatable=asks or repeatable,
    )  # fmt: skip


COURIER = Courier(
    code="redx", title="RedX", title_bn="রেডএক্স", config=Config, secrets=Secrets,
    capabilities=Capabilities(lookup="hook", needs_area=True), book=book, look_up=courier.cannot_look_up, track=track, cancel=cancel,
    price=price, areas=areas, check=check, verify=verify, heard=heard,
)  # fmt: skip

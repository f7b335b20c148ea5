"""RedX: areas, pickup stores, charges, parcels, tracking, cancelling by PATCH, and hooks that prove themselves by a token in the address.

Like Pathao it books what it is sent and cannot be asked by our reference; hooks name it as `invoice_number`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from haat_world import hooks, parcels
from haat_world.connections import Connection
from haat_world.couriers import places
from haat_world.truth import Consignment
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

PARTY = "redx"
TOKEN, HOOK_TOKEN = "redx-access-token", "redx-webhook-token"
API = "/v1.0.0-beta"
STATUS = {
    "booked": "pickup-pending",
    "pickup_requested": "pickup-processing",
    "pickup_failed": "pickup-pending",
    "picked_up": "pickup-processing",
    "in_transit": "agent-area-change",
    "at_destination_hub": "ready-for-delivery",
    "out_for_delivery": "delivery-in-progress",
    "delivery_failed": "agent-hold",
    "on_hold": "agent-hold",
    "delivered": "delivered",
    "partially_delivered": "delivered",
    "returning": "agent-returning",
    "returned": "returned",
    "cancelled": "cancelled",
    "lost": "agent-hold",
}
STORE = {"id": 1971, "name": "Haat", "address": "Tejgaon, Dhaka", "area_name": "Tejgaon", "area_id": 1, "phone": "01700000000"}


def connection(url: str) -> Connection:
    config = {"base_url": f"{url}/{PARTY}{API}", "pickup_store_id": str(STORE["id"])}
    return Connection(PARTY, "courier", PARTY, config, {"access_token": TOKEN, "webhook_token": HOOK_TOKEN})


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    return [
        Operation("GET", f"{API}/areas", "areas", desk.areas),
        Operation("GET", f"{API}/pickup/stores", "stores", desk.stores),
        Operation("POST", f"{API}/pickup/store", "store", desk.add_store),
        Operation("GET", f"{API}/pickup/store/info/{{id}}", "store info", desk.store),
        Operation("GET", f"{API}/charge/charge_calculator", "price", desk.price),
        Operation("POST", f"{API}/parcel", "book", desk.book, lambda call: str(call.json()["merchant_invoice_id"])),
        Operation("GET", f"{API}/parcel/info/{{id}}", "info", desk.info, desk.reference),
        Operation("GET", f"{API}/parcel/track/{{id}}", "track", desk.track, desk.reference),
        Operation("PATCH", f"{API}/parcels", "cancel", desk.cancel, lambda call: str(call.json()["entity_id"])),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world
        self._stores: list[dict[str, Any]] = [dict(STORE)]
        parcels.resume(world, PARTY, self._tell)

    def reference(self, call: Call) -> str:
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        return "" if parcel is None else parcel.reference

    def areas(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        wanted = call.query.get("district_name", "").lower()
        found = [
            (area, name, city)
            for number, city in places.cities()
            if wanted in city.lower()
            for zone, _ in places.zones(number)
            for area, name in places.areas(zone)
        ]
        told = [
            {
                "id": area,
                "name": name,
                "post_code": 1000 + area % 9000,
                "district_name": city,
                "division_name": city,
                "zone_id": 1 if city == "Dhaka" else 7,
            }
            for area, name, city in found
        ]
        post_code = call.query.get("post_code")
        return Answer({"areas": [each for each in told if post_code in (None, str(each["post_code"]))]})

    def stores(self, call: Call) -> Answer:
        return Answer({"pickup_stores": self._stores}) if _known(call) else _unauthorized()

    def add_store(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        self._stores.append(call.json() | {"id": STORE["id"] + len(self._stores)})  # type: ignore[operator]
        return Answer(self._stores[-1], 201)

    def store(self, call: Call) -> Answer:
        found = next((each for each in self._stores if str(each["id"]) == call.path["id"]), None)
        return _unauthorized() if not _known(call) else _missing() if found is None else Answer({"pickup_store": found})

    def price(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        asked = call.query
        area = int(asked.get("delivery_area_id") or 0)
        city = dict(places.cities()).get(area // 1000, "")
        fee = parcels.fee(city, int(float(asked.get("weight") or 500)))
        cash = round(float(asked.get("cash_collection_amount") or 0) * 100)
        return Answer({"deliveryCharge": fee / 100, "codCharge": cash * parcels.COD_FEE_PERMILLE // 1000 / 100})

    def book(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        asked, world = call.json(), self._world
        wrong = _wrong(asked)
        if wrong:
            return Answer({"name": "ValidationError", "message": f"{wrong} is invalid", "validation_errors": {wrong: ["invalid"]}}, 400)
        reference = str(asked.get("merchant_invoice_id") or "")
        number = world.count(PARTY, "id", reference)
        address = f"{asked['customer_address']} {asked['delivery_area']}"
        parcel = Consignment(
            party=PARTY,
            id=f"{world.now():%y%m%d}{world.word(8, PARTY, reference, number)}",
            reference=reference,
            cash=round(float(asked["cash_collection_amount"]) * 100),
            status="created",
            created_at=world.now(),
            phone=str(asked["customer_phone"]),
            fee=parcels.fee(address, int(float(asked["parcel_weight"]))),
            more={"asked": asked},
        )
        parcels.start(world, parcel, self._tell, address=address)
        self._tell(parcel, None)
        return Answer({"tracking_id": parcel.id}, 201)

    def info(self, call: Call) -> Answer:
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        if not _known(call) or parcel is None:
            return _missing() if _known(call) else _unauthorized()
        asked = parcel.more["asked"]
        kept = {
            name: asked.get(name)
            for name in (
                "customer_address",
                "customer_name",
                "customer_phone",
                "delivery_area",
                "delivery_area_id",
                "merchant_invoice_id",
                "instruction",
                "value",
                "parcel_weight",
            )
        }
        more = {
            "tracking_id": parcel.id,
            "status": STATUS[parcel.status],
            "charge": parcel.fee / 100,
            "created_at": _time(parcel.created_at),
            "cash_collection_amount": (parcel.collected or parcel.cash) / 100,
            "pickup_location": STORE,
        }
        return Answer({"parcel": kept | more})

    def track(self, call: Call) -> Answer:
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        if not _known(call) or parcel is None:
            return _missing() if _known(call) else _unauthorized()
        rows = [{"message_en": _sentence(status), "message_bn": _sentence(status), "time": _time(at)} for at, status, _ in parcel.history]
        return Answer({"tracking": rows})

    def cancel(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        asked = call.json()
        change = asked.get("update_details") or {}
        parcel = self._world.truth.consignments.get((PARTY, str(asked.get("entity_id"))))
        if parcel is None or asked.get("entity_type") != "parcel-tracking-id":
            return _missing()
        if change.get("property_name") != "status" or change.get("new_value") != "cancelled":
            return Answer({"success": False, "message": "Invalid property"}, 400)
        if not parcels.recall(self._world, parcel):
            return Answer({"success": False, "message": "The parcel cannot be cancelled any more"}, 400)
        self._tell(parcel, None)
        return Answer({"success": True, "message": "Successfully updated parcel"})

    def _tell(self, parcel: Consignment, leg: parcels.Leg | None) -> None:
        if leg is not None and leg.status == "remitted":
            return
        status = STATUS[parcel.status]
        reason = leg.reason.replace("_", " ") if leg is not None and leg.reason else ""
        text = f"{_sentence(parcel.status)}{f': {reason}' if reason else ''}"
        told = {
            "tracking_number": parcel.id,
            "timestamp": _time(self._world.now()),
            "status": status,
            "message_en": text,
            "message_bn": text,
            "invoice_number": parcel.reference,
        }
        older = told | {"status": "ready-for-delivery", "message_en": _sentence("at_destination_hub")}
        target = self._world.hooks.get(PARTY, "")
        hooks.send(
            self._world,
            hooks.Hook(
                party=PARTY,
                event=status,
                reference=parcel.reference,
                url=f"{target}?token={HOOK_TOKEN}" if target else "",
                write=lambda _: ({"content-type": "application/json"}, msgspec.json.encode(told)),
                against=lambda _: ({"content-type": "application/json"}, msgspec.json.encode(older)),
            ),
        )


def _wrong(asked: Mapping[str, Any]) -> str:
    """The first field that does not fit, or nothing."""
    for name in ("customer_name", "customer_phone", "delivery_area", "delivery_area_id", "customer_address", "merchant_invoice_id"):
        if not asked.get(name):
            return name
    try:
        cash, weight = float(str(asked.get("cash_collection_amount"))), float(str(asked.get("parcel_weight")))
    except ValueError:
        return "cash_collection_amount"
    return "cash_collection_amount" if cash < 0 else "parcel_weight" if weight <= 0 else ""


def _sentence(status: str) -> str:
    return f"Parcel is {status.replace('_', ' ')}"


def _time(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _known(call: Call) -> bool:
    return call.headers.get("api-access-token") == f"Bearer {TOKEN}"


def _unauthorized() -> Answer:
    return Answer({"message": "Unauthorized"}, 401)


def _missing() -> Answer:
    return Answer({"message": "Not found"}, 404)

"""A courier of no fame, with the API that such a courier would write today: JSON, our own reference unique, HMAC on its hooks.

POST /parcels · GET /parcels?reference= · GET /parcels/{id} with all scans · POST /parcels/{id}/cancellation. Amounts in whole taka.
Haat reaches it through its generic connector, by configuration alone.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Any

import msgspec

from haat_world import hooks, parcels
from haat_world.connections import Connection
from haat_world.truth import Consignment
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

PARTY = "courier"
KEY, SECRET = "courier-key", "courier-webhook-secret"


def connection(url: str) -> Connection:
    body = {
        "reference": "{reference}",
        "name": "{name}",
        "phone": "{phone_local}",
        "address": "{address}",
        "cash": "{cash}",
        "weight_g": "{weight_g}",
    }
    named = {"consignment": "id", "tracking_url": "tracking_url", "fee": "fee"}
    config: dict[str, object] = {
        "base_url": f"{url}/{PARTY}",
        "headers": {"authorization": "Bearer {key}"},
        "book": {"path": "/parcels", "body": body, "repeatable": True, **named},
        "look_up": {"method": "GET", "path": "/parcels/by-reference/{reference}", **named},
        "track": {"method": "GET", "path": "/parcels/{consignment}"},
        "cancel": {"path": "/parcels/{consignment}/cancellation", "body": {"reason": "{reason}"}},
        "said": {"each": "scans", "consignment": "id"},
        "hook": {"consignment": "id"},
        "signature": {"header": "x-courier-signature", "time_header": "x-courier-time", "age_s": 86_400},
        "statuses": {
            name: name
            for name in (
                "booked",
                "pickup_requested",
                "pickup_failed",
                "picked_up",
                "in_transit",
                "at_destination_hub",
                "out_for_delivery",
                "delivery_failed",
                "delivered",
                "partially_delivered",
                "returning",
                "returned",
                "cancelled",
                "lost",
            )
        },
        "reasons": {name: name for name in [*parcels.ABSENT, *parcels.REFUSED, "seller_not_ready", "lost"]},
    }
    return Connection(PARTY, "courier", "generic", config, {"key": KEY, "webhook_secret": SECRET}, priority=200)


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    return [
        Operation("POST", "/parcels", "book", desk.book, lambda call: str(call.json()["reference"])),
        Operation("GET", "/parcels/by-reference/{reference}", "look up", desk.look_up, lambda call: call.path["reference"]),
        Operation("GET", "/parcels/{id}", "track", desk.track, desk.reference),
        Operation("POST", "/parcels/{id}/cancellation", "cancel", desk.cancel, desk.reference),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world
        parcels.resume(world, PARTY, self._tell)

    def reference(self, call: Call) -> str:
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        return "" if parcel is None else parcel.reference

    def book(self, call: Call) -> Answer:
        """The same reference again is the same parcel."""
        if not _known(call):
            return _unauthorized()
        asked, world = call.json(), self._world
        try:
            cash, weight = int(asked["cash"]), int(asked.get("weight_g") or 500)
            reference, address, phone = str(asked["reference"]), str(asked["address"]), str(asked["phone"])
        except (KeyError, TypeError, ValueError):
            return Answer({"message": "A field is missing or cannot be read"}, 422)
        if cash < 0 or not reference or not address:
            return Answer({"message": "A field is empty"}, 422)
        before = world.truth.booked_for(PARTY, reference)
        if before:
            return Answer(self._told(before[0]))
        parcel = Consignment(
            party=PARTY, id=f"C{world.digits(10, PARTY, reference)}", reference=reference, cash=cash * 100, status="created",
            created_at=world.now(), phone=phone, fee=parcels.fee(address, weight),
        )  # fmt: skip
        parcels.start(world, parcel, self._tell, address=address)
        return Answer(self._told(parcel), 201)

    def look_up(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        found = self._world.truth.booked_for(PARTY, call.path["reference"])
        return Answer(self._told(found[0])) if found else Answer({"message": "Not found"}, 404)

    def track(self, call: Call) -> Answer:
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        if not _known(call) or parcel is None:
            return _unauthorized() if not _known(call) else Answer({"message": "Not found"}, 404)
        scans = [_scan(parcel, status, at, collected) for at, status, collected in parcel.history]
        return Answer(self._told(parcel) | {"scans": scans})

    def cancel(self, call: Call) -> Answer:
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        if not _known(call) or parcel is None:
            return _unauthorized() if not _known(call) else Answer({"message": "Not found"}, 404)
        if parcel.status in parcels.FINAL and parcel.status != "cancelled":
            return Answer({"message": f"It is {parcel.status} already"}, 409)
        if parcels.recall(self._world, parcel):
            self._send(parcel, _scan(parcel, "cancelled", self._world.now(), 0))
        return Answer(self._told(parcel))

    def _tell(self, parcel: Consignment, leg: parcels.Leg) -> None:
        if leg.status != "remitted":
            self._send(parcel, _scan(parcel, leg.status, self._world.now(), leg.collected) | ({"reason": leg.reason} if leg.reason else {}))

    def _send(self, parcel: Consignment, told: dict[str, Any]) -> None:
        older = told | {"status": "in_transit", "at": _time(parcel.created_at)}
        hook = hooks.Hook(party=PARTY, event=str(told["status"]), reference=parcel.reference, write=lambda now: _signed(told, now),
                          against=lambda now: _signed(older, now))  # fmt: skip
        hooks.send(self._world, hook)

    def _told(self, parcel: Consignment) -> dict[str, Any]:
        url = f"{self._world.url}/{PARTY}/tracking/{parcel.id}"
        return {"id": parcel.id, "reference": parcel.reference, "status": parcel.status, "fee": parcel.fee / 100, "tracking_url": url}


def _scan(parcel: Consignment, status: str, at: datetime, collected: int) -> dict[str, Any]:
    told: dict[str, Any] = {"id": parcel.id, "reference": parcel.reference, "status": status, "at": _time(at)}
    return told | ({"collected": collected / 100} if status in ("delivered", "partially_delivered") else {})


def _signed(told: dict[str, Any], now: datetime) -> hooks.Written:
    body, at = msgspec.json.encode(told), str(int(now.timestamp()))
    signature = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "x-courier-signature": signature, "x-courier-time": at}, body


def _time(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _known(call: Call) -> bool:
    return call.headers.get("authorization") == f"Bearer {KEY}"


def _unauthorized() -> Answer:
    return Answer({"message": "Unauthorized"}, 401)

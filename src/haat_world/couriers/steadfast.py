"""Steadfast: booking by our invoice (unique), status by any of three names, balance, payments, returns, and its hooks.

There is no transit status: `in_review`, then `pending` until somebody stood at the door, then a claim that is `…_approval_pending`
before it is final. `cod_amount` is the parcel's value in every message and means money on `delivered` only.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from haat_world import hooks, parcels
from haat_world.amounts import taka
from haat_world.clock import dhaka
from haat_world.connections import Connection
from haat_world.truth import Consignment
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

PARTY = "steadfast"
ACCOUNT = {"api_key": "steadfast-api-key", "secret_key": "steadfast-secret-key"}
TOKEN = "steadfast-webhook-token"  # noqa: S105 of this world only
API = "/api/v1"
BULK_MAX = 500
INVOICE = re.compile(r"[A-Za-z0-9_-]{1,100}")
STATUS = {
    "booked": "in_review",
    "pickup_requested": "in_review",
    "pickup_failed": "in_review",
    "picked_up": "pending",
    "in_transit": "pending",
    "at_destination_hub": "pending",
    "out_for_delivery": "pending",
    "delivery_failed": "hold",
    "on_hold": "hold",
    "delivered": "delivered",
    "partially_delivered": "partial_delivered",
    "returning": "cancelled_approval_pending",
    "returned": "cancelled",
    "cancelled": "cancelled",
    "lost": "unknown",
}
TEXTS = {
    "picked_up": "Consignment has been received at the pickup hub.",
    "in_transit": "Consignment sent to hub.",
    "at_destination_hub": "Consignment received at the destination hub.",
    "out_for_delivery": "Consignment assigned to rider.",
}


def connection(url: str) -> Connection:
    return Connection(PARTY, "courier", PARTY, {"base_url": f"{url}/{PARTY}{API}"}, ACCOUNT | {"webhook_token": TOKEN})


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    return [
        Operation("POST", f"{API}/create_order", "book", desk.book, lambda call: str(call.json()["invoice"])),
        Operation("POST", f"{API}/create_order/bulk-order", "book many", desk.book_many),
        Operation("POST", f"{API}/create_bulk_order", "book many", desk.book_many),
        Operation("GET", f"{API}/status_by_cid/{{id}}", "status", desk.status, lambda call: call.path["id"]),
        Operation("GET", f"{API}/status_by_invoice/{{id}}", "status", desk.status, lambda call: call.path["id"]),
        Operation("GET", f"{API}/status_by_trackingcode/{{id}}", "status", desk.status, lambda call: call.path["id"]),
        Operation("GET", f"{API}/get_balance", "balance", desk.balance),
        Operation("POST", f"{API}/create_return_request", "return", desk.take_back),
        Operation("GET", f"{API}/get_return_requests", "returns", desk.returns),
        Operation("GET", f"{API}/payments", "payments", desk.payments),
        Operation("GET", f"{API}/payments/{{id}}", "payment", desk.payment),
        Operation("GET", f"{API}/police_stations", "places", desk.stations),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world
        self._returns: list[dict[str, Any]] = []
        parcels.resume(world, PARTY, self._tell)

    def book(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        made = self._booked(call.json())
        if isinstance(made, dict):
            return Answer({"status": 400, "errors": made}, 400)
        return Answer({"status": 200, "message": "Consignment has been created successfully.", "consignment": self._told(made)})

    def book_many(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        rows = call.json().get("data", [])
        rows = msgspec.json.decode(rows) if isinstance(rows, str) else rows
        if not isinstance(rows, list) or not 0 < len(rows) <= BULK_MAX:
            return Answer({"status": 400, "message": f"Maximum {BULK_MAX} items are allowed."}, 400)
        told: list[dict[str, Any]] = []
        for row in rows:
            made = self._booked(row)
            kept = {
                name: row.get(name) for name in ("invoice", "recipient_name", "recipient_phone", "recipient_address", "cod_amount", "note")
            }
            failed = {"consignment_id": None, "tracking_code": None, "status": "error"}
            told.append(kept | failed if isinstance(made, dict) else self._told(made) | {"status": "success"})
        return Answer(told)

    def _booked(self, asked: Mapping[str, Any]) -> Consignment | dict[str, list[str]]:
        world, invoice = self._world, str(asked.get("invoice") or "")
        wrong = _wrong(asked)
        if world.truth.booked_for(PARTY, invoice):
            wrong["invoice"] = ["The invoice has already been taken."]
        if wrong:
            return wrong
        address = str(asked["recipient_address"])
        parcel = Consignment(
            party=PARTY,
            id=world.digits(9, PARTY, invoice),
            reference=invoice,
            cash=round(float(asked["cod_amount"]) * 100),
            status="created",
            created_at=world.now(),
            phone=str(asked["recipient_phone"]),
            fee=parcels.fee(address, 500),
            more={"asked": dict(asked), "code": world.word(9, PARTY, "tracking", invoice)},
        )
        parcels.start(world, parcel, self._tell, address=address)
        return parcel

    def status(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        parcel = self._found(call.path["id"])
        if parcel is None:
            return Answer({"status": 404, "message": "Consignment not found"}, 404)
        return Answer({"status": 200, "delivery_status": STATUS[parcel.status]})

    def balance(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        ours = [p for p in self._world.truth.consignments.values() if p.party == PARTY and not p.remitted]
        return Answer({"status": 200, "current_balance": sum(p.collected - parcels.kept(p) for p in ours if p.collected) / 100})

    def take_back(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        asked = call.json()
        parcel = self._found(str(asked.get("consignment_id") or asked.get("invoice") or asked.get("tracking_code") or ""))
        if parcel is None:
            return Answer({"status": 404, "message": "Consignment not found"}, 404)
        parcels.recall(self._world, parcel)
        made = {
            "id": len(self._returns) + 1,
            "user_id": 1,
            "consignment_id": int(parcel.id),
            "reason": asked.get("reason"),
            "status": "pending",
            "created_at": self._world.now().isoformat(),
            "updated_at": self._world.now().isoformat(),
        }
        self._returns.append(made)
        return Answer(made)

    def returns(self, call: Call) -> Answer:
        return Answer(self._returns) if _known(call) else _unauthorized()

    # Money

    def payments(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        return Answer({"status": 200, "data": [_invoice(number, found) for number, found in parcels.invoices(self._world, PARTY).items()]})

    def payment(self, call: Call) -> Answer:
        if not _known(call):
            return _unauthorized()
        for number, found in parcels.invoices(self._world, PARTY).items():
            if call.path["id"] in (number, str(_number(number))):
                rows = [
                    {
                        "consignment_id": int(p.id),
                        "invoice": p.reference,
                        "cod_amount": p.collected / 100,
                        "delivery_charge": parcels.kept(p) / 100,
                        "status": STATUS[p.status],
                    }
                    for p in found
                ]
                return Answer({"status": 200, **_invoice(number, found), "consignments": rows})
        return Answer({"status": 404, "message": "Payment not found"}, 404)

    def stations(self, call: Call) -> Answer:
        names = ("Mirpur", "Uttara", "Dhanmondi", "Gulshan")
        return (
            Answer([{"id": n, "name": name, "district": "Dhaka"} for n, name in enumerate(names, 1)]) if _known(call) else _unauthorized()
        )

    # Hooks

    def _tell(self, parcel: Consignment, leg: parcels.Leg) -> None:
        """A claim at the door is approved a little later; on the way there are sentences only."""
        if leg.status == "remitted":
            return
        if leg.status in TEXTS:
            self._send(parcel, "tracking_update", TEXTS[leg.status])
        if leg.status == "partially_delivered":
            self._send(parcel, "tracking_update", f"Amount has been changed from {taka(parcel.cash)} to {taka(parcel.collected)}.")
        status = STATUS[leg.status]
        if status in ("delivered", "partial_delivered"):
            self._send(parcel, f"{status}_approval_pending", "Delivered by rider, waiting for approval.")
            self._send(parcel, status, "Consignment has been marked as delivered.", after=timedelta(seconds=self._world.habits.leg_s / 4))
        elif leg.status not in ("pickup_requested", "pickup_failed", "in_transit", "at_destination_hub", "out_for_delivery"):
            self._send(parcel, status, (leg.reason or leg.status).replace("_", " ").capitalize())

    def _send(self, parcel: Consignment, said: str, text: str, *, after: timedelta = timedelta()) -> None:
        headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
        told: dict[str, Any] = {
            "notification_type": "delivery_status",
            "consignment_id": int(parcel.id),
            "invoice": parcel.reference,
            "status": said,
            "cod_amount": (parcel.collected or parcel.cash) / 100,
            "delivery_charge": parcel.fee / 100,
            "tracking_message": text,
            "updated_at": dhaka(self._world.now() + after, "%Y-%m-%d %H:%M:%S"),
        }
        if said == "tracking_update":
            told["notification_type"] = said
            told = {name: told[name] for name in ("notification_type", "consignment_id", "invoice", "tracking_message", "updated_at")}
        older = told | {"status": "pending"}
        hook = hooks.Hook(
            party=PARTY,
            event=said,
            reference=parcel.reference,
            write=lambda _: (headers, msgspec.json.encode(told)),
            against=lambda _: (headers, msgspec.json.encode(older)),
        )
        hooks.send(self._world, hook, after=after)

    def _found(self, name: str) -> Consignment | None:
        books = self._world.truth
        found = [books.consignments.get((PARTY, name)), *books.booked_for(PARTY, name), books.booked_as.get((PARTY, name))]
        return next((p for p in found if p is not None), None)

    def _told(self, parcel: Consignment) -> dict[str, Any]:
        asked = parcel.more["asked"]
        kept = {name: asked.get(name) for name in ("recipient_name", "recipient_phone", "recipient_address", "note")}
        return {
            "consignment_id": int(parcel.id),
            "invoice": parcel.reference,
            "tracking_code": parcel.more["code"],
            **kept,
            "cod_amount": parcel.cash / 100,
            "status": STATUS[parcel.status],
            "created_at": parcel.created_at.isoformat(),
        }


def _wrong(asked: Mapping[str, Any]) -> dict[str, list[str]]:
    name, phone, address = (str(asked.get(field) or "") for field in ("recipient_name", "recipient_phone", "recipient_address"))
    try:
        cash = float(str(asked.get("cod_amount")))
    except ValueError:
        cash = -1
    checks = {
        "invoice": INVOICE.fullmatch(str(asked.get("invoice") or "")) is not None,
        "recipient_name": 0 < len(name) <= 100,
        "recipient_phone": len(phone) == 11 and phone.isdigit(),
        "recipient_address": 0 < len(address) <= 250,
        "cod_amount": cash >= 0,
    }
    return {field: [f"The {field.replace('_', ' ')} field is invalid."] for field, fits in checks.items() if not fits}


def _invoice(number: str, found: list[Consignment]) -> dict[str, Any]:
    collected, kept = sum(p.collected for p in found), sum(parcels.kept(p) for p in found)
    return {
        "id": _number(number),
        "payment_id": number,
        "amount": (collected - kept) / 100,
        "total_cod": collected / 100,
        "delivery_charge": kept / 100,
        "date": number.rsplit("-", 1)[-1],
        "status": "paid",
    }


def _number(number: str) -> int:
    return int(number.rsplit("-", 1)[-1])


def _known(call: Call) -> bool:
    return {"api_key": call.headers.get("api-key"), "secret_key": call.headers.get("secret-key")} == ACCOUNT


def _unauthorized() -> Answer:
    return Answer({"status": 401, "message": "Unauthorized Access"}, 401)

"""Pathao's merchant API «Aladdin»: token, places, stores, price, orders one and many, info, and its events.

It has no question by our own reference: a lost answer is settled by `order.created`, which names it. Events prove themselves with
the shared secret only; the address is proven first by a `webhook_integration` that wants 202 and a fixed header back.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat_world import hooks, parcels
from haat_world.clock import dhaka
from haat_world.connections import Connection
from haat_world.couriers import places
from haat_world.truth import Consignment
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

PARTY = "pathao"
ACCOUNT = {"client_id": "pathao-client", "client_secret": "pathao-secret", "username": "shop@example.com", "password": "pathao-password"}
STORE = 1971
SECRET, INTEGRATION = "pathao-webhook-secret", "f3992ecc-59da-4cbe-a049-a13da2018d51"
API = "/aladdin/api/v1"
TOKEN_S = 432_000
EVENTS = {
    "booked": "order.created",
    "pickup_requested": "order.pickup-requested",
    "picked_up": "order.picked",
    "pickup_failed": "order.pickup-failed",
    "in_transit": "order.in-transit",
    "at_destination_hub": "order.received-at-last-mile-hub",
    "out_for_delivery": "order.assigned-for-delivery",
    "delivered": "order.delivered",
    "partially_delivered": "order.partial-delivery",
    "delivery_failed": "order.delivery-failed",
    "on_hold": "order.on-hold",
    "returning": "order.returned",
    "returned": "order.returned-to-merchant",
    "remitted": "order.paid",
    "cancelled": "order.pickup-cancelled",
    "lost": "order.on-hold",
}
SLUGS = {
    "booked": "Pending",
    "pickup_requested": "Pickup_Requested",
    "picked_up": "Picked",
    "pickup_failed": "Pickup_Failed",
    "in_transit": "In_Transit",
    "at_destination_hub": "Received_at_Last_Mile_HUB",
    "out_for_delivery": "Assigned_for_Delivery",
    "delivered": "Delivered",
    "partially_delivered": "Partial_Delivery",
    "delivery_failed": "Delivery_Failed",
    "on_hold": "On_Hold",
    "returning": "Return",
    "returned": "Returned_To_Merchant",
    "cancelled": "Pickup_Cancelled",
    "lost": "On_Hold",
}


def connection(url: str) -> Connection:
    config = {"base_url": f"{url}/{PARTY}", "store_id": str(STORE)}
    return Connection(PARTY, "courier", PARTY, config, ACCOUNT | {"webhook_secret": SECRET, "integration_secret": INTEGRATION})


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    reference = desk.reference
    return [
        Operation("POST", f"{API}/issue-token", "token", desk.token),
        Operation("GET", f"{API}/city-list", "cities", desk.cities),
        Operation("GET", f"{API}/cities/{{city}}/zone-list", "zones", desk.zones),
        Operation("GET", f"{API}/zones/{{zone}}/area-list", "areas", desk.areas),
        Operation("GET", f"{API}/stores", "stores", desk.stores),
        Operation("POST", f"{API}/stores", "store", desk.add_store),
        Operation("POST", f"{API}/merchant/price-plan", "price", desk.price),
        Operation("POST", f"{API}/orders", "book", desk.book, lambda call: str(call.json()["merchant_order_id"])),
        Operation("POST", f"{API}/orders/bulk", "book many", desk.book_many),
        Operation("GET", f"{API}/orders/{{id}}/info", "info", desk.info, reference),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world
        self._introduced = False
        self._stores: list[dict[str, Any]] = [{"store_id": STORE, "store_name": "Haat", "store_address": "Tejgaon, Dhaka", "is_active": 1,
                                               "city_id": 1, "zone_id": 101, "hub_id": 1, "is_default_store": True}]  # fmt: skip
        parcels.resume(world, PARTY, self._tell)

    def reference(self, call: Call) -> str:
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        return "" if parcel is None else parcel.reference

    def token(self, call: Call) -> Answer:
        asked = call.json()
        fits = all(asked.get(name) == ACCOUNT[name] for name in ("client_id", "client_secret"))
        if asked.get("grant_type") == "refresh_token":
            fits = fits and str(asked.get("refresh_token", "")).startswith("refresh-")
        else:
            fits = fits and asked.get("grant_type") == "password" and all(asked.get(n) == ACCOUNT[n] for n in ("username", "password"))
        if not fits:
            return Answer({"message": "The user credentials were incorrect", "type": "error", "code": 401}, 401)
        token = self._world.token(PARTY, timedelta(seconds=TOKEN_S))
        return Answer({"token_type": "Bearer", "expires_in": TOKEN_S, "access_token": token, "refresh_token": f"refresh-{token}"})

    # Places

    def cities(self, call: Call) -> Answer:
        return self._listed(call, [{"city_id": number, "city_name": name} for number, name in places.cities()])

    def zones(self, call: Call) -> Answer:
        return self._listed(call, [{"zone_id": number, "zone_name": name} for number, name in places.zones(int(call.path["city"]))])

    def areas(self, call: Call) -> Answer:
        found = places.areas(int(call.path["zone"]))
        more = {"home_delivery_available": True, "pickup_available": True}
        return self._listed(call, [{"area_id": number, "area_name": name} | more for number, name in found])

    def stores(self, call: Call) -> Answer:
        return self._listed(call, self._stores)

    def add_store(self, call: Call) -> Answer:
        if not self._known(call):
            return _unauthorized()
        asked = call.json()
        if not 3 <= len(str(asked.get("name", ""))) <= 50:
            return _invalid({"name": ["The name field is required."]})
        store = {"store_id": STORE + len(self._stores), "store_name": asked["name"], "store_address": asked.get("address"), "is_active": 1,
                 "city_id": asked.get("city_id"), "zone_id": asked.get("zone_id"), "hub_id": 1}  # fmt: skip
        self._stores.append(store)
        return _done("Store created successfully, Please wait one hour for approval.", {"store_name": asked["name"]})

    def _listed(self, call: Call, rows: list[dict[str, Any]]) -> Answer:
        return _done("Fetched successfully.", {"data": rows}) if self._known(call) else _unauthorized()

    def price(self, call: Call) -> Answer:
        if not self._known(call):
            return _unauthorized()
        asked = call.json()
        city = dict(places.cities()).get(int(str(asked.get("recipient_city") or 0)), "")
        price = parcels.fee(city, int(float(str(asked.get("item_weight") or 0.5)) * 1000)) // 100
        return _done("price", {"price": price, "discount": 0, "promo_discount": 0, "plan_id": 69, "cod_enabled": 1, "cod_percentage": 0.01,
                               "additional_charge": 0, "final_price": price})  # fmt: skip

    # Orders

    def book(self, call: Call) -> Answer:
        if not self._known(call):
            return _unauthorized()
        asked = call.json()
        wrong = _wrong(asked)
        if wrong:
            return _invalid(wrong)
        parcel = self._booked(asked)
        return _done("Order Created Successfully", {"consignment_id": parcel.id, "merchant_order_id": parcel.reference,
                                                    "order_status": "Pending", "delivery_fee": parcel.fee // 100})  # fmt: skip

    def book_many(self, call: Call) -> Answer:
        """Taken now, made in a moment; only the events tell what came of each."""
        if not self._known(call):
            return _unauthorized()
        asked = call.json().get("orders", [])

        async def make() -> None:
            for each in asked:
                if not _wrong(each):
                    self._booked(each)

        self._world.agenda.after(timedelta(seconds=5), make)
        return Answer({"message": "Your bulk order creation request is accepted", "type": "success", "code": 202, "data": True}, 202)

    def _booked(self, asked: Mapping[str, Any]) -> Consignment:
        """Pathao books what it is sent, the same reference twice as well."""
        world, reference = self._world, str(asked.get("merchant_order_id") or "")
        number = world.count(PARTY, "id", reference)
        address = str(asked["recipient_address"])
        parcel = Consignment(
            party=PARTY, id=f"D{dhaka(world.now(), '%d%m%y')}{world.word(6, PARTY, reference, number)}", reference=reference,
            cash=int(asked["amount_to_collect"]) * 100, status="created", created_at=world.now(), phone=str(asked["recipient_phone"]),
            fee=parcels.fee(address, int(float(asked["item_weight"]) * 1000)),
        )  # fmt: skip
        parcels.start(world, parcel, self._tell, address=address)
        self._tell(parcel, parcels.Leg(timedelta(), "booked"))
        return parcel

    def info(self, call: Call) -> Answer:
        if not self._known(call):
            return _unauthorized()
        parcel = self._world.truth.consignments.get((PARTY, call.path["id"]))
        if parcel is None:
            return Answer({"message": "Order not found", "type": "error", "code": 404}, 404)
        slug = SLUGS[parcel.status]
        told = {
            "consignment_id": parcel.id,
            "merchant_order_id": parcel.reference,
            "order_status": slug.replace("_", " "),
            "order_status_slug": slug,
            "updated_at": _time(parcel.updated_at or parcel.created_at),
            "invoice_id": parcel.remitted or None,
        }
        return _done("Order info", told)

    # Events

    def _tell(self, parcel: Consignment, leg: parcels.Leg) -> None:
        if not self._introduced and PARTY in self._world.hooks:
            self._introduced = True
            self._send("webhook_integration", "", {"event": "webhook_integration"})
        event = EVENTS[leg.status]
        told: dict[str, Any] = {
            "event": event, "consignment_id": parcel.id, "merchant_order_id": parcel.reference, "store_id": STORE,
            "delivery_fee": parcel.fee / 100, "updated_at": _time(self._world.now()), "timestamp": self._world.now().isoformat(),
        }  # fmt: skip
        if leg.status in ("delivered", "partially_delivered"):
            told["collected_amount"] = leg.collected / 100
        if leg.reason:
            told["reason"] = leg.reason.replace("_", " ").capitalize()
        if leg.status == "remitted":
            told["invoice_id"] = parcel.remitted
        self._send(event, parcel.reference, told)

    def _send(self, event: str, reference: str, told: dict[str, Any]) -> None:
        headers = {"content-type": "application/json", "x-pathao-signature": SECRET}
        older = told | {"event": "order.in-transit"}
        hooks.send(self._world, hooks.Hook(
            party=PARTY, event=event, reference=reference, write=lambda _: (headers, msgspec.json.encode(told)),
            against=(lambda _: (headers, msgspec.json.encode(older))) if reference else None,
        ))  # fmt: skip

    def _known(self, call: Call) -> bool:
        return self._world.knows(PARTY, call.headers.get("authorization", "").removeprefix("Bearer "))


def _wrong(asked: Mapping[str, Any]) -> dict[str, list[str]]:
    """What does not fit its field, in Pathao's words."""
    text = {name: str(asked.get(name) or "") for name in ("recipient_name", "recipient_phone", "recipient_address")}
    try:
        weight, cash = float(str(asked.get("item_weight"))), int(str(asked.get("amount_to_collect")))
    except ValueError:
        weight, cash = 0, -1
    checks = {
        "store_id": str(asked.get("store_id")) == str(STORE),
        "recipient_name": 3 <= len(text["recipient_name"]) <= 100,
        "recipient_phone": len(text["recipient_phone"]) == 11 and text["recipient_phone"].startswith("01"),
        "recipient_address": 10 <= len(text["recipient_address"]) <= 220,
        "delivery_type": asked.get("delivery_type") in (48, 12),
        "item_type": asked.get("item_type") in (1, 2),
        "item_quantity": str(asked.get("item_quantity", "")).isdigit(),
        "item_weight": 0.5 <= weight <= 10,
        "amount_to_collect": cash >= 0,
    }
    return {name: [f"The {name.replace('_', ' ')} field is invalid."] for name, fits in checks.items() if not fits}


def _done(message: str, data: Any) -> Answer:
    return Answer({"message": message, "type": "success", "code": 200, "data": data})


def _invalid(errors: dict[str, list[str]]) -> Answer:
    return Answer({"message": "Please fix the given errors", "type": "error", "code": 422, "errors": errors}, 422)


def _unauthorized() -> Answer:
    return Answer({"message": "Unauthorized", "type": "error", "code": 401}, 401)


def _time(instant: datetime) -> str:
    return dhaka(instant, "%Y-%m-%d %H:%M:%S")

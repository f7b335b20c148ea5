"""Who may do what: every operation is tried with no key, with every role that it is not for, and on what is somebody else's."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from haat.domain.orders import events
from haat.faces.api import access
from tests.domain.orders.goods_cases import TEA, accepted, told
from tests.faces.served import OTHER_SKU, Served

KEYS = ("admin", "channel", "customer", "vendor")
#: A value for every parameter of a path; none of them names anything.
SOMETHING = {
    "id": str(uuid.UUID(int=7)), "payment": str(uuid.UUID(int=8)), "refund": str(uuid.UUID(int=9)),
    "shipment": str(uuid.UUID(int=10)), "exception": f"{uuid.UUID(int=7)}:1.0", "hold": "none", "code": "none", "sku": "NONE", "kind": "gateway", "token": "none",
    "channel": "none", "location": "none", "district": "none", "event": "placed", "role": "customer", "language": "en",
}  # fmt: skip


def operations(served: Served) -> Iterator[tuple[str, str, dict[str, Any]]]:
    with served.client(None) as client:
        for path, methods in client.get("/openapi.json").json()["paths"].items():
            for method, said in methods.items():
                yield method.upper(), path.format_map(SOMETHING), said


def ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    return client.request(method, path, content=b"{}", headers={"content-type": "application/json"})


def test_nobody_gets_in_without_a_key(served: Served) -> None:
    with served.client(None) as client:
        for method, path, said in operations(served):
            answer = ask(client, method, path)
            if said.get("x-roles"):
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), (method, path)
                assert answer.json()["code"] == "unauthenticated"
            elif path.startswith(("/pay/", "/orders/")):  # open to whoever holds the link, and «none» is nobody's
                assert answer.status_code == (404 if method == "GET" else 415), (method, path)
            elif path.startswith("/v1/hooks/"):  # open to all, as a signature proves who speaks, and nobody of ours is called «none»
                assert (answer.status_code, answer.json()["code"]) in ((404, "unknown_connection"), (415, "wrong_media_type")), (
                    method,
                    path,
                )
            else:
                assert answer.status_code == 200, (method, path)


@pytest.mark.parametrize("role", KEYS)
def test_an_operation_of_another_role_is_refused(served: Served, role: str) -> None:
    tried = 0
    with served.client(role) as client:
        for method, path, said in operations(served):
            if said.get("x-roles") and role not in said["x-roles"]:
                answer = ask(client, method, path)
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)
                tried += 1
    assert tried or role == "admin"


def test_a_key_does_what_its_scopes_say_and_no_more(served: Served) -> None:
    with served.client("packer") as client:
        for method, path, said in operations(served):
            if "vendor" not in said.get("x-roles", ()):
                continue
            answer = ask(client, method, path)
            if said["x-scope"] == "vendor_orders:read":
                assert answer.status_code in (200, 404), (method, path)
            else:
                assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), (method, path)


@pytest.mark.parametrize("role", ["other_channel", "customer", "other_customer"])
def test_somebody_elses_order_does_not_exist(served: Served, role: str) -> None:
    order = served.place()["id"]
    with served.client(role) as client:
        for method, path, said in operations(served):
            if not path.startswith("/v1/orders/") or said["x-roles"] == ["admin"] or role.rpartition("_")[2] not in said["x-roles"]:
                continue
            asked = said.get("requestBody", {}).get("content", {}).get("application/json", {})
            body = asked["examples"]["example"]["value"] if asked else None
            answer = client.request(method, path.replace(SOMETHING["id"], order), json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_order"), (method, path)
        assert order not in {each["id"] for each in client.get("/v1/orders", params={"limit": 200}).json()["data"]}


def test_somebody_elses_cart_does_not_exist(served: Served) -> None:
    with served.client("customer") as owner, served.client("other_customer") as other:
        cart = owner.post("/v1/carts", json={"lines": [{"sku": "DEMO-001"}]}).json()["id"]
        assert owner.get(f"/v1/carts/{cart}").status_code == 200
        assert other.get(f"/v1/carts/{cart}").status_code == 404


def test_a_vendor_meets_nothing_of_another_vendor(served: Served) -> None:
    with served.client("admin") as admin, served.client("other_vendor") as other:
        order = served.place()
        part = order["vendor_orders"][0]["id"]
        assert admin.get(f"/v1/vendor-orders/{part}").status_code == 200
        for path in (f"/v1/vendor-orders/{part}", "/v1/vendors/matir-tan", "/v1/vendors/matir-tan/kyc", "/v1/products/DEMO-001"):
            assert other.get(path).status_code == 404, path
        assert other.get("/v1/vendor-orders?vendor=matir-tan").status_code == 403
        assert other.get("/v1/products?vendor=matir-tan").status_code == 403
        assert other.get("/v1/stock?sku=DEMO-001").json()["data"] == []
        assert other.get("/v1/stock-movements?sku=DEMO-001").status_code == 404
        assert part not in {each["id"] for each in other.get("/v1/vendor-orders?limit=200").json()["data"]}
        moved = other.post(
            "/v1/stock-movements", json={"movements": [{"sku": "DEMO-001", "location": "sylhet", "quantity": 1, "reason": "receipt"}]}
        )
        assert (moved.status_code, moved.json()["code"]) == (422, "unknown_sku")
        taken = other.put("/v1/products/DEMO-001", json={"sku": "DEMO-001", "vendor": "khokon-sona", "name_en": "Mine now", "price": 1})
        assert (taken.status_code, taken.json()["code"]) == (409, "sku_taken")
        forged = other.put("/v1/products/NEW-1", json={"sku": "NEW-1", "vendor": "matir-tan", "name_en": "Theirs", "price": 1})
        assert (forged.status_code, forged.json()["code"]) == (403, "not_your_vendor")


def test_a_guest_token_opens_one_order_for_looking_and_cancelling(served: Served) -> None:
    order, another = served.place(), served.place()
    with served.client("channel") as channel:
        token = channel.post(f"/v1/orders/{order['id']}/tokens").json()["token"]
    with httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {token}"}) as guest:
        assert guest.get(f"/v1/orders/{order['id']}").json()["number"] == order["number"]
        assert guest.get(f"/v1/orders/{another['id']}").status_code == 404
        assert guest.get("/v1/orders").status_code == 403
        assert guest.post(f"/v1/orders/{order['id']}/holds", json={"kind": "MANUAL", "reason": "x"}).status_code == 403
        assert guest.post(f"/v1/orders/{order['id']}/cancellations", json={"reason": "mistake"}).status_code == 201
    with served.client(None) as nobody:
        assert nobody.get(f"/v1/orders/{order['id']}", params={"access_token": token}).status_code == 200
        assert nobody.get(f"/v1/orders/{order['id']}", params={"access_token": token[:-2] + "zz"}).status_code == 401


def test_a_key_in_an_address_opens_nothing(served: Served) -> None:
    with served.client(None) as nobody:
        assert nobody.get("/v1/orders", params={"access_token": served.keys["admin"]}).status_code == 401


def test_an_expired_key_says_so(served: Served) -> None:
    with served.client("expired") as client:
        answer = client.get("/v1/orders")
    assert (answer.status_code, answer.json()["code"]) == (401, "key_expired")


def test_a_revoked_key_opens_nothing_within_a_second(served: Served) -> None:
    with served.client("admin") as admin:
        made = admin.post("/v1/api-keys", json={"role": "channel", "subject": "web", "name": "short-lived"}).json()
        with httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {made['secret']}"}) as client:
            assert client.get("/v1/orders").status_code == 200
            gone = admin.delete(f"/v1/api-keys/{made['key']['id']}").json()
            assert gone["revoked_at"]
            until = time.monotonic() + 1
            while (answer := client.get("/v1/orders")).status_code == 200:
                assert time.monotonic() < until
        assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")
        assert made["secret"] not in admin.get("/v1/api-keys?limit=200").text


def test_a_key_that_asks_too_often_is_told_when_to_come_back(served: Served) -> None:
    with served.client("slow") as client:
        answers = [client.get("/v1/channels") for _ in range(12)]
    assert answers[0].headers["ratelimit-policy"] == '"minute";q=5;w=60'
    late = [answer for answer in answers if answer.status_code == 429]
    assert late, "twelve requests meet the limit of five a minute, even where a minute ends between them"
    assert late[0].json()["code"] == "rate_limited"
    assert int(late[0].headers["retry-after"]) in range(1, 62)
    assert late[0].headers["ratelimit"].startswith('"minute";r=0;t=')


def test_a_vendor_sees_its_part_of_an_order_and_nothing_else_of_it(served: Served) -> None:
    lines = [{"sku": "DEMO-001", "quantity": 1}, {"sku": OTHER_SKU, "quantity": 3}]
    order = served.place(lines=lines)
    with served.client("vendor") as vendor:
        seen = next(p for p in vendor.get("/v1/vendor-orders?limit=200").json()["data"] if p["order_id"] == order["id"])
        assert vendor.get(f"/v1/vendor-orders/{seen['id']}").json() == seen
    own = next(part for part in order["vendor_orders"] if part["vendor"] == "matir-tan")
    assert (seen["total"], seen["items"], seen["shipping"]) == (own["total"], own["items"], own["shipping"])
    assert [line["sku"] for line in seen["lines"]] == ["DEMO-001"]
    assert seen["ship_to"]["recipient"] == "Rahima Khatun"
    assert OTHER_SKU not in str(seen)
    assert str(order["totals"]["grand"]) not in str(seen)
    assert not {"totals", "adjustments", "coupons", "claims", "payments", "customer"} & set(seen)


@pytest.mark.parametrize("role", ["channel", "customer", "guest"])
def test_which_place_refused_what_is_for_staff(role: str) -> None:
    order = told(accepted(), [events.VendorOrderRejected(TEA, "closed")])
    assert order.vendor_orders[0].refusals
    assert all(part.refusals == () for part in access.shown_to(role, order).vendor_orders)
    assert access.shown_to("admin", order) is order

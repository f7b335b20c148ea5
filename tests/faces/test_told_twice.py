"""What is asked of an order under an Idempotency-Key happens once: told again, told twice at once, told again much later."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

from haat.domain import orders
from haat.faces.api import examples
from tests.faces.parcels import Tell, accepted, booked
from tests.faces.served import Served

events = orders.events
KEY = {"idempotency-key": "wish-1"}
ONE = [{"line_no": 1, "quantity": 1}]


class Case(msgspec.Struct, frozen=True):
    """Something that is asked twice: of which URL, by which two bodies, and how its effect is counted in the answer."""

    where: Callable[[Served, Tell], str]
    body: dict[str, Any]
    other: dict[str, Any]
    effect: Callable[[dict[str, Any]], int]


def _part(noun: str) -> Callable[[Served, Tell], str]:
    return lambda served, tell: f"/v1/vendor-orders/{accepted(served, tell, 4)['id']}/{noun}"


def _order(noun: str) -> Callable[[Served, Tell], str]:
    return lambda served, _: f"/v1/orders/{served.place()['id']}/{noun}"


def _shipment(noun: str) -> Callable[[Served, Tell], str]:
    return lambda served, tell: f"/v1/shipments/{booked(served, tell)}/{noun}"


CASES = {
    "a rejection of some units": Case(
        _part("rejections"), {"reason": "out_of_stock", "lines": ONE}, {"reason": "closed"}, lambda a: a["lines"][0]["buckets"]["reserved"]
    ),
    "a rejection of all of it": Case(_part("rejections"), {"reason": "closed"}, {"reason": "other"}, lambda a: a["rejections"]),
    "a reception of some units": Case(
        _shipment("receptions"), {"sound": ONE}, {"damaged": ONE}, lambda a: a["returned"][0]["quantity"]
    ),
    "a try at the door": Case(_shipment("scans"), examples.SCAN, {"status": "lost"}, lambda a: a["shipment"]["tries"] * len(a["scans"])),
    "a part that is packed": Case(
        _part("shipments"), {"lines": ONE}, {"weight_g": 5}, lambda a: sum(s["status"] == "packed" for s in a["shipments"])
    ),
    "a hold": Case(_order("holds"), examples.HOLD, examples.HOLD | {"detail": "Another."}, lambda a: len(a["holds"])),
    "a note": Case(_order("notes"), examples.NOTE, {"text": "Another."}, lambda a: len(a["notes"])),
}  # fmt: skip


def post(served: Served, url: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    with served.client("admin") as admin:
        return admin.post(url, json=body, headers=headers or KEY)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_told_again_under_its_key_it_is_answered_and_not_done(served: Served, tell: Tell, case: Case) -> None:
    url = case.where(served, tell)
    first, again = post(served, url, case.body), post(served, url, case.body)
    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert case.effect(first.json()) == 1
    assert again.json() == first.json()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_another_wish_under_the_same_key_is_refused_and_changes_nothing(served: Served, tell: Tell, case: Case) -> None:
    url = case.where(served, tell)
    first, other = post(served, url, case.body), post(served, url, case.other)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert post(served, url, case.body).json() == first.json()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_two_at_once_are_one(served: Served, tell: Tell, case: Case) -> None:
    url = case.where(served, tell)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: post(served, url, case.body), range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4, [answer.text for answer in answers]
    assert case.effect(post(served, url, case.body).json()) == 1


def test_another_key_is_another_wish(served: Served, tell: Tell) -> None:
    case = CASES["a rejection of some units"]
    url = case.where(served, tell)
    post(served, url, case.body)
    assert case.effect(post(served, url, case.body, {"idempotency-key": "wish-2"}).json()) == 2


def test_a_key_for_one_thing_is_free_for_another(served: Served, tell: Tell) -> None:
    part = accepted(served, tell, 4)
    body = {"reason": "out_of_stock", "lines": ONE}
    rejected, cancelled = (post(served, f"/v1/vendor-orders/{part['id']}/{noun}", body) for noun in ("rejections", "cancellations"))
    assert (rejected.status_code, cancelled.status_code) == (201, 201), cancelled.text
    assert cancelled.json()["lines"][0]["buckets"] == {"allocated": 3, "cancelled": 1}


def test_a_hold_that_was_released_does_not_come_back_when_it_is_told_again(served: Served, tell: Tell) -> None:
    case = CASES["a hold"]
    url = case.where(served, tell)
    hold = post(served, url, case.body).json()["holds"][0]["id"]
    with served.client("admin") as admin:
        assert admin.delete(f"{url}/{hold}").status_code == 200
    assert post(served, url, case.body).json()["holds"] == []


def test_a_parcel_that_came_after_a_packing_is_not_packed_when_it_is_told_again(served: Served, tell: Tell) -> None:
    part = accepted(served, tell, 3)
    url = f"/v1/vendor-orders/{part['id']}"
    post(served, f"{url}/rejections", {"reason": "out_of_stock", "lines": ONE})
    assert [s["status"] for s in post(served, f"{url}/shipments", {}).json()["shipments"]] == ["packed"]
    later = events.PlannedParcel(part["id"][:-4] + "beef", part["id"], "dhaka-tejgaon", (events.ParcelLine(1, 1),))
    tell(part["order_id"], lambda _: (events.OrderInventoryAllocated("plan-2", (later,)),))
    assert [s["status"] for s in post(served, f"{url}/shipments", {}).json()["shipments"]] == ["packed", "planned"]


def test_what_a_cancellation_called_back_is_not_cancelled_once_more_when_it_is_told_again(served: Served, tell: Tell) -> None:
    shipment = booked(served, tell)
    with served.client("admin") as admin:
        order_id = admin.get(f"/v1/shipments/{shipment}").json()["shipment"]["order_id"]
    url, body = f"/v1/orders/{order_id}/cancellations", {"reason": "changed_mind", "lines": ONE}
    asked = post(served, url, body).json()
    assert [f["what"] for f in asked["cancellation"]["fates"]] == ["recalling"]

    def home(order: orders.Order) -> tuple[Any, ...]:
        return orders.ascertaining.home(order, orders.fulfilling.parcel_of(order, shipment), reason="changed_mind", now=order.placed_at)

    tell(order_id, home)
    again = post(served, url, body)
    assert (again.status_code, again.json()["lines"][0]["buckets"]["cancelled"]) == (201, 1)
    other = post(served, url, body | {"detail": "another"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

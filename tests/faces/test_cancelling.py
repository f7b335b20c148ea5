"""A cancellation told twice cuts once: who lost the answer may ask again, for some units as for all of them."""

from typing import Any

from haat.faces.api import examples
from tests.faces.served import Served

KEY = {"idempotency-key": "stop-1"}
ONE = {"reason": "changed_mind", "lines": [{"line_no": 1, "quantity": 1}]}


def placed(served: Served, quantity: int) -> dict[str, Any]:
    order: dict[str, Any] = served.place(lines=[{"sku": examples.SKU, "quantity": quantity}])
    return order


def test_one_unit_that_is_cancelled_twice_under_one_key_is_one_unit(served: Served) -> None:
    order = placed(served, 3)
    with served.client("channel") as channel:
        url = f"/v1/orders/{order['id']}/cancellations"
        first, again = (channel.post(url, json=ONE, headers=KEY) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201), again.text
        assert first.json()["cancellation"]["released"] > 0
        assert (again.json()["version"], again.json()["cancellation"]["fates"]) == (first.json()["version"], [])
        assert again.json()["lines"][0]["buckets"]["cancelled"] == 1 and "wishes" not in again.json()
        other = channel.post(url, json={"reason": "changed_mind"}, headers=KEY)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        more = channel.post(url, json=ONE, headers={"idempotency-key": "stop-2"})
        assert more.json()["lines"][0]["buckets"]["cancelled"] == 2


def test_a_whole_order_that_is_cancelled_again_under_its_key_is_answered_as_it_stands(served: Served) -> None:
    order = placed(served, 2)
    with served.client("channel") as channel:
        url = f"/v1/orders/{order['id']}/cancellations"
        told = [channel.post(url, json={"reason": "mistake"}, headers=KEY) for _ in range(2)]
        assert [(t.status_code, t.json()["status"]) for t in told] == [(201, "cancelled")] * 2
        unnamed = channel.post(url, json={"reason": "mistake"})
        assert (unnamed.status_code, unnamed.json()["code"]) == (409, "not_in_this_status")

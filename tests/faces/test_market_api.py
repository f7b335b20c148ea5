"""The market's own people at work over HTTP: products, files of them, stock, vendors, rules of prices, and the feed."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from haat.faces.api import examples
from tests.faces.served import THIRD_SKU, Served


@pytest.fixture
def admin(served: Served) -> Iterator[httpx.Client]:
    with served.client("admin") as client:
        yield client


@pytest.fixture
def vendor(served: Served) -> Iterator[httpx.Client]:
    with served.client("vendor") as client:
        yield client


def sheet(sku: str, **said: Any) -> dict[str, Any]:
    return {"sku": sku, "vendor": examples.VENDOR_CODE, "name_en": f"Thing {sku}", "price": 10_000, **said}


def level(client: httpx.Client, sku: str, location: str = "dhaka-tejgaon") -> dict[str, Any]:
    found = client.get("/v1/stock", params={"sku": sku}).json()["data"]
    return next((each for each in found if each["location"] == location), {})


def test_a_product_is_written_once_and_changed_only_by_who_saw_it(vendor: httpx.Client) -> None:
    made = vendor.put("/v1/products/T-1/BLUE", json=sheet("T-1/BLUE"), headers={"if-none-match": "*"})
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', "/v1/products/T-1/BLUE")
    assert vendor.put("/v1/products/T-1/BLUE", json=sheet("T-1/BLUE")).headers["etag"] == '"1"'
    changed = vendor.put("/v1/products/T-1/BLUE", json=sheet("T-1/BLUE", price=12_000), headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["price"]) == (200, '"2"', 12_000)
    late = vendor.put("/v1/products/T-1/BLUE", json=sheet("T-1/BLUE", price=9_000), headers={"if-match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    again = vendor.put("/v1/products/T-1/BLUE", json=sheet("T-1/BLUE"), headers={"if-none-match": "*"})
    assert again.status_code == 412
    missing = vendor.put("/v1/products/T-0", json=sheet("T-0"), headers={"if-match": "*"})
    assert missing.status_code == 412
    assert vendor.get("/v1/products/T-1/BLUE", headers={"if-none-match": '"2"'}).status_code == 304


def test_a_product_of_nobody_is_refused(admin: httpx.Client) -> None:
    answer = admin.put("/v1/products/T-9", json=sheet("T-9", vendor="nobody"))
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_vendor")


def test_products_are_found_in_both_languages_page_by_page(served: Served, admin: httpx.Client) -> None:
    for asked in ("jamdani saree", "জামদানি শাড়ি", "JAM-SAREE"):
        found = admin.get("/v1/products", params={"q": asked}).json()["data"]
        assert found and all(each["sku"].startswith("JAM-") for each in found), asked
    seen: list[str] = []
    url = "/v1/products?category=food&limit=7"
    while url:
        page = admin.get(url)
        seen += [each["sku"] for each in page.json()["data"]]
        url = "/v1/products" + page.links["next"]["url"] if "next" in page.links else ""
    assert len(seen) == len(set(seen)) > 30
    with served.client("customer") as buyer:
        assert buyer.get("/v1/products/KHE-CARROM-L").status_code == 404, "a draft is nobody's but its vendor's"
        assert {each["status"] for each in buyer.get("/v1/products?vendor=mathe-khela&limit=200").json()["data"]} == {"active"}


def test_permission_to_sell_in_advance_reaches_the_stock_that_sells(served: Served, vendor: httpx.Client) -> None:
    late = {"kind": "preorder", "limit": 3, "expected_at": "2027-03-01T00:00:00Z"}
    assert vendor.put("/v1/products/T-PRE", json=sheet("T-PRE", backorder=late)).status_code == 201
    assert level(vendor, "T-PRE")["backorder_limit"] == 3
    with served.client("channel") as channel:
        body = examples.PLACE_ORDER | {"lines": [{"sku": "T-PRE", "quantity": 2}]}
        placed = channel.post("/v1/orders", json=body)
        assert placed.json()["lines"][0]["buckets"] == {"backordered": 2}
    assert vendor.put("/v1/products/T-PRE", json=sheet("T-PRE")).status_code == 200
    assert level(vendor, "T-PRE")["backorder_limit"] == 2, "what was promised stays promised"


def test_a_file_is_settled_row_by_row_and_its_errors_are_listed(vendor: httpx.Client) -> None:
    rows = [f'{{"sku":"F-{n}","vendor":"matir-tan","name_en":"Row {n}","price":{n}}}' for n in range(1, 1500)]
    rows[10] = '{"sku":"F-bad","vendor":"matir-tan","price":-1}'
    rows[20] = "not json"
    rows[30] = '{"sku":"F-theirs","vendor":"khokon-sona","name_en":"x","price":1}'
    body = "\n".join(rows).encode()
    chunks = (body[at : at + 7_001] for at in range(0, len(body), 7_001))
    done = vendor.post("/v1/product-imports?source=spring.ndjson", content=chunks, headers={"content-type": "application/x-ndjson"})
    assert done.status_code == 202, done.text
    job = vendor.get(done.headers["location"]).json()
    assert (job["status"], job["created"], job["rejected"], job["bytes_done"]) == ("done", 1496, 3, len(body))
    assert [error["line"] for error in job["errors"]] == [11, 21, 31]
    assert vendor.get("/v1/products/F-1499").json()["price"] == 1499
    assert vendor.get("/v1/product-imports").json()["data"][0]["source"] == "spring.ndjson"


def test_a_spreadsheet_is_a_file_too_and_another_form_is_none(vendor: httpx.Client) -> None:
    table = "sku,vendor,name_en,name_bn,price\nC-1,matir-tan,Cup,কাপ,1000\nC-2,matir-tan,Plate,থালা,2000\n"
    done = vendor.post("/v1/product-imports", content=table.encode(), headers={"content-type": "text/csv; charset=utf-8"})
    assert (done.status_code, done.json()["created"]) == (202, 2), done.text
    refused = vendor.post("/v1/product-imports", content=b"{}", headers={"content-type": "application/json"})
    assert refused.status_code == 415


def test_a_file_sent_again_under_its_key_is_imported_once(vendor: httpx.Client) -> None:
    body = "".join(f'{{"sku":"K-{n}","vendor":"matir-tan","name_en":"Row {n}","price":{n}}}\n' for n in range(1, 40)).encode()
    headers = {"content-type": "application/x-ndjson", "idempotency-key": f'"{uuid.uuid4()}"'}
    first, again = (vendor.post("/v1/product-imports", content=body, headers=headers).json() for _ in range(2))
    assert first == again
    other = vendor.post("/v1/product-imports", content=body + b"\n\n", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_an_upload_that_broke_off_goes_on_where_it_stood(served: Served, vendor: httpx.Client) -> None:
    rows = [f'{{"sku":"R-{n}","vendor":"matir-tan","name_en":"Row {n}","price":{n}}}\n'.encode() for n in range(1, 1201)]
    headers = {"content-type": "application/x-ndjson", "idempotency-key": str(uuid.uuid4()), "transfer-encoding": "chunked"}

    def half() -> Iterator[bytes]:
        yield b"".join(rows[:1100])
        raise ConnectionAbortedError

    with served.client("vendor") as breaking, pytest.raises(ConnectionAbortedError):
        breaking.post("/v1/product-imports", content=half(), headers=headers)
    done = vendor.post("/v1/product-imports", content=iter(rows), headers=headers)
    assert (done.status_code, done.json()["created"], done.json()["status"]) == (202, 1200, "done"), done.text


def test_stock_moves_once_per_movement_and_never_below_what_is_sold(vendor: httpx.Client) -> None:
    vendor.put("/v1/products/S-1", json=sheet("S-1"))
    one = {"id": str(uuid.uuid4()), "sku": "S-1", "location": "dhaka-tejgaon", "quantity": 5, "reason": "receipt"}
    for _ in range(2):
        assert vendor.post("/v1/stock-movements", json={"movements": [one]}).status_code == 201
    assert level(vendor, "S-1")["on_hand"] == 5
    keyed = {"movements": [{k: v for k, v in one.items() if k != "id"} | {"quantity": 2}] * 2}
    headers = {"idempotency-key": '"a-delivery"'}
    first = vendor.post("/v1/stock-movements", json=keyed, headers=headers)
    again = vendor.post("/v1/stock-movements", json=keyed, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() and len(first.json()["movements"]) == 2
    other = vendor.post("/v1/stock-movements", json={"movements": [one | {"id": str(uuid.uuid4())}]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    gone = vendor.post("/v1/stock-movements", json={"movements": [one | {"id": str(uuid.uuid4()), "quantity": -10, "reason": "loss"}]})
    assert (gone.status_code, gone.json()["code"]) == (409, "stock_would_go_negative")
    history = vendor.get("/v1/stock-movements?sku=S-1").json()["data"]
    assert sorted(each["quantity"] for each in history) == [2, 2, 5]
    assert level(vendor, "S-1")["on_hand"] == 9


def test_fifty_deliveries_under_one_key_are_one(served: Served, vendor: httpx.Client) -> None:
    vendor.put("/v1/products/S-2", json=sheet("S-2"))
    body = {"movements": [{"sku": "S-2", "location": "sylhet", "quantity": 3, "reason": "receipt"}]}

    def deliver(_: int) -> int:
        return vendor.post("/v1/stock-movements", json=body, headers={"idempotency-key": "fifty"}).status_code

    with ThreadPoolExecutor(16) as many:
        answers = sorted(many.map(deliver, range(50)))
    assert answers == [200] * 49 + [201]
    assert level(vendor, "S-2", "sylhet")["on_hand"] == 3


def test_what_is_kept_back_from_a_channel_is_not_available_to_it(served: Served, admin: httpx.Client) -> None:
    before = level(admin, THIRD_SKU)
    terms = {"sku": THIRD_SKU, "location": "dhaka-tejgaon", "safety": {"web": before["available"] - 1}}
    assert admin.put("/v1/stock-terms", json={"terms": [terms]}).status_code == 200
    with served.client("channel") as web, served.client("other_channel") as facebook:
        assert level(web, THIRD_SKU)["available"] == 1
        assert level(facebook, THIRD_SKU)["available"] == before["available"]
        assert "on_hand" not in level(web, THIRD_SKU)


def test_a_vendor_keeps_its_own_sheet_but_not_the_zone_that_prices_its_parcels(served: Served) -> None:
    with served.client("other_vendor") as own:
        now = own.get("/v1/vendors/khokon-sona")
        said = {k: now.json()[k] for k in ("code", "name_en", "name_bn", "city", "zone", "country", "hours", "closures")}
        away = own.put("/v1/vendors/khokon-sona", json=said | {"holiday": True}, headers={"if-match": now.headers["etag"]})
        assert (away.status_code, away.json()["holiday"]) == (200, True)
        cheaper = own.put("/v1/vendors/khokon-sona", json=said | {"zone": "dhaka"})
        assert (cheaper.status_code, cheaper.json()["code"]) == (403, "not_yours_to_change")


def test_a_vendor_moves_along_its_life_with_reasons(admin: httpx.Client) -> None:
    new = {"code": "new-vendor", "name_en": "New vendor", "city": "dhaka", "zone": "dhaka"}
    assert admin.put("/v1/vendors/new-vendor", json=new).json()["status"] == "invited"
    steps = "/v1/vendors/new-vendor/status-changes"
    assert admin.post(steps, json={"status": "approved"}).status_code == 409
    for status in ("onboarding", "in_review", "approved"):
        assert admin.post(steps, json={"status": status}).json()["status"] == status
    assert admin.post(steps, json={"status": "suspended"}).json()["code"] == "reason_required"
    assert admin.post(steps, json={"status": "suspended", "reason": "Fake goods"}).status_code == 201
    assert [each["to_status"] for each in admin.get(steps).json()["data"]] == ["suspended", "approved", "in_review", "onboarding"]


def test_a_rule_keeps_every_version_that_ever_held(admin: httpx.Client) -> None:
    rule = {"code": "T-RATE", "currency": "BDT", "amount": 5_000, "zone": "nowhere"}
    made = admin.put("/v1/shipping-rates/T-RATE", json=rule)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert admin.put("/v1/shipping-rates/T-RATE", json=rule).headers["etag"] == '"1"'
    changed = admin.put("/v1/shipping-rates/T-RATE", json=rule | {"amount": 6_000}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    late = admin.put("/v1/shipping-rates/T-RATE", json=rule | {"amount": 7_000}, headers={"if-match": '"1"'})
    assert late.status_code == 412
    assert admin.get("/v1/shipping-rates/T-RATE").json()["amount"] == 6_000, "a refused change is no change"
    assert [each["rule"]["amount"] for each in admin.get("/v1/shipping-rates/T-RATE/versions").json()["data"]] == [6_000, 5_000]


def test_an_order_can_be_had_again_at_todays_price(served: Served) -> None:
    order = served.place()
    with served.client("channel") as client:
        path = f"/v1/orders/{order['id']}"
        preview = client.post(f"{path}/reorders", json={"preview": True})
        assert (preview.status_code, preview.json()["quote"]["totals"]["grand"]) == (200, order["totals"]["grand"])
        headers = {"idempotency-key": '"again"'}
        first = client.post(f"{path}/reorders", json={}, headers=headers)
        again = client.post(f"{path}/reorders", json={}, headers=headers)
        assert (first.status_code, again.status_code) == (201, 200), first.text
        assert first.json()["id"] == again.json()["id"] != order["id"]
        assert first.json()["holds"][0]["kind"] == "DUPLICATE", "the same basket within minutes is looked at"
        receipt = client.get(f"{path}/calculation").json()["receipt"]
        assert receipt
        dearer = client.post(f"{path}/reorders", json={"expected_total": 1})
        assert (dearer.status_code, dearer.json()["code"]) == (409, "total_changed")


def test_an_order_can_be_had_again_and_be_paid_in_parts(served: Served) -> None:
    order = served.place()
    grand, path = order["totals"]["grand"], f"/v1/orders/{order['id']}/reorders"
    tenders = [{"method": "bkash", "amount": 1_000}, {"method": "cod"}]
    split = [{"method": "bkash", "amount": 1_000}, {"method": "cod", "amount": grand - 1_000}]
    with served.client("channel") as client:
        assert client.post(path, json={"preview": True, "tenders": tenders}).json()["tenders"] == split
        again = client.post(path, json={"tenders": tenders})
        assert (again.status_code, again.json()["tenders"], again.json()["payment_method"]) == (201, split, "cod"), again.text
        both = client.post(path, json={"tenders": tenders, "payment_method": "cod"})
        assert (both.status_code, both.json()["code"]) == (422, "payment_method_disagrees")
        wrong = client.post(path, json={"tenders": [{"method": "bkash", "amount": 1}]})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "tenders_do_not_sum")


def test_the_feed_shows_every_fact_once_and_in_order(served: Served, admin: httpx.Client) -> None:
    placed = {served.place()["id"] for _ in range(3)}
    after, seen = 0, []
    while True:
        page = admin.get("/v1/events", params={"after": after, "limit": 50}).json()
        seen += page["data"]
        after = page["next"]
        if not page["has_more"]:
            break
    positions = [event["position"] for event in seen]
    assert positions == sorted(set(positions))
    created = [event for event in seen if event["type"] == "dev.haat.OrderCreated.v1"]
    assert placed <= {event["subject"] for event in created}
    assert {"specversion", "id", "source", "type", "subject", "time", "data"} <= set(created[0])
    assert admin.get("/v1/events", params={"after": after}).json() == {"data": [], "next": after, "has_more": False}


def test_who_waits_at_the_end_of_the_feed_hears_of_the_next_order_at_once(served: Served, admin: httpx.Client) -> None:
    after = 0
    while (page := admin.get("/v1/events", params={"after": after, "limit": 1000}).json())["has_more"] or page["data"]:
        after = page["next"]
    heard: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: heard.append(admin.get("/v1/events", params={"after": after, "wait": 20}).json()))
    waiting.start()
    order = served.place()
    waiting.join(20)
    assert heard[0]["data"][0]["subject"] == order["id"]


def test_a_blocked_buyer_is_refused_until_the_block_is_lifted(served: Served, admin: httpx.Client) -> None:
    made = admin.post("/v1/buyer-blocks", json={"kind": "phone", "value": "01899-000111", "reason": "Never at home"})
    assert (made.status_code, made.json()["value"]) == (201, "+8801899000111")
    assert made.json()["id"] in {block["id"] for block in admin.get("/v1/buyer-blocks").json()["data"]}
    assert admin.delete(f"/v1/buyer-blocks/{made.json()['id']}").status_code == 204
    assert admin.delete(f"/v1/buyer-blocks/{made.json()['id']}").status_code == 404
    assert admin.post("/v1/buyer-blocks", json={"kind": "phone", "value": "not a phone", "reason": "x"}).status_code == 422


def test_coupons_are_made_in_batches_and_read_back_page_by_page(admin: httpx.Client) -> None:
    asked = {"batch": "t-batch", "prefix": "TB-", "promotion": "WELCOME", "count": 25}
    made = admin.post("/v1/coupon-batches", json=asked).json()
    assert len(set(made["codes"])) == 25 and all(code.startswith("TB-") for code in made["codes"])
    seen: list[str] = []
    url = "/v1/coupon-batches/t-batch?limit=10"
    while url:
        page = admin.get(url)
        seen += [coupon["code"] for coupon in page.json()["data"]]
        url = "/v1/coupon-batches/t-batch" + page.links["next"]["url"] if "next" in page.links else ""
    assert seen == sorted(made["codes"])
    assert admin.get(f"/v1/coupons/{seen[0].lower()}").json()["uses"] == 1
    assert admin.put("/v1/coupons/MINE", json={"promotion": "NO-SUCH"}).json()["code"] == "unknown_promotion"

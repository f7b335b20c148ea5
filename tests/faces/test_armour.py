"""Whatever is thrown at it, the API answers with a problem, and nothing half happens."""

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from haat.faces.api import examples
from tests.faces.served import Served

ORDER = msgspec.json.encode(examples.PLACE_ORDER)


def orders_stored(served: Served) -> int:
    with served.client("admin") as client:
        after, count = 0, 0
        while True:
            page = client.get("/v1/events", params={"after": after, "limit": 1000}).json()
            count += sum(event["type"] == "dev.haat.OrderCreated.v1" for event in page["data"])
            if not page["has_more"]:
                return int(count)
            after = page["next"]


def order(**changed: Any) -> bytes:
    return msgspec.json.encode(examples.PLACE_ORDER | changed)


def quantity(text: bytes) -> bytes:
    return ORDER.replace(b'"quantity":2', b'"quantity":' + text)


BODIES = {
    "nothing": (b"", 400),
    "half of it": (ORDER[:-40], 400),
    "not an object": (b"[1]", 422),
    "no UTF-8": (ORDER.replace(b"Rahima", b"\xff\xfe\xfd"), 400),
    "an overlong sequence": (ORDER.replace(b"Rahima", b"\xc0\xaf"), 400),
    "a lone surrogate, raw": (ORDER.replace(b"Rahima", b"\xed\xa0\x80"), 400),
    "a lone surrogate, escaped": (ORDER.replace(b"Rahima", b"\\ud800"), 400),
    "the character U+0000, raw": (ORDER.replace(b"Rahima", b"\0"), 400),
    "the character U+0000, escaped": (ORDER.replace(b"Rahima", b"\\u0000"), 422),
    "nested a hundred thousand deep": (b"[" * 100_000, 422),
    "nested deep where text is asked for": (ORDER.replace(b'"Rahima Khatun"', b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 1), 422),
    "a text for a number": (quantity(b'"2"'), 422),
    "a fraction of a thing": (quantity(b"1.5"), 422),
    "nothing of it": (quantity(b"0"), 422),
    "less than nothing": (quantity(b"-2"), 422),
    "more than 64 bits": (quantity(b"99999999999999999999999999"), 422),
    "a number of a thousand digits": (quantity(b"9" * 1000), 422),
    "a huge exponent": (quantity(b"1e999999"), 422),
    "not a number": (quantity(b"NaN"), 400),
    "an unknown field": (order(discount=100), 422),
    "an order without lines": (order(lines=[]), 422),
    "more lines than an order has": (order(lines=[{"sku": "DEMO-001", "quantity": 1}] * 501), 422),
    "a SKU with a quote": (order(lines=[{"sku": "x' OR 1=1 --", "quantity": 1}]), 422),
    "a SKU nobody has": (order(lines=[{"sku": "NOBODY-HAS-IT", "quantity": 1}]), 422),
    "a megabyte and more": (ORDER + b" " * (1 << 20), 413),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_order_is_a_problem_and_no_order(served: Served, name: str) -> None:
    body, status = BODIES[name]
    before = orders_stored(served)
    with served.client("channel") as client:
        answer = client.post("/v1/orders", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], len(problem["trace_id"])) == (status, 32)
    assert answer.headers["trace-id"] == problem["trace_id"]
    assert orders_stored(served) == before


def test_of_a_field_given_twice_the_last_one_counts_everywhere(served: Served) -> None:
    body = ORDER.replace(b'"quantity":2', b'"quantity":1,"quantity":3').replace(b"01712345678", b"01711111111")
    with served.client("channel") as client:
        placed = client.post("/v1/orders", content=body, headers={"content-type": "application/json"}).json()
    assert [line["quantity"] for line in placed["lines"]] == [3]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""]
)
def test_an_order_in_another_form_is_not_read(served: Served, kind: str) -> None:
    with served.client("channel") as client:
        answer = client.post("/v1/orders", content=ORDER, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_media_type")


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", 'a"b', "naïve"])
def test_a_bad_idempotency_key_is_refused(served: Served, key: str) -> None:
    with served.client("channel") as client:
        answer = client.post(
            "/v1/orders", content=ORDER, headers=[(b"content-type", b"application/json"), (b"idempotency-key", key.encode())]
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=1.5", "limit=-1",
        "limit=", "cursor=x", "cursor=%00", "q=%00", "q=a", "status=%ED%A0%80", "unknown=1",
        "limit=5&limit=6", "placed_after=yesterday", "placed_after=2026-01-01T00:00:00", "placed_after=0001-01-01T00:00:00%2B14:00",
        "q=null", "on_hold=perhaps", "phone=" + "1" * 41, "&".join(f"a{n}=1" for n in range(60)),
    ],
)  # fmt: skip
def test_a_bad_query_is_refused(served: Served, query: str) -> None:
    with served.client("admin") as client:
        answer = client.get(f"/v1/orders?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/v1/orders/1", "/v1/orders/%00", "/v1/orders/%FF", "/v1/orders/" + "0" * 3000, "/v1/products/%00", "/v2", "//", "/v1/orders/"]
)
def test_a_path_that_names_nothing_is_not_found(served: Served, path: str) -> None:
    with served.client("admin") as client:
        answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_method_that_is_not_there_names_those_that_are(served: Served) -> None:
    with served.client("admin") as client:
        answer = client.patch("/v1/orders")
        head = client.head("/v1/orders")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


def test_asking_for_the_head_of_a_live_stream_ends_at_once(served: Served) -> None:
    order = served.place()["id"]
    with served.client("admin") as admin:
        answer = admin.head(f"/v1/orders/{order}/stream", timeout=5)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def send(served: Served, raw: bytes) -> bytes:
    """What comes back for bytes that no HTTP client would send."""
    url = urlsplit(served.url)
    with socket.create_connection((url.hostname, url.port), timeout=5) as line:
        line.sendall(raw)
        line.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := line.recv(65536):
            got += chunk
        return got


def head(served: Served, path: str = "/v1/orders", extra: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.keys['channel']}\r\n"
        f"content-type: application/json\r\n{extra}\r\n"
    ).encode()


BROKEN = {
    "a chunk without its length": "transfer-encoding: chunked\r\n|zz\r\n",
    "a chunk that is shorter than it says": "transfer-encoding: chunked\r\n|ffff\r\n{}",
    "a chunked body without its end": "transfer-encoding: chunked\r\n|2\r\n{}\r\n",
    "a body shorter than its length": "content-length: 500\r\n|{}",
    "a length that is no number": "content-length: many\r\n|{}",
    "two lengths": "content-length: 2\r\ncontent-length: 3\r\n|{}",
    "a length and chunks": "content-length: 2\r\ntransfer-encoding: chunked\r\n|2\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_body_makes_no_order_and_hurts_nobody(served: Served, name: str) -> None:
    extra, _, body = BROKEN[name].partition("|")
    before = orders_stored(served)
    got = send(served, head(served, extra=extra) + body.encode())
    assert not got or (got.split()[1][:1] == b"4" and b"application/problem+json" in got), got
    assert orders_stored(served) == before


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(served: Served) -> None:
    got = send(served, head(served, extra="content-length: 4000000000\r\n"))
    assert b" 413 " in got.split(b"\r\n")[0]
    assert b"application/problem+json" in got


def test_numbers_that_no_column_holds_are_refused_and_nothing_breaks(served: Served) -> None:
    far = {"sku": "DEMO-001", "location": "dhaka-tejgaon", "backorder_limit": 1, "expected_at": "9999-12-31T23:59:59-14:00"}
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    with served.client("admin") as client:
        for path, body in (
            ("/v1/stock-terms", {"terms": [far]}),
            ("/v1/stock-terms", {"terms": [far | {"backorder_limit": 2**63}]}),
            ("/v1/categories", {"categories": [{"code": "x", "name_en": "x", "position": 2**31}]}),
            ("/v1/tax-rates", {"tax_class": "standard", "rate": 1, "zone": "z" * 5000}),
            ("/v1/tax-rates", {"tax_class": "standard", "rate": 1, "starts_at": "0001-01-01T00:00:00+14:00"}),
            ("/v1/promotions/P", {"code": "P", "kind": "percent", "args": deep}),
            ("/v1/promotions/P", {"code": "P", "kind": "no-such-kind", "args": {}}),
            ("/v1/price-lists/P", {"code": "P", "currency": "BDT", "priority": 10**40}),
            ("/v1/connections/x", {"kind": "gateway", "plugin": "cod", "title": "x", "config": deep}),
            ("/v1/connections/x", {"kind": "gateway", "plugin": "cod", "title": "x", "priority": 2**63}),
            ("/v1/payment-routes/P", {"code": "P", "gateways": ["cod"], "amount_max": 10**40}),
            ("/v1/payment-routes/P", {"code": "P", "gateways": ["cod"], "bins": ["4" * 5000]}),
            ("/v1/nodes/dhaka-tejgaon", {"location": "dhaka-tejgaon", "capacity": 2**63}),
            ("/v1/sourcing-rules/p", {"code": "p", "strategy": "nearest", "conditions": {"value_min": 10**40}}),
            ("/v1/courier-rules/p", {"code": "p", "daily": {"redx": 2**63}}),
            ("/v1/couriers/pathao/tariffs", {"tariffs": [{"zone": "dhaka", "base": 10**40}]}),
            ("/v1/couriers/pathao/areas", {"areas": [{"district": "d" * 500}]}),
            ("/v1/fraud-policies/web", {"weights": {"ip_velocity": 10**40}}),
            ("/v1/fraud-policies/web", {"weights": {"no_such_rule": 1}}),
            ("/v1/notification-manners", {"owners": {"x" * 5000: ["a@example.com"]}}),
            ("/v1/notification-manners", {"timezone": "../../etc/passwd"}),
        ):
            answer = client.put(path, json=body)
            assert answer.status_code in (400, 422), (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


def test_nesting_where_anything_may_stand_is_refused_before_it_costs(served: Served) -> None:
    body = b'{"code":"P","kind":"percent","args":{"rate":' + b"[" * 200_000 + b"]" * 200_000 + b"}}"
    with served.client("admin") as client:
        answer = client.put("/v1/promotions/P", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


def test_the_server_has_not_broken_once(served: Served) -> None:
    """The last test of this file: nothing above left a trace of ours in the log."""
    text = served.log.read_text()
    assert "an endpoint broke" not in text and "Traceback" not in text, text[-3000:]
    assert httpx.get(f"{served.url}/readyz").status_code == 200

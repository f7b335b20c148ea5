"""The description says what is served: it is valid, complete, and every example in it works."""

import re
from typing import Any

import openapi_spec_validator
import pytest

from tests.faces.served import Served

#: What an example needs to stand before it: operations that make it, in order. Everything else stands by itself.
ORDER = (
    "putCategories", "putProduct", "putChannel", "putLocation", "putVendor", "putPriceList", "putPrices", "putPromotion", "putShippingRate",
    "putFeeRate", "putPriceRule", "putTaxRate", "putCoupon", "generateCoupons", "moveStock", "putStockTerms", "importProducts",
)  # fmt: skip
#: What needs a story before it: a cart or a part of an order of one's own, money, trouble. Where it is walked through.
WALKED = {
    "/v1/carts/": "test_carts.py", "/v1/vendor-orders/": "test_fulfilment.py", "/v1/shipments/": "test_fulfilment.py",
    "/v1/orders/{id}/shipments/": "test_fulfilment.py", "/v1/orders/{id}/payments": "test_paying_api.py", "/v1/orders/{id}/refunds": "test_paying_api.py", "/pay/": "test_paying_api.py", "/orders/": "test_order_page.py",
    "/v1/fraud-reviews/": "test_fraud_api.py", "/v1/exceptions/": "test_flowing.py", "/v1/hooks/": "test_hooks.py",
}  # fmt: skip


def document(served: Served) -> dict[str, Any]:
    with served.client(None) as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
        return found


def operations(served: Served) -> list[tuple[str, str, dict[str, Any]]]:
    return [(m.upper(), path, said) for path, methods in document(served)["paths"].items() for m, said in methods.items()]


def test_the_document_is_valid_openapi(served: Served) -> None:
    openapi_spec_validator.validate(document(served))


def test_every_operation_is_described_in_full(served: Served) -> None:
    found = operations(served)
    tags = {tag["name"] for tag in document(served)["tags"]}
    names = [said["operationId"] for _, _, said in found]
    assert len(names) == len(set(names)) >= 80
    for method, path, said in found:
        where = f"{method} {path}"
        assert said["summary"] and set(said["tags"]) <= tags, where
        assert {"400", "503"} <= set(said["responses"]), where
        in_path = [p["name"] for p in said.get("parameters", ()) if p.get("in") == "path"]
        assert in_path == re.findall(r"\{(\w+)\}", path), where
        if path.startswith("/v1/hooks/"):
            assert not said.get("security"), "who speaks there proves it by a signature"
        elif path.startswith("/v1/"):
            assert {"401", "403", "429"} <= set(said["responses"]) and said["security"], where
        if "requestBody" in said:
            assert {"413", "415", "422"} <= set(said["responses"]), where
        assert any(status.startswith("2") for status in said["responses"]), where


def test_every_body_has_an_example(served: Served) -> None:
    bare = [
        said["operationId"]
        for _, _, said in operations(served)
        if "requestBody" in said and not any("examples" in kind for kind in said["requestBody"]["content"].values())
    ]
    assert set(bare) <= {"mergeCart", "receiveHook", "returnBuyerByForm"}, "what names a cart of yours or is signed has no example"


def test_every_example_works_against_the_demo_market(served: Served) -> None:
    found = {said["operationId"]: (method, path, said) for method, path, said in operations(served) if "requestBody" in said}
    with served.client("admin") as client:
        for name in [*ORDER, *sorted(set(found) - set(ORDER))]:
            method, path, said = found[name]
            if path.startswith(tuple(WALKED)):
                continue
            media, content = next(iter(said["requestBody"]["content"].items()))
            example = content["examples"]["example"]["value"]
            order = served.place() if path.startswith(("/v1/orders/", "/v1/workflows/")) else {"id": ""}
            values = {p["name"]: p["example"] for p in said["parameters"] if "example" in p} if "parameters" in said else {}
            where = path.format_map(values | {"id": order["id"]})
            body = {"content": example.encode()} if isinstance(example, str) else {"json": example}
            answer = client.request(method, where, headers={"content-type": media}, **body)
            assert answer.status_code in (200, 201, 202), (name, answer.text)
            if name == "importProducts":
                assert (answer.json()["created"], answer.json()["rejected"]) == (1, 0)


def test_the_page_needs_nothing_from_elsewhere(served: Served) -> None:
    with served.client(None) as client:
        page = client.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert wanted and all(path.startswith("/docs/") for path in wanted)
        for path in wanted:
            assert client.get(path).status_code == 200, path
        bundle = client.get("/docs/swagger-ui-bundle.js").text
        assert client.get("/docs/secret").status_code == client.get("/docs/..%2fsecret").status_code == 404
    version = re.search(r'PACKAGE_VERSION:"(\d+)', bundle)
    assert version and int(version[1]) >= 5, "the first Swagger UI that shows OpenAPI 3.1"


@pytest.mark.parametrize("path", ["/openapi.json"])
def test_the_document_is_sent_once(served: Served, path: str) -> None:
    with served.client(None) as client:
        etag = client.get(path).headers["etag"]
        assert client.get(path, headers={"if-none-match": etag}).status_code == 304

"""The page of an order behind the link in a message: its story in one language, and nothing of it to who has no link."""

from haat.faces.api import examples
from tests.faces.served import Served


def test_a_buyer_reads_the_story_of_an_order_behind_its_link(served: Served) -> None:
    order = served.place(lines=[{"sku": examples.SKU, "quantity": 2}])
    with served.client("channel") as channel:
        token = channel.post(f"/v1/orders/{order['id']}/tokens").json()["token"]
    with served.client(None) as buyer:
        shown = buyer.get(f"/orders/{token}")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert order["number"] in shown.text and "এ পর্যন্ত যা হয়েছে" in shown.text and "২ ×" in shown.text
        english = buyer.get(f"/orders/{token}?language=en&fbclid=x")
        assert "was placed" in english.text and "What has happened" in english.text and "points" not in english.text
        assert "default-src 'none'" in english.headers["content-security-policy"]
        closed = buyer.get(f"/orders/{token[:-3]}AAA", headers={"accept-language": "en"})
        assert (closed.status_code, "does not open anything" in closed.text) == (404, True)

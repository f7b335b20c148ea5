"""Who changed what of the configuration: told with the change itself, to the desk alone, without a secret."""

import httpx
import psycopg
import pytest

from tests.faces.served import Served

PATH = "/v1/configuration-changes"
CHANNEL = {"code": "kiosk", "kind": "web", "name": "Kiosk", "currency": "BDT", "language": "bn"}
SECRET = "a-password-of-nobody"
CARDS = {
    "kind": "gateway", "plugin": "sslcommerz", "title": "Cards", "active": False,
    "config": {"store_id": "haat", "base_url": "http://127.0.0.1:1"}, "secrets": {"store_passwd": SECRET},
}  # fmt: skip


def changes(client: httpx.Client, kind: str, code: str = "") -> list[dict[str, object]]:
    answer = client.get(PATH, params={"kind": kind} | ({"code": code} if code else {}))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]
    return found


def test_a_change_names_who_made_it_and_what_differs(served: Served) -> None:
    with served.client("admin") as admin, served.client(None) as other:
        key = admin.post("/v1/api-keys", json={"role": "admin", "subject": "", "name": "another admin"}).json()["secret"]
        other.headers["authorization"] = f"Bearer {key}"
        for client, name in ((admin, "Kiosk"), (admin, "Kiosk"), (other, "Kiosk at the lake")):
            assert client.put("/v1/channels/kiosk", json=CHANNEL | {"name": name}).status_code in (200, 201)
        renamed, made = changes(admin, "channels", "kiosk")
        assert (renamed["before"], renamed["after"]) == ({"name": "Kiosk"}, {"name": "Kiosk at the lake"})
        assert made["before"] is None and made["after"]["currency"] == "BDT"  # type: ignore[index]
        assert str(made["by"]).startswith("admin:") and str(renamed["by"]).startswith("admin:") and made["by"] != renamed["by"]
        mine = admin.get(PATH, params={"by": made["by"], "limit": 200}).json()["data"]
        assert made in mine and renamed not in mine


def test_a_refused_change_leaves_no_word(served: Served) -> None:
    with served.client("admin") as admin:
        answer = admin.put("/v1/channels/nowhere", json=CHANNEL | {"code": "nowhere"}, headers={"if-match": "*"})
        assert answer.status_code == 412 and changes(admin, "channels", "nowhere") == []


def test_secrets_are_told_as_changed_and_never_shown(served: Served) -> None:
    with served.client("admin") as admin:
        assert admin.put("/v1/connections/audited", json=CARDS).status_code == 201
        assert admin.put("/v1/connections/audited", json=CARDS | {"secrets": {"store_passwd": "another"}}).status_code == 200
        answer = admin.get(PATH, params={"kind": "connections", "code": "audited"})
        anew, made = answer.json()["data"]
    assert (anew["before"], anew["after"]) == ({"secrets": "sealed"}, {"secrets": "sealed anew"})
    assert made["after"]["secrets"] == "sealed anew" and made["after"]["title"] == "Cards"
    assert SECRET not in answer.text and "\\\\x" not in answer.text


def test_a_change_that_goes_past_haat_is_seen(served: Served) -> None:
    with psycopg.connect(served.dsn, autocommit=True) as connection:
        connection.execute("UPDATE locations SET name = name || ' (moved)' WHERE code = 'dhaka-tejgaon'")
    with served.client("admin") as admin:
        last = changes(admin, "locations", "dhaka-tejgaon")[0]
    assert last["by"] == "database:haat" and str(last["after"]["name"]).endswith("(moved)")  # type: ignore[index]


def test_the_list_goes_on_behind_its_cursor(served: Served) -> None:
    seen: list[int] = []
    with served.client("admin") as admin:
        url = f"{PATH}?kind=tax_rates&limit=2"
        while url:
            page = admin.get(url)
            seen += [each["id"] for each in page.json()["data"]]
            url = PATH + page.links["next"]["url"] if "next" in page.links else ""
        assert len(seen) > 2 and seen == sorted(set(seen), reverse=True)
        assert admin.get(PATH, params={"cursor": "WyJ4Il0"}).json()["code"] == "bad_cursor"


@pytest.mark.parametrize("role", ["channel", "customer", "vendor"])
def test_nobody_but_the_desk_reads_them(served: Served, role: str) -> None:
    with served.client(role) as client:
        assert client.get(PATH).status_code == 403

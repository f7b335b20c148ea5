"""What the marketplace has decided, read and written over HTTP by its own people."""

import msgspec
import pytest

from haat.app import desks
from haat.faces.api import policies as policies_api
from tests.faces.served import Served

SUBJECTS = ("orders", "payment", "allocation", "fulfilment")


@pytest.mark.parametrize("code", SUBJECTS)
def test_what_is_read_is_what_is_written_back(served: Served, code: str) -> None:
    url = f"/v1/policies/{code}"
    with served.client("admin") as admin:
        seen = admin.get(url)
        again = admin.put(url, json=seen.json(), headers={"if-match": seen.headers["etag"]})
        assert (again.status_code, again.json(), again.headers["etag"]) == (200, seen.json(), seen.headers["etag"])
        assert admin.get(url, headers={"if-none-match": seen.headers["etag"]}).status_code == 304


def test_a_policy_is_changed_only_by_who_saw_it(served: Served) -> None:
    url = "/v1/policies/allocation"
    with served.client("admin") as admin:
        seen = admin.get(url)
        changed = admin.put(url, json={"rejections_max": 77}, headers={"if-match": seen.headers["etag"]})
        assert (changed.status_code, changed.json()) == (200, {"rejections_max": 77, "ask": False})
        late = admin.put(url, json={"rejections_max": 9}, headers={"if-match": seen.headers["etag"]})
        assert (late.status_code, late.json()["code"]) == (412, "stale")
        assert late.json()["detail"].startswith("Version ")
        back = admin.put(url, json=seen.json(), headers={"if-match": changed.headers["etag"]})
        told = admin.get(url + "/versions").json()["data"]
        assert [each["policy"] for each in told[:2]] == [seen.json(), changed.json()]
        assert (back.json(), told[-1]["version"]) == (seen.json(), 0)
        assert sorted(each["code"] for each in admin.get("/v1/policies").json()["data"]) == sorted(SUBJECTS)


def test_a_policy_out_of_bounds_is_refused_with_its_place(served: Served) -> None:
    with served.client("admin") as admin:
        for body, place in (
            ({"attempts_max": 0}, "/attempts_max"),
            ({"pay_in": "PT1H"}, "pay_in"),
            ({"pay_within": "PT10S"}, "pay_within: from PT60S to P30D"),
        ):
            answer = admin.put("/v1/policies/payment", json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), body
            assert place in answer.text
        unknown = admin.get("/v1/policies/weather/versions")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_policy")


def test_policies_are_the_marketplaces_own(served: Served) -> None:
    for role in ("channel", "vendor"):
        with served.client(role) as other:
            assert other.get("/v1/policies").status_code == 403
            assert other.put("/v1/policies/payment", json={}).status_code == 403


def test_every_policy_of_the_house_can_be_written() -> None:
    assert {code: kind for code, (_, kind, _, _) in policies_api._SUBJECTS.items()} == desks.POLICIES
    for sheet, kind, _, example in policies_api._SUBJECTS.values():
        assert issubclass(sheet, kind) and msgspec.convert(example, sheet)

"""The description says what is served: it is valid, complete, and every example in it works."""

from typing import Any

import openapi_spec_validator

from tests.faces.served import Served


def document(served: Served) -> dict[str, Any]:
    with served.client(None) as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
        return found


def test_the_document_is_valid_openapi(served: Served) -> None:
    openapi_spec_validator.validate(document(served))

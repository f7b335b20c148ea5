"""Schemathesis attacks the API with all that its description allows, and with what it does not, as three kinds of asker.

Bounded here; `make schemathesis` searches longer. What waits for news is left out and tested by hand, as are streamed
bodies and the revoking of keys, of which one is the attacker's own.
"""

import os
import subprocess
import sys

import pytest

from tests.faces.served import Served

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "unsupported_method", "ignored_auth",
)  # fmt: skip
LEFT_OUT = ("streamOrder", "readFeed", "importProducts", "revokeKey")


def left_out(served: Served, role: str) -> list[str]:
    """Operations that are not attacked as this role: those of other roles say 403 to it, which test_access.py looks at."""
    with served.client(None) as client:
        said = [each for methods in client.get("/openapi.json").json()["paths"].values() for each in methods.values()]
    others = [] if role == "admin" else [each["operationId"] for each in said if role not in each.get("x-roles", ())]
    return sorted({*LEFT_OUT, *others})


def attack(served: Served, role: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/openapi.json",
            "--header", f"Authorization: Bearer {served.keys[role]}", "--checks", ",".join(CHECKS),
            *[word for name in left_out(served, role) for word in ("--exclude-operation-id", name)],
            "--suppress-health-check", "all", "--generation-database", "none", "--continue-on-failure", "--no-color", *more,
        ],
        capture_output=True, text=True, timeout=7200, check=False, cwd=served.log.parent,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "phases"),
    [
        ("admin", ("examples,coverage,fuzzing", "--max-examples", "4")),
        ("vendor", ("coverage,fuzzing", "--max-examples", "3")),
        ("customer", ("coverage,fuzzing", "--max-examples", "3")),
    ],
)
def test_no_request_breaks_the_api_or_is_answered_otherwise_than_described(served: Served, role: str, phases: tuple[str, ...]) -> None:
    longer = os.environ.get("SCHEMATHESIS_ARGS", "").split()
    more = ("examples,coverage,fuzzing,stateful", *longer) if longer else (*phases, "--seed", "1971")
    result = attack(served, role, "--phases", *more)
    assert result.returncode == 0, result.stdout.partition("= WARNINGS =")[0][-12_000:] + result.stderr[-2000:]
    assert " passed" in result.stdout

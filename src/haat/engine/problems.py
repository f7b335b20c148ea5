"""RFC 9457 problems: every way to fail, as `application/problem+json` with a stable `type`. One table maps kinds to statuses."""

from collections.abc import Mapping
from typing import Any

import msgspec

from haat.kernel.errors import HaatError, Kind, Refused, Unavailable

STATUS_OF: Mapping[Kind, int] = {
    "malformed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "missing": 404,
    "conflict": 409,
    "stale": 412,
    "invalid": 422,
    "too_many": 429,
}
TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "It conflicts with what is",
    412: "It has changed meanwhile",
    413: "The request is too large",
    415: "Send JSON",
    422: "The request cannot be done as it is",
    428: "Say which version you mean",
    429: "Too many requests",
    500: "We are wrong",
    503: "Not now",
}
TYPE_BASE = "https://haat.dev/problems/"
CONTENT_TYPE = b"application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem as it is sent. `code` is the stable word to match on; `errors` names each place that is wrong."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    trace_id: str = ""
    retryable: bool = False
    errors: list[dict[str, Any]] | None = None
    data: dict[str, Any] | None = None


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    trace: str = "",
    retryable: bool = False,
    errors: list[dict[str, Any]] | None = None,
    data: dict[str, Any] | None = None,
) -> Problem:
    """A problem whose `type` follows from its code."""
    return Problem(TYPE_BASE + code.replace("_", "-"), TITLES.get(status, "Problem"), status, code, detail, trace, retryable, errors, data)


def of(error: HaatError, trace: str = "") -> Problem:
    """The problem that an error is to the asker. Broken, and everything unknown, tells nothing but the trace."""
    if isinstance(error, Refused):
        data = dict(error.data)
        errors = data.pop("errors", None)
        return problem(STATUS_OF[error.kind], error.code, error.detail, trace=trace, errors=errors, data=data or None)
    if isinstance(error, Unavailable):
        return problem(503, error.code, error.detail, trace=trace, retryable=not error.permanent)
    return problem(500, "broken", "Something of ours is wrong; it has been written down.", trace=trace)

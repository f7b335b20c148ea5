"""The three ways to fail.

    HaatError
    ├── Refused       the business says no: a rule with a code and its data     (4xx)
    ├── Unavailable   the world failed; may be tried again unless `permanent`   (503)
    └── Broken        we are wrong: stop, keep the evidence                     (500)

An expected answer is a value and not an exception; `Refused` is raised where a caller asked for
something that the rules forbid and nothing further can be done with the request.
"""

from typing import Any, Literal

Kind = Literal["malformed", "unauthenticated", "forbidden", "missing", "conflict", "stale", "invalid", "too_many"]


class HaatError(Exception):
    """Root of all errors that Haat raises on purpose."""


class Refused(HaatError):
    """A rule says no. `kind` decides the HTTP status, `code` is the stable word a program may match on.

    `data` holds plain values that explain the refusal (never a secret, never another party's data).
    """

    def __init__(self, code: str, detail: str, *, kind: Kind = "invalid", **data: Any) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.kind: Kind = kind
        self.data = data


class Unavailable(HaatError):
    """Something outside this process failed or is full. `retry_after_s` says when trying again is worth it."""

    def __init__(self, code: str, detail: str, *, retry_after_s: int = 1, permanent: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.permanent = permanent


class Broken(HaatError):
    """A promise of our own code does not hold. Never caught to go on as if nothing had happened."""

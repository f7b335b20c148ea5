"""Conditional requests (RFC 9110): what version somebody saw, and whether it still stands. Instants that can be kept."""

import uuid
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from haat.engine.web import Call
from haat.kernel.errors import Refused
from haat.kernel.time import YEARS

#: An instant with its offset.
Instant = Annotated[datetime, Meta(tz=True)]


def expected(call: Call) -> int | None:
    """The version that must still stand: of `If-Match`, 0 («must not exist») of `If-None-Match: *`, None where nothing is said."""
    if call.headers.get(b"if-none-match") == b"*":
        return 0
    given = call.header(b"if-match")
    if given is None or given.strip() == "*":
        return None
    bare = given.strip().removeprefix("W/").strip('"')
    if not bare.isascii() or not bare.isdigit() or len(bare) > 9:
        raise Refused("stale", "If-Match names no version of this.", kind="stale")
    return int(bare)


def must_exist(call: Call) -> bool:
    """Whether the request is only meant for what exists already (`If-Match: *`)."""
    return (call.headers.get(b"if-match") or b"").strip() == b"*"


def etag(version: int) -> tuple[bytes, bytes]:
    return (b"etag", b'"%d"' % version)


def unchanged(call: Call, version: int) -> bool:
    """Whether the asker has this version already (answer 304)."""
    given = call.headers.get(b"if-none-match")
    return given is not None and etag(version)[1] in (part.strip().removeprefix(b"W/") for part in given.split(b","))


def kept(instant: datetime | None) -> datetime | None:
    """The instant, refused where no calendar of ours reaches it."""
    if instant is not None and instant.year not in YEARS:
        raise Refused("out_of_range", f"An instant lies between the years {YEARS[0]} and {YEARS[-1]}.", kind="malformed")
    return instant


def named(call: Call, name: str, kind: Any) -> str:
    """A word in the path, of the type `kind`; refused where it is none."""
    try:
        word: str = msgspec.convert(call.path[name], kind)
    except msgspec.ValidationError as error:
        raise Refused("invalid", f"{name}: {error}", errors=[{"parameter": name, "detail": str(error)}]) from error
    return word


def uuid_of(text: str) -> str:
    """The text of an id, refused where it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refused("bad_cursor", "The cursor is not one of ours.", kind="malformed") from None

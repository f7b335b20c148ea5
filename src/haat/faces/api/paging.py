"""Cursor paging: a page, the cursor of the next, and the Link header that says the same (RFC 8288)."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from haat.kernel.errors import Refused

#: An opaque place in a list; ours are ids, so what is none is refused before it meets the database.
CURSOR = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")] | None
#: An opaque place in a list that is ordered by words.
PLACE = Annotated[str, Meta(max_length=600, pattern=r"^[A-Za-z0-9_-]*$")] | None
Limit = Annotated[int, Meta(ge=1, le=200)]
_places = msgspec.json.Decoder(list[str]).decode


class Page(msgspec.Struct, frozen=True):
    """`next` is the cursor of the next page, null on the last."""

    next: str | None
    has_more: bool
    limit: int

    @classmethod
    def of(cls, ids: Sequence[str], limit: int) -> "Page":
        """The page of a list that was asked for one more than `limit`."""
        more = len(ids) > limit
        return cls(ids[limit - 1] if more else None, more, limit)

    @classmethod
    def behind(cls, next_place: Sequence[str] | None, limit: int) -> "Page":
        """The page of a list ordered by words: the next one begins behind `next_place`, None where there is none."""
        return cls(None if next_place is None else _wrapped(next_place), next_place is not None, limit)


class Listed(msgspec.Struct, frozen=True):
    """What a list asks for when it has no filter."""

    cursor: PLACE = None
    limit: Limit = 50


def page_headers(page: Page, asked: msgspec.Struct | None = None) -> list[tuple[bytes, bytes]]:
    """The Link to the next page: what was `asked`, from behind this page on."""
    if page.next is None:
        return []
    said = {} if asked is None else {k: v for k, v in msgspec.to_builtins(asked).items() if v is not None and v is not False}
    said |= {"cursor": page.next, "limit": page.limit}
    return [(b"link", f'<?{urlencode({k: "true" if v is True else v for k, v in said.items()})}>; rel="next"'.encode())]


def place(cursor: str | None, parts: int = 1) -> list[str]:
    """The words behind a cursor that `Page.behind` made; empty words at the beginning of a list."""
    if not cursor:
        return [""] * parts
    try:
        found = _places(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise bad_cursor() from error
    if len(found) != parts or any("\0" in part for part in found):
        raise bad_cursor()
    return found


def bad_cursor() -> Refused:
    return Refused("bad_cursor", "The cursor is not one of ours.", kind="malformed")


def _wrapped(parts: Sequence[str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(list(parts))).rstrip(b"=").decode()

"""Cursor paging: a page, the cursor of the next, and the Link header that says the same (RFC 8288)."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

#: An opaque place in a list; ours are ids, so what is none is refused before it meets the database.
CURSOR = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")] | None


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


def page_headers(page: Page) -> list[tuple[bytes, bytes]]:
    return [(b"link", f'<?cursor={page.next}&limit={page.limit}>; rel="next"'.encode())] if page.next else []

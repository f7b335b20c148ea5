"""Who changed what of the configuration, newest first. Written with each change itself; nothing of it can be changed here."""

from typing import Annotated

import msgspec
from msgspec import Meta

from haat.engine import configuration
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access
from haat.faces.api.paging import PLACE, Limit, Page, bad_cursor, page_headers, place
from haat.faces.api.shop import Shop

Word = Annotated[str, Meta(min_length=1, max_length=300)]


class ChangesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`kind`: connections only, for example; `code`: one thing (with its kind); `by`: what one actor changed."""

    kind: configuration.Kind | None = None
    code: Word | None = None
    by: Word | None = None
    cursor: PLACE = None
    limit: Limit = 50


class ConfigurationChanges(msgspec.Struct, frozen=True):
    data: list[configuration.ConfigurationChange]
    page: Page


def endpoints(shop: Shop) -> list[Endpoint]:
    async def many(call: Call) -> Answer:
        asked: ChangesQuery = call.query
        until = _until(asked.cursor)
        async with shop.database.reading() as tx:
            found = await configuration.history(tx, kind=asked.kind, code=asked.code, by=asked.by, until=until, limit=asked.limit + 1)
        shown = list(found[: asked.limit])
        page = Page.behind([str(shown[-1].id)] if len(found) > asked.limit else None, asked.limit)
        return Answer(200, ConfigurationChanges(shown, page), page_headers(page, asked))

    return [
        Endpoint("GET", "/v1/configuration-changes", "listConfigurationChanges", "Who changed what, newest first", many,
                 "Configuration", access.STAFF, query=ChangesQuery, answers={200: ConfigurationChanges}, problems=(400,),
                 description="Connections, rules, rates, channels, places. Secrets are told as changed and never shown."),
    ]  # fmt: skip


def _until(cursor: str | None) -> int | None:
    (last,) = place(cursor)
    if not last:
        return None
    if not last.isascii() or not last.isdigit() or len(last) > 18:
        raise bad_cursor()
    return int(last)

"""Product files: NDJSON or CSV of any size, settled as they arrive, with bounded memory.

Every batch is one transaction together with the import's progress, so an upload that breaks off leaves exactly what its
progress says. Sent again under the same Idempotency-Key it goes on from there. The answer comes when the last byte is settled.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from haat.domain import catalogue
from haat.engine.web import Answer, Call, Endpoint, media_type
from haat.faces.api import access, examples
from haat.faces.api.orders import order_id_in
from haat.faces.api.placing import key_in
from haat.faces.api.shop import Shop
from haat.flows import stocking
from haat.kernel import ids
from haat.kernel.errors import Broken, HaatError, Refused

FORMATS: dict[str, catalogue.Format] = {
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
}
ROWS_AT_ONCE = 500  # between batches others get a turn on the processor


class ImportsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source`: a name for the file, to be recognised by."""

    source: Annotated[str, Meta(max_length=200)] = ""


class Imports(msgspec.Struct, frozen=True):
    """The latest imports, without their errors."""

    data: list[catalogue.Import]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("POST", "/v1/product-imports", "importProducts", "Import a file of products", desk.create, "Products", access.SELLERS,
                 streams=tuple(FORMATS), query=ImportQuery, answers={202: catalogue.Import}, problems=(400, 409, 413, 415, 422),
                 idempotent=True, body_max=shop.settings.import_body_max, scope="products:write", example=examples.IMPORTED,
                 description="One JSON object to a line, or CSV with a header. A bad record costs itself only and is listed in `errors`."),
        Endpoint("GET", "/v1/product-imports", "listProductImports", "The latest imports", desk.many, "Products", access.SELLERS,
                 query=ImportsQuery, answers={200: Imports}, problems=(400,), scope="products:read"),
        Endpoint("GET", "/v1/product-imports/{id}", "getProductImport", "An import: its progress and its errors", desk.one, "Products",
                 access.SELLERS, answers={200: catalogue.Import}, problems=(404,), scope="products:read"),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def create(self, call: Call) -> Answer:
        if call.chunks is None:
            raise Broken("an import without a stream")
        shop, principal = self._shop, call.principal
        key = key_in(call)
        length = call.header(b"content-length")
        order = catalogue.ImportOrder(
            id=shop.draw.uuid() if key is None else _id_of(principal.actor, key.key),
            format=FORMATS[media_type(call.headers)],
            started_by=principal.actor,
            source=call.query.source,
            vendor=principal.subject if principal.role == "vendor" else None,
            bytes_total=int(length) if length is not None and length.isdigit() else None,
        )
        async with shop.database.transaction() as tx:
            job = await catalogue.open_import(tx, order, now=shop.clock.now())
        if (job.format, job.bytes_total) != (order.format, order.bytes_total):
            raise Refused("idempotency_key_reused", "This Idempotency-Key was used for another file.")
        if job.status == "running":
            job = await self._settle_all(job, call.chunks, resumable=key is not None)
        return Answer(202, job, [(b"location", b"/v1/product-imports/" + job.id.encode())])

    async def _settle_all(self, job: catalogue.Import, chunks: AsyncIterator[bytes], *, resumable: bool) -> catalogue.Import:
        reader = catalogue.reader(job.format, job.resume_at, batch_rows=ROWS_AT_ONCE)
        behind = job.bytes_done
        try:
            async with aclosing(chunks) as arriving:  # type: ignore[type-var]
                async for chunk in arriving:
                    fresh, behind = chunk[behind:], max(behind - len(chunk), 0)
                    for batch in reader.feed(fresh) if fresh else ():
                        await self._settle(job.id, batch)
            for batch in reader.end():
                await self._settle(job.id, batch)
        except HaatError as error:
            if not (resumable and isinstance(error, Refused) and error.code == "disconnected"):
                await self._end(job.id, "failed", str(error)[:500])
            raise
        return await self._end(job.id, "done", "")

    async def _settle(self, import_id: str, batch: catalogue.Batch) -> None:
        async with self._shop.database.transaction() as tx:
            await stocking.import_products(tx, import_id, batch, now=self._shop.clock.now())

    async def _end(self, import_id: str, status: Any, reason: str) -> catalogue.Import:
        async with self._shop.database.transaction() as tx:
            return await catalogue.end_import(tx, import_id, status=status, now=self._shop.clock.now(), reason=reason)

    async def many(self, call: Call) -> Answer:
        vendor = call.principal.subject if call.principal.role == "vendor" else None
        async with self._shop.database.reading() as tx:
            return Answer(200, Imports(await catalogue.product_imports(tx, vendor=vendor, limit=call.query.limit)))

    async def one(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            job = await catalogue.product_import(tx, order_id_in(call))
        if job is None or (call.principal.role == "vendor" and job.vendor != call.principal.subject):
            raise Refused("unknown_import", "There is no such import.", kind="missing")
        return Answer(200, job)


def _id_of(actor: str, key: str) -> str:
    """The import's id that an Idempotency-Key names: the same for the same asker and key."""
    digest = hashlib.blake2b(f"{actor}\n{key}".encode(), digest_size=16).digest()
    return ids.uuid7(int.from_bytes(digest[:6], "big"), int.from_bytes(digest[6:], "big") >> 6)

"""The catalogue's verbs: sheets and categories go in, set-wise, and every process is told what changed.

All of them take the caller's transaction and never commit. Rows are written in SKU order, so two upserts that meet
wait for each other and do not deadlock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from haat.domain.catalogue.admission import Known, Refusal, Surroundings, Write, admit
from haat.domain.catalogue.category import CategorySheet, paths
from haat.domain.catalogue.entry import Entry, entry
from haat.domain.catalogue.importing import Import, Outcome, due, settle
from haat.domain.catalogue.intake import Batch, Format
from haat.domain.catalogue.product import ProductSheet
from haat.domain.catalogue.queries import import_of
from haat.engine import changes
from haat.engine.database import Tx
from haat.kernel.errors import Refused

KIND = "catalogue"
RACES_MAX = 5  # each lost race means that another writer got through; five in a row on one SKU is somebody's loop

_KITS_LOCK = 0x6861_6174_0001  # one upsert with kits at a time: «no kits of kits» is about several rows at once


class Upserted(Struct, frozen=True):
    """What became of an upsert. `versions` holds every SKU that is stored as asked, changed or not."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    versions: dict[str, int]


async def upsert(
    tx: Tx, sheets: Sequence[ProductSheet], *, now: datetime, vendor: str | None = None, expected: Mapping[str, int] | None = None
) -> Upserted:
    """Store the sheets; refuse bad ones alone, with the reason, and leave what would not change untouched (idempotent).

    `vendor` limits the call to one vendor's products. `expected` gives versions by SKU that must still stand (`If-Match`;
    0 means «must not exist»): a sheet that finds another one is refused as `stale`. Thousands at a time are meant.
    """
    return await _upsert(tx, [entry(sheet) for sheet in sheets], now=now, vendor=vendor, expected=expected)


async def _upsert(
    tx: Tx, entries: Sequence[Entry], *, now: datetime, vendor: str | None, expected: Mapping[str, int] | None = None
) -> Upserted:
    created: list[str] = []
    changed: list[str] = []
    versions: dict[str, int] = {}
    refusals: dict[str, Refusal] = {}
    for _ in range(RACES_MAX):
        admission = admit(entries, await _surroundings(tx, entries), vendor=vendor, expected=expected)
        refusals.update((refusal.sku, refusal) for refusal in admission.refusals)
        versions.update(admission.unchanged)
        for sku, version in await _write(tx, admission.writes, now):
            versions[sku] = version
            (created if version == 1 else changed).append(sku)
        entries = [write.entry for write in admission.writes if write.entry.sheet.sku not in versions]
        if not entries:
            break
    else:
        raise Refused("catalogue_contended", "the same products are being written by somebody else all the time", kind="conflict")
    if created or changed:
        await changes.announce(tx, KIND, [*created, *changed])
    written = {*created, *changed}
    unchanged = tuple(sku for sku in versions if sku not in written)
    return Upserted(tuple(created), tuple(changed), unchanged, tuple(refusals.values()), versions)


async def _surroundings(tx: Tx, entries: Sequence[Entry]) -> Surroundings:
    sheets = [entry.sheet for entry in entries]
    kits = [sheet for sheet in sheets if sheet.kit]
    skus = {sheet.sku for sheet in sheets}
    used: set[str] = set()
    if kits:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", _KITS_LOCK)
        used = {
            row["part"] for row in await tx.fetch("SELECT DISTINCT part FROM kit_parts WHERE part = ANY($1::text[])", [k.sku for k in kits])
        }
        skus.update(part.sku for kit in kits for part in kit.kit)
    rows = await tx.fetch("SELECT sku, vendor, version, digest, kit FROM products WHERE sku = ANY($1::text[])", list(skus))
    known = {sku: Known(vendor, version, digest, kit) for sku, vendor, version, digest, kit in rows}
    codes = {sheet.category for sheet in sheets if sheet.category is not None}
    categories = await tx.fetch("SELECT code FROM categories WHERE code = ANY($1::text[])", list(codes)) if codes else []
    return Surroundings(known, {row["code"] for row in categories}, used)


async def _write(tx: Tx, writes: Sequence[Write], now: datetime) -> list[tuple[str, int]]:
    """Store the writes; returns SKU and version of those that found what they had read, so the rest lost a race."""
    if not writes:
        return []
    columns = zip(*((*write.entry.row, write.version) for write in writes), strict=True)
    # `unnest` fills up with nulls: a column that says nothing (and half of them do) need not be encoded.
    said = [() if column.count(None) == len(column) else column for column in columns]
    stored: dict[str, int] = dict(await tx.fetch(_UPSERT, now, *said))
    await _write_kits(tx, [write for write in writes if write.entry.sheet.sku in stored])
    return list(stored.items())


async def _write_kits(tx: Tx, writes: Sequence[Write]) -> None:
    """Replace the components of the kits among them, and drop those of products that are kits no longer."""
    parts = [(write.entry.sheet.sku, part.sku, part.quantity) for write in writes for part in write.entry.sheet.kit]
    formerly = [write.entry.sheet.sku for write in writes if write.version > 1]
    if formerly:
        await tx.execute("DELETE FROM kit_parts WHERE kit = ANY($1::text[])", formerly)
    if parts:
        await tx.execute(
            "INSERT INTO kit_parts (kit, part, quantity) SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])",
            *zip(*parts, strict=True),
        )


_UPSERT = """
INSERT INTO products (
  sku, product, vendor, category, status, name_en, name_bn, tax_class, price, currency, weight_g, size_mm, options, kit,
  quantity_min, quantity_max, purchase_limit, purchase_days, backorder, backorder_limit, expected_at,
  image, detail, words, digest, version, created_at, updated_at)
SELECT sku, product, vendor, category, status, name_en, name_bn, tax_class, price, currency,
  weight_g, size_mm::integer[], options::json, kit,
  quantity_min, quantity_max, purchase_limit, purchase_days, backorder, backorder_limit, expected_at,
  image, detail::json, words::tsvector, digest, version, $1, $1
FROM unnest(
  $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[],
  $12::integer[], $13::text[], $14::text[], $15::boolean[], $16::integer[], $17::integer[], $18::integer[], $19::integer[],
  $20::text[], $21::integer[], $22::timestamptz[], $23::text[], $24::text[], $25::text[], $26::bytea[], $27::integer[]
) AS sheet (
  sku, product, vendor, category, status, name_en, name_bn, tax_class, price, currency,
  weight_g, size_mm, options, kit, quantity_min, quantity_max, purchase_limit, purchase_days,
  backorder, backorder_limit, expected_at, image, detail, words, digest, version)
ON CONFLICT (sku) DO UPDATE SET
  product = excluded.product, category = excluded.category, status = excluded.status,
  name_en = excluded.name_en, name_bn = excluded.name_bn, tax_class = excluded.tax_class,
  price = excluded.price, currency = excluded.currency, weight_g = excluded.weight_g, size_mm = excluded.size_mm,
  options = excluded.options, kit = excluded.kit, quantity_min = excluded.quantity_min, quantity_max = excluded.quantity_max,
  purchase_limit = excluded.purchase_limit, purchase_days = excluded.purchase_days, backorder = excluded.backorder,
  backorder_limit = excluded.backorder_limit, expected_at = excluded.expected_at, image = excluded.image,
  detail = excluded.detail, words = excluded.words, digest = excluded.digest,
  version = excluded.version, updated_at = excluded.updated_at
WHERE products.version = excluded.version - 1 AND products.vendor = excluded.vendor
RETURNING sku, version
"""


async def upsert_categories(tx: Tx, sheets: Sequence[CategorySheet]) -> None:
    """Store the categories and recompute the paths of the whole tree; idempotent. Takes the tree's write lock.

    Refused as a whole, because a tree is right or wrong as a whole: `unknown_parent`, `category_circle`, `category_too_deep`.
    """
    for sheet in sheets:
        if not (sheet.name_en.strip() or sheet.name_bn.strip()):
            raise Refused("name_required", f"the category {sheet.code} needs a name in English or Bangla", category=sheet.code)
    await tx.execute("LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE")
    rows = await tx.fetch("SELECT code, parent, path FROM categories ORDER BY code")
    asked = {sheet.code: sheet for sheet in sheets}
    tree = paths({row["code"]: row["parent"] for row in rows} | {code: sheet.parent for code, sheet in asked.items()})
    await tx.execute(
        """INSERT INTO categories (code, parent, path, name_en, name_bn, position, active)
           SELECT code, parent, ARRAY[code], name_en, name_bn, position, active
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::boolean[])
             AS sheet (code, parent, name_en, name_bn, position, active)
           ON CONFLICT (code) DO UPDATE SET parent = excluded.parent, name_en = excluded.name_en, name_bn = excluded.name_bn,
             position = excluded.position, active = excluded.active""",
        list(asked),
        [sheet.parent for sheet in asked.values()],
        [sheet.name_en for sheet in asked.values()],
        [sheet.name_bn for sheet in asked.values()],
        [sheet.position for sheet in asked.values()],
        [sheet.active for sheet in asked.values()],
    )
    await _write_paths(tx, tree)
    moved = any(tuple(row["path"]) != tree[row["code"]] for row in rows)
    await changes.announce(tx, KIND, ["*"] if moved else [f"category:{code}" for code in asked])


async def _write_paths(tx: Tx, tree: Mapping[str, tuple[str, ...]]) -> None:
    await tx.execute(
        """UPDATE categories SET path = string_to_array(tree.path, ' ')
           FROM unnest($1::text[], $2::text[]) AS tree (code, path)
           WHERE categories.code = tree.code AND categories.path <> string_to_array(tree.path, ' ')""",
        list(tree),
        [" ".join(path) for path in tree.values()],
    )


class ImportOrder(Struct, frozen=True, kw_only=True):
    """The wish to import one file. `id` is the caller's (UUIDv7): the same wish again finds the import that it began."""

    id: str
    format: Format
    started_by: str
    source: str = ""
    vendor: str | None = None
    bytes_total: int | None = None


async def open_import(tx: Tx, order: ImportOrder, *, now: datetime) -> Import:
    """The import as it stands: new, or where an interrupted one can go on (`resume_at`)."""
    await tx.execute(
        """INSERT INTO product_imports (id, source, format, vendor, started_by, status, bytes_total, started_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $7) ON CONFLICT (id) DO NOTHING""",
        order.id,
        order.source,
        order.format,
        order.vendor,
        order.started_by,
        order.bytes_total,
        now,
    )
    return await _locked_import(tx, order.id)


async def import_batch(tx: Tx, import_id: str, batch: Batch, *, now: datetime) -> Import:
    """Store a batch and the import's progress together. Idempotent by the batch's bytes; locks the import's row.

    Refuses a batch that does not follow the last one (`import_gap`) and one for an import that has ended (`import_ended`).
    """
    job = await _locked_import(tx, import_id)
    if not due(job, batch):
        return job
    done = await _upsert(tx, [entry for _, entry in batch.rows], now=now, vendor=job.vendor)
    after = settle(job, batch, Outcome(len(done.created), len(done.changed), len(done.unchanged), done.refusals), now=now)
    await tx.execute(
        """UPDATE product_imports SET bytes_done = $2, lines_done = $3, header = $4, created = $5, changed = $6,
             unchanged = $7, rejected = $8, errors = coalesce($9::json, errors), updated_at = $10
           WHERE id = $1""",
        import_id,
        after.bytes_done,
        after.lines_done,
        after.header,
        after.created,
        after.changed,
        after.unchanged,
        after.rejected,
        msgspec.json.encode(after.errors).decode() if len(after.errors) > len(job.errors) else None,
        now,
    )
    return after


async def end_import(tx: Tx, import_id: str, *, status: Literal["done", "failed", "cancelled"], now: datetime, reason: str = "") -> Import:
    """Close the import; closing it the same way again changes nothing. Refuses «done» before the last byte is settled."""
    job = await _locked_import(tx, import_id)
    if job.status == status:
        return job
    if job.status != "running":
        raise Refused("import_ended", f"the import is {job.status}", kind="conflict", import_id=import_id)
    if status == "done" and job.bytes_total is not None and job.bytes_done < job.bytes_total:
        raise Refused(
            "import_incomplete", f"{job.bytes_total - job.bytes_done} bytes are missing", kind="conflict", bytes_done=job.bytes_done
        )
    await tx.execute(
        "UPDATE product_imports SET status = $2, reason = $3, updated_at = $4, finished_at = $4 WHERE id = $1",
        import_id,
        status,
        reason,
        now,
    )
    return msgspec.structs.replace(job, status=status, reason=reason, updated_at=now, finished_at=now)


async def _locked_import(tx: Tx, import_id: str) -> Import:
    row = await tx.fetchrow("SELECT *, id::text AS id_text FROM product_imports WHERE id = $1 FOR UPDATE", import_id)
    if row is None:
        raise Refused("unknown_import", "there is no such import", kind="missing", import_id=import_id)
    return import_of(row)

"""Products and their stock: what the catalogue permits to be sold before it exists reaches the stock that sells it.

    sheets ─► catalogue.upsert ─► permissions that changed ─► inventory.put_terms       one transaction

A product's back-order permission is one number for the SKU; stock keeps it by location. It goes to the SKU's first place (by
priority), where units on hand are sold first as well, and every other place of the SKU permits none. A permission that
shrinks below what was sold already stays at what was sold.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from haat.domain import catalogue, inventory
from haat.engine.database import Tx
from haat.kernel.errors import Refused


async def put_products(
    tx: Tx, sheets: Sequence[catalogue.ProductSheet], *, now: datetime, vendor: str | None = None, expected: Mapping[str, int] | None = None
) -> catalogue.Upserted:
    """`catalogue.upsert`, and the stock terms that follow from it. Idempotent. Locks products, then stock, each in SKU order."""
    before = await _permissions(tx, sheets)
    done = await catalogue.upsert(tx, sheets, now=now, vendor=vendor, expected=expected)
    homeless = await _permit(tx, before, [*done.created, *done.changed])
    if homeless:
        raise Refused("no_location", f"{homeless[0]} may be sold in advance, but there is no place that will send it.", sku=homeless[0])
    return done


async def import_products(tx: Tx, import_id: str, batch: catalogue.Batch, *, now: datetime) -> catalogue.Import:
    """`catalogue.import_batch`, and the stock terms that follow from it.

    Where the market has no place at all, a permission waits for the next change of its product: no row fails for its neighbour.
    """
    sheets = [entry.sheet for _, entry in batch.rows]
    before = await _permissions(tx, sheets)
    job = await catalogue.import_batch(tx, import_id, batch, now=now)
    await _permit(tx, before, [sheet.sku for sheet in sheets])
    return job


async def _permissions(tx: Tx, sheets: Sequence[catalogue.ProductSheet]) -> dict[str, catalogue.Backorder | None]:
    known = await catalogue.products(tx, [sheet.sku for sheet in sheets])
    return {sku: product.backorder for sku, product in known.items()}


async def _permit(tx: Tx, before: Mapping[str, catalogue.Backorder | None], skus: Iterable[str]) -> list[str]:
    """Carry over the permissions of `skus` that are not what they were `before`; returns those for which there is no place."""
    after = await catalogue.products(tx, list(skus))
    changed = {sku: product for sku, product in after.items() if product.backorder != before.get(sku)}
    if not changed:
        return []
    places = {place.code: place for place in (await inventory.locations(tx)).values() if place.active}
    levels: dict[str, list[inventory.Level]] = {sku: [] for sku in changed}
    for level in await inventory.lock_levels(tx, sorted(changed)):
        levels[level.sku].append(level)
    first = {sku: _first_place(product, levels[sku], places) for sku, product in changed.items()}
    terms = [each for sku, product in changed.items() for each in _terms(product, levels[sku], first[sku])]
    if terms:
        await inventory.put_terms(tx, terms)
    return [sku for sku, product in changed.items() if product.backorder is not None and first[sku] is None]


def _terms(product: catalogue.Product, levels: Sequence[inventory.Level], first: str | None) -> list[inventory.Terms]:
    permission = product.backorder
    by_place = {level.location: level for level in levels}
    if first is not None:
        by_place.setdefault(first, inventory.Level(product.sku, first, 0, 0))
    terms = []
    for location, level in by_place.items():
        limit = permission.limit if permission is not None and location == first else 0
        sold = max(level.reserved - level.on_hand, 0)
        late = permission.expected_at if permission is not None and location == first else level.expected_at if sold else None
        terms.append(inventory.Terms(product.sku, location, max(limit, sold), late, level.safety))
    return terms


def _first_place(product: catalogue.Product, levels: Sequence[inventory.Level], places: Mapping[str, inventory.Location]) -> str | None:
    """Where the SKU is kept already, else the vendor's own place, else the marketplace's; by priority, then code."""
    kept = [places[level.location] for level in levels if level.location in places]
    own = [place for place in places.values() if place.vendor == product.vendor]
    common = [place for place in places.values() if not place.vendor]
    for choice in (kept, own, common):
        if choice:
            return min(choice, key=lambda place: (place.priority, place.code)).code
    return None

"""Which price a line gets: the base price, a price list's, or the base price moved by a dynamic rule.

Of the price-list rows that match channel, customer group, currency, quantity and period, the list with the highest priority
decides; within equal priority the lowest amount, then the list's code. A list price is a promise: dynamic rules move base prices only.
"""

from haat.domain.pricing.basket import PricedItem
from haat.domain.pricing.draft import Draft
from haat.domain.pricing.quoted import Adjustment
from haat.domain.pricing.rules import DynamicPrice, OpenList
from haat.kernel.errors import Refused
from haat.kernel.money import half_up


def choose(draft: Draft, item: PricedItem, quantity: int) -> int:
    """The unit price of the line that comes next in the draft; the draft gets the adjustment that explains it.

    Refused «currency_mismatch» where neither a list nor the base price is in the basket's currency.
    """
    basket, position = draft.basket, len(draft.lines)
    found = _listed(draft, item, quantity)
    same_currency = item.currency == basket.currency
    if found is not None:
        amount, source = found
        if amount != item.price or not same_currency:
            change = (amount - item.price) * quantity if same_currency else 0
            draft.adjustments.append(Adjustment("price_list", source.code, source.version, change, ((position, change),)))
        return amount
    if not same_currency:
        raise mismatch(item, position, basket.currency)
    for rule in draft.rules.dynamic:
        if _covers(draft, rule, item):
            amount = _moved(rule, item)
            if amount != item.price:
                change = (amount - item.price) * quantity
                draft.adjustments.append(Adjustment("dynamic_price", rule.rule.code, rule.rule.version, change, ((position, change),)))
            return amount
    return item.price


def mismatch(item: PricedItem, position: int, wanted: str) -> Refused:
    """The refusal of an item that has no price in the currency that is `wanted`."""
    detail = f"{item.sku} is not sold in {wanted}"
    return Refused("currency_mismatch", detail, line=position, sku=item.sku, currency=item.currency, wanted=wanted)


def _listed(draft: Draft, item: PricedItem, quantity: int) -> tuple[int, OpenList] | None:
    best: tuple[int, int, str] | None = None
    tier: dict[str, tuple[int, int]] = {}
    basket, now, lists = draft.basket, draft.now, draft.rules.lists
    channel, group = basket.channel, basket.customer_group
    for row in item.prices:
        source = lists.get(row.list)
        if (
            source is None
            or quantity < row.min_quantity
            or source.currency != basket.currency
            or (source.channels and channel not in source.channels)
            or (source.customer_groups and group not in source.customer_groups)
            or not source.starts_at <= now < source.ends_at
            or (row.starts_at is not None and now < row.starts_at)
            or (row.ends_at is not None and row.ends_at <= now)
        ):
            continue
        known = tier.get(row.list)
        if known is None or (row.min_quantity, -row.amount) > (known[0], -known[1]):
            tier[row.list] = (row.min_quantity, row.amount)
    for code, (_, amount) in tier.items():
        key = (-lists[code].priority, amount, code)
        if best is None or key < best:
            best = key
    return None if best is None else (best[1], lists[best[2]])


def _covers(draft: Draft, rule: DynamicPrice, item: PricedItem) -> bool:
    signal = item.stock if rule.rule.signal == "stock" else item.demand
    return (
        signal is not None
        and rule.starts_at <= draft.now < rule.ends_at
        and (not rule.channels or draft.basket.channel in rule.channels)
        and rule.target.covers(item.sku, item.vendor, item.categories, ())
    )


def _moved(rule: DynamicPrice, item: PricedItem) -> int:
    """The base price after the highest band reached, within floor and ceiling, on a multiple of `step` where one lies between them."""
    row, base = rule.rule, item.price
    signal = (item.stock if row.signal == "stock" else item.demand) or 0
    change = next((change for at_least, change in rule.bands if signal >= at_least), 0)
    if not change:
        return base
    floor, ceiling = -(-base * row.floor // 10_000), base * row.ceiling // 10_000
    amount = min(max(half_up(base * (10_000 + change), 10_000), floor), ceiling)
    stepped = half_up(amount, row.step) * row.step
    if stepped < floor:
        stepped += row.step
    elif stepped > ceiling:
        stepped -= row.step
    return stepped if floor <= stepped <= ceiling else amount

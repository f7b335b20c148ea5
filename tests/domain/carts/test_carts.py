"""A cart and what may be asked of it; two carts that become one; tokens that open one cart and no other."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import carts
from haat.kernel.errors import Refused

NOW = datetime(2026, 11, 3, 6, tzinfo=UTC)
CART, OTHER = "01932d5c-0000-7000-8000-000000000001", "01932d5c-0000-7000-8000-000000000002"
SKUS = st.sampled_from(["APPLE", "MANGO", "PEAR", "PLUM"])
WISHES = st.lists(st.builds(carts.Wish, SKUS, st.integers(1, 50)), max_size=12)


def a_cart(*lines: tuple[str, int], cart_id: str = CART, **fields: object) -> carts.Cart:
    plain = {"id": cart_id, "channel": "web", "currency": "BDT", "created_at": NOW, "updated_at": NOW}
    written = tuple(carts.CartLine(sku, quantity) for sku, quantity in lines)
    return carts.Cart(**(plain | {"lines": written} | fields))  # type: ignore[arg-type]


def quantities(cart: carts.Cart) -> dict[str, int]:
    return {line.sku: line.quantity for line in cart.lines}


def filled(wishes: list[carts.Wish], **fields: object) -> carts.Cart:
    cart = a_cart(**fields)
    for wish in wishes:
        cart = carts.add_line(cart, wish)
    return cart


@given(WISHES)
def test_lines_are_merged_by_sku_whatever_the_order(wishes: list[carts.Wish]) -> None:
    cart = filled(wishes)
    assert len({line.sku for line in cart.lines}) == len(cart.lines)
    assert quantities(cart) == quantities(filled(wishes[::-1]))
    assert sum(quantities(cart).values()) == sum(wish.quantity for wish in wishes)


@given(WISHES, SKUS, st.integers(1, 1000))
def test_a_quantity_that_is_set_is_the_quantity_and_nothing_else_changes(wishes: list[carts.Wish], sku: str, quantity: int) -> None:
    before = filled(wishes)
    after = carts.put_line(before, carts.Wish(sku, quantity))
    assert quantities(after) == quantities(before) | {sku: quantity}
    assert carts.put_line(after, carts.Wish(sku, quantity)) == after


@given(WISHES, SKUS)
def test_what_is_put_in_can_be_taken_out_again(wishes: list[carts.Wish], sku: str) -> None:
    before = filled([wish for wish in wishes if wish.sku != sku])
    assert carts.remove_line(carts.add_line(before, carts.Wish(sku, 3)), sku) == before


@pytest.mark.parametrize(
    ("quantity", "bounds"), [(0, carts.Bounds()), (1, carts.Bounds(2)), (9, carts.Bounds(1, 8)), (carts.QUANTITY_MAX + 1, carts.Bounds())]
)
def test_a_quantity_stays_within_its_bounds(quantity: int, bounds: carts.Bounds) -> None:
    with pytest.raises(Refused, match="quantity_out_of_bounds"):
        carts.put_line(a_cart(), carts.Wish("PEAR", quantity, bounds))


def test_a_cart_has_so_many_lines_and_no_more() -> None:
    full = a_cart(*[(f"SKU-{n}", 1) for n in range(carts.LINES_MAX)])
    assert carts.add_line(full, carts.Wish("SKU-7", 1)).quantity_of("SKU-7") == 2
    with pytest.raises(Refused, match="too_many_lines"):
        carts.add_line(full, carts.Wish("NEW", 1))


def test_taking_out_what_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="unknown_line"):
        carts.remove_line(a_cart(), "PEAR")
    with pytest.raises(Refused, match="unknown_coupon"):
        carts.drop_coupon(a_cart(), "EID10")


@given(WISHES)
def test_a_cart_that_became_an_order_or_part_of_another_changes_no_more(wishes: list[carts.Wish]) -> None:
    closed = carts.close(filled(wishes), "order")
    _, merged, _ = carts.merge(a_cart(cart_id=OTHER), filled(wishes), {})
    for cart, code in ((closed, "cart_ordered"), (merged, "cart_merged")):
        assert not cart.open
        for decide in (
            lambda c: carts.add_line(c, carts.Wish("PEAR", 1)), lambda c: carts.remove_line(c, "PEAR"), lambda c: carts.pay_by(c, "cod"),
            lambda c: carts.ship_by(c, ""), lambda c: carts.deliver_to(c, carts.NO_ADDRESS), lambda c: carts.contact(c, carts.Contact()),
            lambda c: carts.wish_services(c, ()), lambda c: carts.add_coupon(c, "X"), lambda c: carts.drop_coupon(c, "X"),
            lambda c: carts.close(c, "another"),
        ):  # fmt: skip
            with pytest.raises(Refused, match=code):
                decide(cart)


def test_a_cart_says_what_it_still_needs() -> None:
    assert carts.missing(a_cart()) == ("lines", "ship_to", "payment_method")
    assert carts.missing(carts.ship_by(a_cart(("PEAR", 1)), "")) == ("payment_method",)
    said = carts.pay_by(carts.deliver_to(a_cart(("PEAR", 1)), msgspec.Raw(b"{}")), "cod")
    assert carts.missing(said) == ()


BOUNDS = st.dictionaries(SKUS, st.builds(carts.Bounds, st.just(1), st.one_of(st.none(), st.integers(1, 60))))


@given(WISHES, WISHES, BOUNDS)
def test_merging_adds_up_keeps_the_bounds_and_tells_of_every_line(
    mine: list[carts.Wish], theirs: list[carts.Wish], bounds: dict[str, carts.Bounds]
) -> None:
    into, other = filled(mine, owner="rahima"), filled(theirs, cart_id=OTHER)
    merged, closed, told = carts.merge(into, other, bounds)
    assert (closed.merged_into, closed.lines) == (into.id, other.lines)
    assert [change.sku for change in told] == [line.sku for line in other.lines]
    for sku in quantities(into).keys() | quantities(other).keys():
        had, brought, has = into.quantity_of(sku), other.quantity_of(sku), merged.quantity_of(sku)
        if not brought or sku not in bounds:
            assert has == had
        else:
            assert has == min(had + brought, bounds[sku].ceiling)
    for change in told:
        assert change.quantity == merged.quantity_of(change.sku)
        assert (change.kind == "merged") is (change.quantity == change.wanted)
    assert carts.merge(merged, closed, bounds) == (merged, closed, ())


def test_what_the_guest_said_fills_what_the_customer_has_not() -> None:
    mine = a_cart(owner="rahima", contact=carts.Contact("Rahima"), payment_method="bkash")
    theirs = a_cart(cart_id=OTHER, contact=carts.Contact("R", "017"), payment_method="cod", ship_to=msgspec.Raw(b'{"line":"House 12"}'))
    merged, _, _ = carts.merge(mine, theirs, {})
    assert (merged.contact, merged.payment_method, bytes(merged.ship_to)) == (
        carts.Contact("Rahima", "017"),
        "bkash",
        b'{"line":"House 12"}',
    )


@pytest.mark.parametrize(("other", "code"), [(a_cart(), "same_cart"), (a_cart(cart_id=OTHER, channel="shop"), "other_channel")])
def test_only_two_carts_of_one_channel_become_one(other: carts.Cart, code: str) -> None:
    with pytest.raises(Refused, match=code):
        carts.merge(a_cart(), other, {})


PRICES = st.dictionaries(SKUS, st.one_of(st.none(), st.integers(0, 10_000)))
COUPONS = st.dictionaries(st.sampled_from(["EID10", "BIG5"]), st.sampled_from(["", "minimum_total", "expired"]))


@given(WISHES, PRICES, COUPONS)
def test_what_was_seen_is_not_told_again(wishes: list[carts.Wish], prices: dict[str, int | None], coupons: dict[str, str]) -> None:
    cart = carts.add_coupon(carts.add_coupon(filled(wishes), "EID10"), "BIG5")
    seen = carts.seen(cart, prices, coupons)
    assert {c.kind for c in carts.changes(seen, prices, coupons)} <= {"gone"}
    assert carts.seen(seen, prices, coupons) is seen
    assert quantities(seen) == quantities(cart)


@given(WISHES, PRICES, PRICES)
def test_every_price_that_moved_is_told_once_with_both_figures(
    wishes: list[carts.Wish], before: dict[str, int | None], now: dict[str, int | None]
) -> None:
    cart = carts.seen(filled(wishes), before, {})
    told = {c.sku: c for c in carts.changes(cart, now, {})}
    for line in cart.lines:
        price = now.get(line.sku)
        if line.sku in now and price is None:
            assert told[line.sku].kind == "gone"
        elif price is None or line.seen_price is None or price == line.seen_price:
            assert line.sku not in told
        else:
            assert (told[line.sku].was, told[line.sku].price) == (line.seen_price, price)
            assert told[line.sku].kind == ("price_up" if price > line.seen_price else "price_down")


def test_a_shortage_is_told_as_long_as_it_stands() -> None:
    cart = a_cart(("PEAR", 5))
    seen = carts.seen(cart, {"PEAR": 100}, {})
    for _ in range(2):
        assert carts.changes(seen, {"PEAR": 100}, {}, {"PEAR": 3}) == (carts.Change("short", "PEAR", wanted=5, quantity=3),)
    assert carts.changes(seen, {"PEAR": 100}, {}, {"PEAR": 5}) == ()


@given(WISHES)
def test_a_cart_comes_back_from_its_document_as_it_was(wishes: list[carts.Wish]) -> None:
    cart = carts.deliver_to(carts.add_coupon(filled(wishes, owner="rahima"), "EID10"), msgspec.Raw(b'{"line":"\xe0\xa6\xa2"}'))
    cart = carts.hold(cart, carts.Hold(OTHER, NOW + timedelta(minutes=15)))
    assert msgspec.json.decode(msgspec.json.encode(cart).decode(), type=carts.Cart) == cart


SECRET, OLDER = b"s" * 32, b"o" * 32


@given(st.uuids(), st.integers(1, 10**9))
def test_a_token_opens_its_own_cart_until_it_expires(cart: object, seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    token = carts.token.of(str(cart), expires_at=until, secret=OLDER)
    assert carts.token.cart_of(token, secrets=[SECRET, OLDER], now=NOW) == str(cart)
    assert carts.token.cart_of(token, secrets=[SECRET, OLDER], now=until) is None
    assert carts.token.cart_of(token, secrets=[SECRET], now=NOW) is None


@given(st.integers(4, 74), st.sampled_from("ABCxyz019-_"))
def test_a_token_with_one_symbol_changed_opens_nothing(place: int, symbol: str) -> None:
    token = carts.token.of(CART, expires_at=NOW + timedelta(days=1), secret=SECRET)
    forged = token[:place] + symbol + token[place + 1 :]
    opened = carts.token.cart_of(forged, secrets=[SECRET], now=NOW)
    assert opened is None or forged == token or (place == len(token) - 1 and opened == CART)


@pytest.mark.parametrize("token", ["", "hct_", "hct_" + "A" * 71, "hgt_" + "A" * 71, "hct_" + "ä" * 71, "hct_" + "!" * 71])
def test_what_is_no_token_opens_nothing(token: str) -> None:
    assert carts.token.cart_of(token, secrets=[SECRET], now=NOW) is None

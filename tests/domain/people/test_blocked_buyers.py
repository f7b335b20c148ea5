"""A blocked buyer is recognised by any of its marks, for as long as the block stands."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import people
from haat.domain.people.block import blocks_of
from haat.domain.people.customer import key_of, one_each
from haat.kernel.errors import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_block(kind, value, until=None):
    return people.Block(id="b", kind=kind, value=value, reason="refused five parcels", blocked_by="admin:1", created_at=NOW, until=until)


@pytest.mark.parametrize(
    ("kind", "value", "buyer"),
    [
        ("phone", "+8801712345678", people.Buyer(phone="+8801712345678")),
        ("email", "a@b.example", people.Buyer(phone="+1", email="a@b.example")),
        ("customer", "c1", people.Buyer(customer="c1")),
        ("address", "f00d", people.Buyer(address="f00d")),
    ],
)
def test_a_buyer_is_recognised_by_each_mark(kind, value, buyer):
    blocks = blocks_of([a_block(kind, value)])
    assert blocks.match(buyer, now=NOW).kind == kind
    assert blocks.match(people.Buyer(phone="+8801999999999"), now=NOW) is None


def test_a_block_ends_by_itself():
    blocks = blocks_of([a_block("phone", "+880", until=NOW + timedelta(days=1))])
    assert blocks.match(people.Buyer(phone="+880"), now=NOW) is not None
    assert blocks.match(people.Buyer(phone="+880"), now=NOW + timedelta(days=1)) is None


def test_nobody_is_blocked_by_what_is_not_known():
    assert blocks_of([a_block("email", "")]).match(people.Buyer(phone="+880"), now=NOW) is None


def test_an_address_is_the_same_however_it_is_punctuated():
    one = people.address_fingerprint("BD", "Dhaka", "Mirpur", "House 12, Road 5/A")
    assert one == people.address_fingerprint("bd", "dhaka", "mirpur", "house-১২ road 5 a")
    assert one != people.address_fingerprint("BD", "Dhaka", "Mirpur", "House 13, Road 5/A")


def test_a_word_does_not_wander_from_one_part_of_an_address_to_the_next():
    assert people.address_fingerprint("ab", "c") != people.address_fingerprint("a", "bc")


@pytest.mark.parametrize(("typed", "kept"), [(" Rahim@Example.COM ", "rahim@example.com"), ("a@b", None), ("a b@c.de", None), ("", None)])
def test_an_e_mail_address_is_kept_in_one_spelling(typed, kept):
    assert people.email(typed) == kept


def test_a_customer_needs_a_phone_or_a_reference():
    with pytest.raises(Refused, match="customer_unknown"):
        key_of(people.CustomerSheet(id="1", name="Nobody"))


SHEETS = st.lists(
    st.builds(
        people.CustomerSheet,
        id=st.just("1"),
        phone=st.sampled_from([None, "+8801700000001", "+8801700000002"]),
        reference=st.sampled_from(["olist:1", "olist:2"]),
    ),
    max_size=8,
)


@given(SHEETS)
def test_in_one_call_no_two_phones_hold_the_same_reference(sheets):
    kept = one_each(sheets)
    held = [sheet.reference for sheet in kept.values() if sheet.phone and sheet.reference]
    assert len(held) == len(set(held))
    assert set(kept) == {key_of(sheet) for sheet in sheets}
